/** Arrays of any rank for the interpreter of ONNX files, and walks through them. @module */

/** Types of elements that graphs compute with, by ONNX's numbers. */
export const TYPE = {
  float: 1,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  half: 10,
};

/** An array; integers and truth values are numbers too, which hold them exactly. */
export interface NdArray {
  readonly type: number;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A new array of zeros; floats are rounded to float32, as runtimes round them. */
export function zeros(type: number, shape: readonly number[]): NdArray {
  if (!shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new RangeError(`[${shape}] is no shape`);
  }
  const size = sizeOf(shape);
  const data = type === TYPE.float
    ? new Float32Array(size)
    : new Float64Array(size);
  return { type, shape: [...shape], data };
}

/** An array whose elements are given by their place. */
export function filled(
  type: number,
  shape: readonly number[],
  element: (i: number) => number,
): NdArray {
  const result = zeros(type, shape);
  for (let i = 0; i < result.data.length; i++) result.data[i] = element(i);
  return result;
}

/** How far apart neighbours of each axis are. */
export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** The shape that arrays have when the smaller are repeated. */
export function broadcastShape(
  ...shapes: readonly (readonly number[])[]
): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    const size = sizes.find((size) => size !== 1) ?? 1;
    if (sizes.every((one) => one === 1 || one === size)) return size;
    throw new RangeError(
      `shapes ${shapes.map((shape) => `[${shape}]`).join(" and ")} do not fit`,
    );
  });
}

/** For each place of a shape, in order, that of an array which is repeated to it. */
export function placesIn(
  { shape }: NdArray,
  target: readonly number[],
): Int32Array {
  const strides = stridesOf(shape);
  const steps = target.map((_, axis) => {
    const own = axis - target.length + shape.length;
    return (shape[own] ?? 1) === 1 ? 0 : strides[own]!;
  });
  return walk(target, steps);
}

/** Places from `start` on, in steps of each axis. */
export function walk(
  shape: readonly number[],
  steps: readonly number[],
  start = 0,
): Int32Array {
  let places = Int32Array.of(start);
  shape.forEach((size, axis) => {
    const next = new Int32Array(places.length * size);
    places.forEach((place, i) => {
      for (let j = 0; j < size; j++) {
        next[i * size + j] = place + j * steps[axis]!;
      }
    });
    places = next;
  });
  return places;
}

/** An axis from the front. */
export function axisOf(axis: number, rank: number): number {
  const own = axis < 0 ? axis + rank : axis;
  if (own >= 0 && own < rank) return own;
  throw new RangeError(`there is no axis ${axis} of ${rank}`);
}

/** An array of elements of others, at places. */
export function picked(
  { type, data }: NdArray,
  shape: readonly number[],
  places: ArrayLike<number>,
): NdArray {
  return filled(type, shape, (i) => data[places[i]!]!);
}

/** Sizes around an axis: of what is before it, its own, and of what is behind it. */
export function around(
  shape: readonly number[],
  axis: number,
): { outer: number; size: number; inner: number } {
  return {
    outer: sizeOf(shape.slice(0, axis)),
    size: shape[axis]!,
    inner: sizeOf(shape.slice(axis + 1)),
  };
}
