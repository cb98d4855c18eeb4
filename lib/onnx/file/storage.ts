/** How weights are stored: as they are, in 16 bits, or in 8 with scales. @module */
import { toFloat16 } from "../../io/float16.ts";
import {
  type Graph,
  type Initializer,
  type Node,
  tablesOf,
  type Values,
} from "../graph.ts";
import { BYTES, ELEMENT, type StoredType } from "./elements.ts";

/**
 * How weights are stored; graphs compute in float32 with each of them.
 *
 * - `"f32"`: as they are.
 * - `"f16"`: matrices and tables are rounded to float16, which must not exceed 65504.
 * - `"int8"`: matrices are rounded to 255 steps per column, tables per row.
 */
export type WeightStorage = "f32" | "f16" | "int8";

/** A tensor as a file has it. */
export interface StoredTensor {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  /** Whether the tensor's bytes may lie in a file of their own. */
  readonly isWeight: boolean;
  /** As many elements of the type as the shape has. */
  load(): Promise<ArrayBufferView>;
}

/** A graph's tensors as they are stored, and the operations that restore them. */
export interface Stored {
  readonly tensors: readonly StoredTensor[];
  /** Operations that come before all others; the output of each has the name of a weight. */
  readonly nodes: readonly Node[];
}

/** Smaller weights stay as they are: a scale or a node would take what they save. */
const LEAST_SIZE = 1024;

/** Operations of which a weight is a matrix or a table, not a norm's, decay's or filter's. */
const OF_MATRICES = new Set([
  ...["MatMul", "Gather", "Transpose", "Reshape", "Slice", "Identity"],
]);

/** Decides how the tensors of a graph are stored. */
export function storedAs(graph: Graph, storage: WeightStorage): Stored {
  const tables = tablesOf(graph);
  const others = storage === "f32" ? undefined : readOtherwise(graph);
  const parts = graph.initializers.map((tensor) => {
    const size = sizeOf(tensor.shape);
    if (
      !others || !tensor.isWeight || tensor.type !== "float32" ||
      tensor.shape.length < 2 || size < LEAST_SIZE || others.has(tensor.name)
    ) return { tensors: [asItIs(tensor)], nodes: [] };
    return storage === "f16"
      ? inHalves(tensor)
      : inSteps(tensor, tables.has(tensor.name) ? 0 : tensor.shape.length - 1);
  });
  return {
    tensors: parts.flatMap(({ tensors }) => tensors),
    nodes: parts.flatMap(({ nodes }) => nodes),
  };
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** The bytes of a tensor in a file. */
export function bytesOf({ type, shape }: StoredTensor): number {
  return BYTES[type] * sizeOf(shape);
}

/** Names of values that some operation reads which is none of matrices. */
function readOtherwise({ nodes }: Graph): Set<string> {
  const found = nodes.flatMap(({ operator, inputs, attributes }) => [
    ...OF_MATRICES.has(operator) ? [] : inputs,
    ...Object.values(attributes).flatMap((attribute) =>
      "graph" in attribute ? [...readOtherwise(attribute.graph)] : []
    ),
  ]);
  return new Set(found);
}

function asItIs(tensor: Initializer): StoredTensor {
  const { name, type, shape, isWeight } = tensor;
  return {
    ...{ name, type, shape, isWeight },
    load: async () => await tensor.load(),
  };
}

function inHalves(tensor: Initializer): Stored {
  const { name, shape } = tensor;
  const stored = `${name}.f16`;
  return {
    tensors: [{
      ...{ name: stored, type: "float16", shape, isWeight: true },
      load: async () => {
        const values = await finiteValues(tensor, 65504);
        return toFloat16(values);
      },
    }],
    nodes: [{
      ...{ name, operator: "Cast", domain: "", inputs: [stored] },
      ...{ outputs: [name], attributes: { to: { int: ELEMENT.float32 } } },
    }],
  };
}

/** @param axis Along which each index has a scale of its own. */
function inSteps(tensor: Initializer, axis: number): Stored {
  const { name, shape } = tensor;
  const [steps, scale] = [`${name}.int8`, `${name}.scale`];
  // Both tensors are made of the same values, which are read once for each.
  const made = async () => quantized(await finiteValues(tensor), shape, axis);
  return {
    tensors: [
      {
        ...{ name: steps, type: "int8", shape, isWeight: true },
        load: async () => (await made()).steps,
      },
      {
        ...{ name: scale, type: "float32", shape: [shape[axis]!] },
        ...{ isWeight: true, load: async () => (await made()).scales },
      },
    ],
    nodes: [{
      ...{ name, operator: "DequantizeLinear", domain: "" },
      ...{ inputs: [steps, scale], outputs: [name] },
      attributes: { axis: { int: axis } },
    }],
  };
}

/** Rounds values to 127 steps on each side of 0, the largest of an index being the last. */
function quantized(
  values: Float32Array,
  shape: readonly number[],
  axis: number,
): { steps: Int8Array; scales: Float32Array } {
  const count = shape[axis]!;
  const inner = sizeOf(shape.slice(axis + 1));
  const indexOf = (i: number) => Math.floor(i / inner) % count;
  const scales = new Float32Array(count);
  for (let i = 0; i < values.length; i++) {
    const index = indexOf(i);
    scales[index] = Math.max(scales[index]!, Math.abs(values[i]!));
  }
  for (let index = 0; index < count; index++) scales[index]! /= 127;
  const steps = new Int8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    // A column of zeros has no scale, and of tiny values one that rounding has enlarged or lost.
    const step = Math.round(values[i]! / (scales[indexOf(i)]! || 1));
    steps[i] = Math.max(-127, Math.min(127, step));
  }
  return { steps, scales };
}

/** A weight's values, if none is beyond what the storage can hold. */
async function finiteValues(
  { name, load }: Initializer,
  largest = Infinity,
): Promise<Float32Array> {
  const values: Values = await load();
  const bad = values.findIndex((value: number | bigint) =>
    !(Math.abs(Number(value)) <= largest) || !Number.isFinite(Number(value))
  );
  if (bad < 0) return values as Float32Array;
  throw new RangeError(
    `weight ${name} should have finite values${
      largest < Infinity ? ` up to ${largest}` : ""
    }, got ${values[bad]} at ${bad}; pass weights: "f32"`,
  );
}
