/** Copies of elements between tensors of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { addressOf } from "../address.ts";
import type { KernelHost } from "../host.ts";
import { JOBS } from "../jobs.ts";
import { copyRow, type Elements, LONG_ROW } from "./copy_row.ts";
import { type Axis, PartList, simplify } from "./parts.ts";

/** Elements of a tensor that are copied to places in another one. */
export interface Part {
  /** The tensor that the elements come from; without one, they are a constant. */
  readonly x?: tf.TensorInfo | undefined;
  /** The tensor that the elements go to. */
  readonly y: tf.TensorInfo;
  /** The first element in x. @default 0 */
  readonly from?: number;
  /** The place of the first element in y. @default 0 */
  readonly to?: number;
  /** The axes, in the order in which elements lie in y. */
  readonly axes: readonly Axis[];
}

/** The cost of an element in multiplications, since copying waits for memory. */
const OPERATIONS = 12;

/**
 * Copies parts, which do not overlap; all tensors have one type.
 *
 * @param value The constant of parts that come from no tensor.
 */
export function move(
  host: KernelHost,
  wasm: BackendWasm,
  parts: readonly Part[],
  value = 0,
): void {
  const all: Axis[][] = [];
  let size = 0, time = 0;
  for (const { axes } of parts) {
    const simple = simplify(axes);
    const count = sizeOf(simple);
    size += count;
    time += timeHere(simple, count);
    all.push(simple);
  }
  if (size === 0) return;
  if (time <= JOB) moveHere(wasm, parts, all, value);
  else moveByJob(host, wasm, parts, all, value, size);
}

function sizeOf(axes: readonly Axis[]): number {
  let size = 1;
  for (const { count } of axes) size *= count;
  return size;
}

// Nanoseconds: of starting a job, and in JavaScript of a row and of each element.
const JOB = 3000, ROW = 80, IN_ROW = 1 / 8, ALONE = 1.5;

/** The time that a part takes in JavaScript, in nanoseconds. */
function timeHere(axes: readonly Axis[], size: number): number {
  const last = axes.at(-1);
  if (!last || last.count <= LONG_ROW || last.from !== 1 || last.to !== 1) {
    return ALONE * size;
  }
  return size / last.count * ROW + IN_ROW * size;
}

function moveHere(
  wasm: BackendWasm,
  parts: readonly Part[],
  all: readonly (readonly Axis[])[],
  value: number,
): void {
  let before: Part | undefined, source!: Elements, target!: Elements;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!, { x, y, from = 0, to = 0 } = part;
    if (!before || before.x !== x) {
      source = x
        ? wasm.typedArrayFromHeap(x) as Elements
        : constantOf(y.dtype, value);
    }
    if (!before || before.y !== y) {
      target = wasm.typedArrayFromHeap(y) as Elements;
    }
    before = part;
    copyAxes(target, to, source, from, all[i]!, 0);
  }
}

function moveByJob(
  host: KernelHost,
  wasm: BackendWasm,
  parts: readonly Part[],
  all: readonly (readonly Axis[])[],
  value: number,
  size: number,
): void {
  const { dtype } = parts[0]!.y;
  const bytes = tf.util.bytesPerElement(dtype);
  const list = new PartList(bytes);
  for (let i = 0; i < parts.length; i++) {
    const { x, y, from = 0, to = 0 } = parts[i]!, axes = all[i]!;
    if (sizeOf(axes) === 0) continue;
    const source = x ? addressOf(wasm, x) + bytes * from : 0;
    list.add(axes, source, addressOf(wasm, y) + bytes * to);
  }
  host.run(JOBS.move, {
    parts: list.length,
    tasks: list.tasks,
    bytes,
    value: Object.is(value, 0) ? 0 : bitsOf(constantOf(dtype, value)),
  }, {
    operations: OPERATIONS * size,
    fill: (memory, address) => list.write(memory, address),
  });
}

function constantOf(dtype: tf.DataType, value: number): Elements {
  return dtype === "float32"
    ? Float32Array.of(value)
    : dtype === "bool"
    ? Uint8Array.of(value)
    : Int32Array.of(value);
}

function bitsOf(element: Elements): number {
  return element instanceof Uint8Array
    ? element[0]!
    : new Int32Array(element.buffer)[0]!;
}

/** Copies elements along the axes from one of them on. */
function copyAxes(
  to: Elements,
  at: number,
  from: Elements,
  start: number,
  axes: readonly Axis[],
  first: number,
): void {
  const axis = axes[first];
  if (!axis) {
    to[at] = from[start]!;
    return;
  }
  const { count, from: fromStep, to: toStep } = axis;
  if (first < axes.length - 1) {
    for (let i = 0; i < count; i++) {
      copyAxes(
        to,
        at + i * toStep,
        from,
        start + i * fromStep,
        axes,
        first + 1,
      );
    }
  } else if (fromStep === 1 && toStep === 1) {
    copyRow(to, at, from, start, count);
  } else {
    for (let i = 0; i < count; i++) {
      to[at + i * toStep] = from[start + i * fromStep]!;
    }
  }
}
