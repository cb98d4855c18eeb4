/** A graph in memory as messages of ONNX files. @module */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { VERSION } from "@lionjs/base";
import type { Attribute, Graph, Node, OnnxModel, ValueInfo } from "../graph.ts";
import {
  type AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "../protobuf/onnx_messages.ts";
import { ELEMENT } from "./elements.ts";
import type { StoredTensor } from "./storage.ts";

/** The version of files, which ONNX Runtime reads from 1.17 on. */
const IR_VERSION = 10n;

/** The name by which this library's files are known. */
export const PRODUCER = "lion";

/** Where an external tensor's bytes are. */
export interface Place {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/** All of a model but its graph. */
export function modelMessage({ opsets, metadata }: OnnxModel): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: PRODUCER,
    producerVersion: VERSION,
    opsetImport: opsets.map(({ domain, version }) => ({
      domain,
      version: BigInt(version),
    })),
    metadataProps: entriesOf(metadata),
  });
}

/** A graph without its initializers. */
export function graphMessage(
  { name, nodes, inputs, outputs }: Omit<Graph, "initializers">,
): GraphProto {
  return create(GraphProtoSchema, {
    name,
    node: nodes.map(nodeMessage),
    input: inputs.map(valueMessage),
    output: outputs.map(valueMessage),
  });
}

/** A tensor without its bytes, or with the place where they are. */
export function tensorMessage(
  { name, type, shape }: Pick<StoredTensor, "name" | "type" | "shape">,
  place?: Place,
): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: shape.map(BigInt),
    dataType: ELEMENT[type],
    ...place && {
      dataLocation: EXTERNAL,
      externalData: entriesOf({
        location: place.file,
        offset: `${place.offset}`,
        length: `${place.length}`,
      }),
    },
  });
}

/** The location of data that is in a file of its own, in onnx.proto. */
export const EXTERNAL = 1;

function entriesOf(
  texts: Readonly<Record<string, string>>,
): { key: string; value: string }[] {
  return Object.entries(texts).map(([key, value]) => ({ key, value }));
}

function nodeMessage(node: Node): MessageInitShape<typeof NodeProtoSchema> {
  const { name, operator, domain, inputs, outputs, attributes } = node;
  return {
    ...{ name, opType: operator, input: [...inputs], output: [...outputs] },
    ...domain !== "" && { domain },
    attribute: Object.entries(attributes).map(([name, attribute]) => ({
      name,
      ...attributeMessage(attribute),
    })),
  };
}

/** The value of an attribute, with its type's number in onnx.proto. */
function attributeMessage(
  attribute: Attribute,
): MessageInitShape<typeof AttributeProtoSchema> {
  if ("float" in attribute) return { type: 1, f: attribute.float };
  if ("int" in attribute) return { type: 2, i: BigInt(attribute.int) };
  if ("string" in attribute) {
    return { type: 3, s: new TextEncoder().encode(attribute.string) };
  }
  if ("ints" in attribute) {
    return { type: 7, ints: attribute.ints.map(BigInt) };
  }
  return { type: 5, g: bodyMessage(attribute.graph) };
}

/** The body of a loop, whose constants are few and small. */
function bodyMessage(graph: Graph): GraphProto {
  const message = graphMessage(graph);
  message.initializer = graph.initializers.map((tensor) => {
    const values = tensor.load();
    if (values instanceof Promise) {
      throw new Error(`${tensor.name} of a loop's body is on a device`);
    }
    const { buffer, byteOffset, byteLength } = values;
    const rawData = new Uint8Array(buffer, byteOffset, byteLength);
    return Object.assign(tensorMessage(tensor), { rawData });
  });
  return message;
}

function valueMessage(
  { name, type, shape }: ValueInfo,
): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape?.map((size) => ({
    value: typeof size === "string"
      ? { case: "dimParam" as const, value: size }
      : { case: "dimValue" as const, value: BigInt(size) },
  }));
  const value = {
    elemType: ELEMENT[type],
    ...dim && { shape: { dim } },
  };
  return { name, type: { value: { case: "tensorType" as const, value } } };
}
