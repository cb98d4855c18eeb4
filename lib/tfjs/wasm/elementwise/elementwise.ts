/** A function of each element as a job of LION's module. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { addressOf } from "../address.ts";
import type { KernelHost, RunOptions } from "../host.ts";
import { JOBS } from "../jobs.ts";
import type { Kernel } from "../kernel.ts";
import { type Axes, axesOf } from "../../broadcast_axes.ts";
import {
  type FunctionName,
  FUNCTIONS,
  LARGEST_ANGLE,
  OUTER_AXES,
  PARTIAL,
} from "./functions.ts";

/** Elements of a task, of which a thread has many. */
const BLOCK = 16_384;

/** A function, as a job has it. */
export interface Elementwise {
  /** The function's number in the module. */
  readonly operation: number;
  /** The types of the operands. */
  readonly types: readonly ("float32" | "bool")[];
  /** The type of the result. */
  readonly type: "float32" | "int32" | "bool";
  readonly operations: number;
  /**
   * The function that computes arguments which this one leaves out, if there are such
   * arguments.
   */
  readonly rest: typeof PARTIAL[FunctionName];
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
    rest: PARTIAL[name],
  };
}

/** The numbers that a function takes. */
export interface Numbers {
  readonly p?: number | undefined;
  readonly q?: number | undefined;
}

/**
 * Computes a function of operands of its types, repeated to a common shape.
 *
 * @returns The result; undefined if the function left elements out, or where the
 * operands are repeated along more axes than a job has.
 */
export function compute(
  host: KernelHost,
  wasm: BackendWasm,
  fn: Elementwise,
  operands: readonly tf.TensorInfo[],
  numbers?: Numbers,
): tf.TensorInfo | undefined {
  const axes = axesOf(operands);
  if (axes.sizes.length > OUTER_AXES) return undefined;
  const output = wasm.makeOutput(axes.shape, fn.type);
  if (axes.size === 0) return output;
  try {
    write(wasm, fn, operands, axes, output);
    floats[P] = numbers?.p ?? 0;
    floats[Q] = numbers?.q ?? 0;
    if (run(host, wasm, fn, operands, axes, output)) return output;
  } catch (error) {
    wasm.disposeData(output.dataId);
    throw error;
  }
  wasm.disposeData(output.dataId);
  return undefined;
}

/**
 * The kernel of an operation that is a function of each element of some inputs.
 *
 * @param numbers The numbers of the function, by the operation's attributes.
 */
export function functionKernel<Attributes>(
  name: FunctionName,
  inputs: readonly string[],
  numbers?: (attributes: Readonly<Attributes>) => Numbers,
): Kernel<Attributes> {
  const fn = elementwise(name);
  return ({ host, wasm, inputs: given, attributes }) => {
    const operands = inputs.map((input) => given[input]!);
    return [compute(host, wasm, fn, operands, numbers?.(attributes))!];
  };
}

/** The record of a job, written anew for each: most jobs are so short that it counts. */
const record = new Int32Array(Object.keys(JOBS.elementwise.fields).length);
const floats = new Float32Array(record.buffer);

/** The place of a field of the record. */
const placeOf = (field: keyof typeof JOBS.elementwise.fields): number =>
  Object.keys(JOBS.elementwise.fields).indexOf(field);

// Constants each, since an object of them takes longer to read than the job to run.
const OPERATION = placeOf("operation"), OUT = placeOf("out");
const ROWS = placeOf("rows"), ROWS_PER_TASK = placeOf("rowsPerTask");
const COLUMNS = placeOf("columns"),
  COLUMNS_PER_TASK = placeOf("columnsPerTask");
const AXES = placeOf("axes"), FIRST_SIZE = placeOf("size1");
const P = placeOf("p"), Q = placeOf("q");
/** The first field of each operand. */
const OPERANDS = [placeOf("x"), placeOf("y"), placeOf("z")];

/** Writes the record. */
function write(
  wasm: BackendWasm,
  { operation, types, type }: Elementwise,
  operands: readonly tf.TensorInfo[],
  { size, sizes, columns, strides }: Axes,
  output: tf.TensorInfo,
): void {
  record.fill(0);
  record[OPERATION] = operation;
  record[ROWS] = size / columns;
  record[COLUMNS] = columns;
  record[ROWS_PER_TASK] = Math.max(1, Math.floor(BLOCK / columns));
  record[COLUMNS_PER_TASK] = BLOCK;
  record[AXES] = sizes.length;
  for (let axis = 0; axis < sizes.length; axis++) {
    record[FIRST_SIZE + axis] = sizes[axis]!;
  }
  for (let i = 0; i < operands.length; i++) {
    const first = OPERANDS[i]!, along = strides[i]!;
    record[first] = addressOf(wasm, operands[i]!);
    record[first + 1] = types[i] === "bool" ? 1 : 4;
    record[first + 2] = along[sizes.length]!;
    for (let axis = 0; axis < sizes.length; axis++) {
      record[first + 3 + axis] = along[axis]!;
    }
  }
  record[OUT] = addressOf(wasm, output);
  record[OUT + 1] = type === "bool" ? 1 : 4;
}

/** Runs the job; returns whether all elements are computed. */
function run(
  host: KernelHost,
  wasm: BackendWasm,
  { operations, rest }: Elementwise,
  operands: readonly tf.TensorInfo[],
  { size }: Axes,
  output: tf.TensorInfo,
): boolean {
  let options: RunOptions = { operations: operations * size };
  let areLeft = () => false;
  if (rest) {
    const fill = (memory: ArrayBufferLike, address: number) => {
      const flag = new Int32Array(memory, address, 1).fill(0);
      areLeft = () => flag[0] !== 0;
    };
    options = { ...options, fill };
  }
  host.run(JOBS.elementwise, record, options);
  if (!rest || !areLeft()) return true;
  if (rest === "cpu") return false;
  const from = wasm.typedArrayFromHeap(operands[0]!);
  const to = wasm.typedArrayFromHeap(output);
  from.forEach((x, i) => {
    if (Math.abs(x) > LARGEST_ANGLE) to[i] = rest(x);
  });
  return true;
}
