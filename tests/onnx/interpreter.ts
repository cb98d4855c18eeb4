/**
 * Runs ONNX files: reads their bytes by the schema, and computes each node by plain
 * loops, with sums in float64 and results in float32. It knows only what the library
 * writes, and refuses what a runtime would refuse.
 *
 * @module
 */
import { fromBinary } from "@bufbuild/protobuf";
import { fromFloat16 } from "../../lib/io/float16.ts";
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
} from "../../lib/onnx/protobuf/onnx_messages.ts";
import {
  axisOf,
  filled,
  type NdArray,
  picked,
  sizeOf,
  stridesOf,
  TYPE,
  walk,
} from "./arrays.ts";
import { type Attributes, OPERATORS } from "./operators.ts";

/** A file that can be run. */
export class Interpreter {
  readonly model: ModelProto;
  readonly #data: Uint8Array | undefined;

  /** @param data The bytes of the weights' own file. */
  constructor(bytes: Uint8Array, data?: Uint8Array) {
    this.model = fromBinary(ModelProtoSchema, bytes);
    this.#data = data;
    const domains = new Set(this.model.opsetImport.map(({ domain }) => domain));
    for (const { domain, opType } of this.model.graph!.node) {
      if (!domains.has(domain)) throw new Error(`${opType} of "${domain}"`);
    }
  }

  /** The names of all operators, loops' included, sorted. */
  get operators(): string[] {
    const of = ({ node }: GraphProto): string[] =>
      node.flatMap(({ opType, attribute }) => [
        opType,
        ...attribute.flatMap(({ g }) => g ? of(g) : []),
      ]);
    return [...new Set(of(this.model.graph!))].sort();
  }

  /** Computes all outputs, by name. */
  run(feeds: Readonly<Record<string, NdArray>>): Record<string, NdArray> {
    const graph = this.model.graph!;
    const sizes = new Map<string, number>();
    const given = new Map<string, NdArray>();
    for (const { name, type } of graph.input) {
      const { elemType, shape } = type!.value.value!;
      const x = feeds[name];
      if (!x) throw new Error(`there is no input ${name}`);
      if (x.type !== elemType) {
        throw new TypeError(`${name} has type ${x.type}, not ${elemType}`);
      }
      shape!.dim.forEach(({ value }, axis) => {
        const size = x.shape[axis]!;
        const wanted = value.case === "dimValue"
          ? Number(value.value)
          : sizes.get(value.value ?? "") ?? size;
        if (value.case === "dimParam" && value.value) {
          sizes.set(value.value, size);
        }
        if (size === wanted) return;
        throw new RangeError(`${name} has [${x.shape}], not ${wanted}`);
      });
      given.set(name, x);
    }
    if (Object.keys(feeds).length !== graph.input.length) {
      throw new Error(`inputs are ${graph.input.map(({ name }) => name)}`);
    }
    const values = this.#graph(graph, given);
    for (const { name, type } of graph.output) {
      const { elemType, shape } = type!.value.value!;
      const y = values.get(name)!;
      const dims = shape?.dim ?? [];
      const fits = y.type === elemType && (!shape ||
        dims.length === y.shape.length &&
          dims.every(({ value }, axis) =>
            y.shape[axis] ===
              (value.case === "dimValue"
                ? Number(value.value)
                : sizes.get(value.value ?? "") ?? y.shape[axis])
          ));
      if (!fits) throw new RangeError(`${name} became [${y.shape}]`);
    }
    return Object.fromEntries(
      graph.output.map(({ name }) => [name, values.get(name)!]),
    );
  }

  /** @param outer The values that a loop's body sees. */
  #graph(
    graph: GraphProto,
    given: ReadonlyMap<string, NdArray>,
    outer: ReadonlyMap<string, NdArray> = new Map(),
  ): Map<string, NdArray> {
    const values = new Map([...outer, ...given]);
    const set = (name: string, value: NdArray) => {
      if (values.has(name)) throw new Error(`two values are called ${name}`);
      values.set(name, value);
    };
    for (const tensor of graph.initializer) {
      set(tensor.name, this.#read(tensor));
    }
    for (const node of graph.node) {
      const inputs = node.input.map((name) => {
        if (name === "") return undefined;
        const value = values.get(name);
        if (!value) throw new Error(`${node.name} reads ${name} too early`);
        return value;
      });
      try {
        const outputs = this.#node(node, inputs, values);
        node.output.forEach((name, i) => name && set(name, outputs[i]!));
      } catch (cause) {
        const shapes = inputs.map((x) => x ? `[${x.shape}]` : "none");
        const { message } = cause as Error;
        throw new Error(`${node.name} of ${shapes}: ${message}`, { cause });
      }
    }
    return values;
  }

  #node(
    node: NodeProto,
    inputs: (NdArray | undefined)[],
    values: ReadonlyMap<string, NdArray>,
  ): NdArray[] {
    if (node.opType === "Scan") return this.#scan(node, inputs, values);
    const name = node.domain ? `${node.domain}.${node.opType}` : node.opType;
    const operator = OPERATORS[name];
    if (!operator) throw new Error(`${name} is no operator of the interpreter`);
    return [operator(inputs, attributesOf(node), node.output.length)].flat();
  }

  #scan(
    node: NodeProto,
    inputs: (NdArray | undefined)[],
    values: ReadonlyMap<string, NdArray>,
  ): NdArray[] {
    const attributes = attributesOf(node);
    const body = node.attribute.find(({ name }) => name === "body")!.g!;
    const list = (name: string, size: number) =>
      (attributes[name] as number[] | undefined) ?? Array(size).fill(0);
    const count = attributes["num_scan_inputs"] as number;
    const first = inputs.length - count;
    let states = inputs.slice(0, first).map((x) => x!);
    const read = inputs.slice(first).map((x) => x!);
    const axes = list("scan_input_axes", count);
    const length = read[0]!.shape[axes[0]!]!;
    const backward = list("scan_input_directions", count);
    const stacked: NdArray[][] = [];
    for (let t = 0; t < length; t++) {
      const steps = read.map((x, i) =>
        stepOf(x, axes[i]!, backward[i] ? length - 1 - t : t)
      );
      const given = new Map(
        [...states, ...steps].map((x, i) => [body.input[i]!.name, x]),
      );
      const after = this.#graph(body, given, values);
      const outputs = body.output.map(({ name }) => after.get(name)!);
      states = outputs.slice(0, first);
      outputs.slice(first).forEach((y, i) => (stacked[i] ??= []).push(y));
    }
    const outAxes = list("scan_output_axes", stacked.length);
    const outBackward = list("scan_output_directions", stacked.length);
    const results = stacked.map((steps, i) =>
      stackOf(outBackward[i] ? steps.reverse() : steps, outAxes[i]!)
    );
    return [...states, ...results];
  }

  #read(tensor: TensorProto): NdArray {
    const shape = tensor.dims.map(Number);
    const places = new Map(tensor.externalData.map((e) => [e.key, e.value]));
    const [offset, length] = ["offset", "length"].map((name) =>
      Number(places.get(name))
    ) as [number, number];
    const raw = tensor.dataLocation === 1
      ? this.#data!.slice(offset, offset + length)
      : tensor.rawData.slice();
    const elements: Record<number, () => ArrayLike<number>> = {
      [TYPE.float]: () => new Float32Array(raw.buffer),
      [TYPE.half]: () => fromFloat16(raw.buffer),
      [TYPE.int8]: () => new Int8Array(raw.buffer),
      [TYPE.int32]: () => new Int32Array(raw.buffer),
      [TYPE.int64]: () =>
        Array.from(new BigInt64Array(raw.buffer), (value) => Number(value)),
      [TYPE.bool]: () => raw,
    };
    const values = elements[tensor.dataType]!();
    if (values.length !== sizeOf(shape)) {
      throw new RangeError(`${tensor.name} has ${values.length} elements`);
    }
    return filled(tensor.dataType, shape, (i) => values[i]!);
  }
}

function attributesOf({ attribute }: NodeProto): Attributes {
  return Object.fromEntries(
    attribute.filter(({ type }) => type !== 5).map((one) => [
      one.name,
      one.type === 1
        ? one.f
        : one.type === 2
        ? Number(one.i)
        : one.type === 3
        ? new TextDecoder().decode(one.s)
        : one.ints.map(Number),
    ]),
  );
}

function stepOf(x: NdArray, axis: number, t: number): NdArray {
  const strides = stridesOf(x.shape);
  const own = axisOf(axis, x.shape.length);
  const shape = x.shape.toSpliced(own, 1);
  return picked(
    x,
    shape,
    walk(shape, strides.toSpliced(own, 1), t * strides[own]!),
  );
}

function stackOf(steps: readonly NdArray[], axis: number): NdArray {
  const shape = steps[0]!.shape.toSpliced(axis, 0, 1);
  const parts = steps.map((step) => ({ ...step, shape }));
  return [OPERATORS["Concat"]!(parts, { axis }, 1)].flat()[0]!;
}
