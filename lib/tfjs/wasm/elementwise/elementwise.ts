/** A function of each element as a job of LION's module. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { addressOf } from "../address.ts";
import type { KernelHost } from "../host.ts";
import { type Axes, axesOf } from "./axes.ts";
import {
  type FunctionName,
  FUNCTIONS,
  OUTER_AXES,
  PARTIAL,
} from "./functions.ts";

/** Elements of a task, of which a thread has many. */
const BLOCK = 16_384;

/** A function, as a job has it. */
export interface Elementwise {
  /** Its number. */
  readonly operation: number;
  /** The types of its operands. */
  readonly types: readonly ("float32" | "bool")[];
  /** The type of its result. */
  readonly type: "float32" | "int32" | "bool";
  readonly operations: number;
  /** Whether it leaves some arguments out. */
  readonly isPartial: boolean;
}

const NAMES = Object.keys(FUNCTIONS);

/** A function of the list. */
export function elementwise(name: FunctionName): Elementwise {
  const { operands, result, operations } = FUNCTIONS[name];
  const typeOf = (kind: string) => kind === "f" ? "float32" : "bool";
  return {
    operation: NAMES.indexOf(name),
    types: [...operands].map(typeOf),
    type: typeOf(result),
    operations,
    isPartial: PARTIAL.includes(name),
  };
}

/** The numbers that a function takes. */
export interface Numbers {
  readonly p?: number;
  readonly q?: number;
}

/**
 * Computes a function of operands of its types, repeated to a common shape.
 *
 * @param host Runs the job.
 * @param wasm The backend of the operands.
 * @param fn The function.
 * @param operands The operands.
 * @param numbers The numbers that it takes.
 * @returns The result; undefined if the function left elements out, or where the
 * operands are repeated along more axes than a job has.
 */
export function compute(
  host: KernelHost,
  wasm: BackendWasm,
  fn: Elementwise,
  operands: readonly tf.TensorInfo[],
  numbers: Numbers = {},
): tf.TensorInfo | undefined {
  const axes = axesOf(operands.map(({ shape }) => shape));
  if (axes.sizes.length > OUTER_AXES) return undefined;
  const output = wasm.makeOutput(axes.shape, fn.type);
  if (axes.size === 0) return output;
  try {
    if (runJob(host, wasm, fn, operands, numbers, axes, output)) return output;
  } catch (error) {
    wasm.disposeData(output.dataId);
    throw error;
  }
  wasm.disposeData(output.dataId);
  return undefined;
}

/** The fields of operands, in order. */
const FIELDS = ["x", "y", "z"] as const;

/** Runs the job; returns whether it has computed all elements. */
function runJob(
  host: KernelHost,
  wasm: BackendWasm,
  { operation, operations, types, type, isPartial }: Elementwise,
  operands: readonly tf.TensorInfo[],
  { p = 0, q = 0 }: Numbers,
  { size, sizes, columns, strides }: Axes,
  output: tf.TensorInfo,
): boolean {
  const record: Record<string, number> = {
    operation,
    columns,
    rows: size / columns,
    columnsPerTask: BLOCK,
    rowsPerTask: Math.max(1, Math.floor(BLOCK / columns)),
    axes: sizes.length,
    out: addressOf(wasm, output),
    outBytes: type === "bool" ? 1 : 4,
    p,
    q,
  };
  sizes.forEach((size, i) => record[`size${i + 1}`] = size);
  operands.forEach((operand, i) => {
    const field = FIELDS[i]!, along = strides[i]!;
    record[field] = addressOf(wasm, operand);
    record[`${field}Bytes`] = types[i] === "bool" ? 1 : 4;
    along.forEach((stride, axis) => {
      const isInner = axis === along.length - 1;
      record[`${field}${isInner ? 0 : axis + 1}`] = stride;
    });
  });
  let memory: ArrayBufferLike | undefined, someLeft = 0;
  host.run("elementwise", record as never, {
    operations: operations * size,
    fill: (buffer, address) => {
      memory = buffer;
      someLeft = address >>> 2;
      new Int32Array(buffer)[someLeft] = 0;
    },
  });
  return !isPartial || new Int32Array(memory!)[someLeft] === 0;
}
