/**
 * Writing ONNX files, one tensor after another: what a file says of them has a known
 * length, so that no more than one is in memory.
 *
 * @module
 */
import { toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { concatenated } from "@lionjs/base";
import { writeAtomically } from "@lionjs/base/files";
import type { OnnxModel } from "../graph.ts";
import {
  GraphProtoSchema,
  ModelProtoSchema,
  TensorProtoSchema,
} from "../protobuf/onnx_messages.ts";
import {
  graphMessage,
  modelMessage,
  type Place,
  tensorMessage,
} from "./messages.ts";
import {
  bytesOf,
  storedAs,
  type StoredTensor,
  type WeightStorage,
} from "./storage.ts";

/** How a model is written. */
export interface FileOptions {
  readonly weights: WeightStorage;
  /** Whether weights are in a file of their own; by default if a file could not hold them. */
  readonly externalData: boolean | "auto";
}

/** The bytes of a model's files. */
export interface OnnxBytes {
  /** The model's file. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** The weights' file, if they are in one of their own. */
  readonly data?: Uint8Array<ArrayBuffer>;
}

/** Bytes of tensors from which on they are in a file of their own: a message ends at 2³¹. */
const LARGEST_INLINE = 1.9e9;

/** Weights of fewer bytes stay in the model's file. */
const LEAST_EXTERNAL = 1024;

/** Where external tensors begin: at multiples of a page, so that they can be mapped. */
const PAGE = 4096;

/** Numbers of fields in onnx.proto, which have a length that is known before their value. */
const FIELD = { graph: 7, initializer: 5, rawData: 9 } as const;

/**
 * Writes a model's file, and the weights' own beside it, which is first, since the
 * model's says what is in it.
 *
 * @returns The paths of the files.
 */
export async function writeOnnx(
  path: string,
  model: OnnxModel,
  options: FileOptions,
): Promise<string[]> {
  const dataPath = `${path}_data`;
  const plan = planOf(model, options, nameOf(dataPath));
  if (plan.apart.length === 0) {
    await writeAtomically(path, modelChunks(plan));
    return [path];
  }
  await writeAtomically(dataPath, dataChunks(plan));
  await writeAtomically(path, modelChunks(plan));
  return [path, dataPath];
}

/**
 * The bytes of a model's files.
 *
 * @param dataName By which the model's file calls the weights'.
 */
export async function encodeOnnx(
  model: OnnxModel,
  options: FileOptions,
  dataName: string,
): Promise<OnnxBytes> {
  const plan = planOf(model, options, dataName);
  const encoded = await joined(modelChunks(plan), plan.size);
  if (plan.apart.length === 0) return { model: encoded };
  const { place } = plan.apart.at(-1)!;
  const length = place.offset + place.length;
  return { model: encoded, data: await joined(dataChunks(plan), length) };
}

/** A part of a model's file: bytes that are there, and those of a tensor after them. */
interface Part {
  readonly head: Uint8Array;
  readonly tensor?: StoredTensor;
}

/** The bytes of a model's files, before the tensors are read. */
interface Plan {
  readonly parts: readonly Part[];
  /** Bytes of the model's file. */
  readonly size: number;
  readonly apart: readonly { tensor: StoredTensor; place: Place }[];
}

function planOf(
  model: OnnxModel,
  { weights, externalData }: FileOptions,
  file: string,
): Plan {
  const { tensors, nodes } = storedAs(model.graph, weights);
  const total = tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  const isApart = externalData === "auto"
    ? total >= LARGEST_INLINE
    : externalData;
  let offset = 0;
  const placed = tensors.map((tensor) => {
    const length = bytesOf(tensor);
    if (!isApart || !tensor.isWeight || length < LEAST_EXTERNAL) {
      return { tensor, place: undefined };
    }
    const place = { file, offset, length };
    offset = Math.ceil((offset + length) / PAGE) * PAGE;
    return { tensor, place };
  });
  const { graph } = model;
  const whole = { ...graph, nodes: [...nodes, ...graph.nodes] };
  const inner: Part[] = [
    { head: toBinary(GraphProtoSchema, graphMessage(whole)) },
    ...placed.map(tensorPart),
  ];
  const begin = concatenated([
    toBinary(ModelProtoSchema, modelMessage(model)),
    headOf(FIELD.graph, sizeOfParts(inner)),
  ]);
  const parts = [{ head: begin }, ...inner];
  const apart = placed.flatMap(({ tensor, place }) =>
    place ? [{ tensor, place }] : []
  );
  return { parts, size: sizeOfParts(parts), apart };
}

/** An initializer: its message and, unless they are elsewhere, its bytes as the last field. */
function tensorPart(
  { tensor, place }: { tensor: StoredTensor; place: Place | undefined },
): Part {
  const message = toBinary(TensorProtoSchema, tensorMessage(tensor, place));
  if (place) {
    const head = headOf(FIELD.initializer, message.length);
    return { head: concatenated([head, message]) };
  }
  const rawData = headOf(FIELD.rawData, bytesOf(tensor));
  const length = message.length + rawData.length + bytesOf(tensor);
  const head = headOf(FIELD.initializer, length);
  return { head: concatenated([head, message, rawData]), tensor };
}

function sizeOfParts(parts: readonly Part[]): number {
  return parts.reduce(
    (sum, { head, tensor }) =>
      sum + head.length + (tensor ? bytesOf(tensor) : 0),
    0,
  );
}

/** What precedes a field's value: its number and its length. */
function headOf(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited)
    .uint32(length).finish();
}

async function* modelChunks({ parts }: Plan): AsyncGenerator<Uint8Array> {
  for (const { head, tensor } of parts) {
    yield head;
    if (tensor) yield await loaded(tensor);
  }
}

async function* dataChunks({ apart }: Plan): AsyncGenerator<Uint8Array> {
  let written = 0;
  for (const { tensor, place } of apart) {
    if (place.offset > written) yield new Uint8Array(place.offset - written);
    yield await loaded(tensor);
    written = place.offset + place.length;
  }
}

async function loaded(tensor: StoredTensor): Promise<Uint8Array> {
  const { buffer, byteOffset, byteLength } = await tensor.load();
  if (byteLength === bytesOf(tensor)) {
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  throw new Error(
    `${tensor.name} should have ${bytesOf(tensor)} bytes, got ${byteLength}`,
  );
}

async function joined(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function nameOf(path: string): string {
  return path.split(/[\\/]/).at(-1)!;
}
