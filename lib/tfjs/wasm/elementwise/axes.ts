/** How operands are repeated to a common shape. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * The axes of a result, as few as there can be: neighbours along which each operand
 * either advances or is repeated are one.
 */
export interface Axes {
  /** The result's shape. */
  readonly shape: number[];
  /** Elements of the result. */
  readonly size: number;
  /** The size of each axis but the innermost, from the outermost in. */
  readonly sizes: readonly number[];
  /** Elements of a row, along the innermost axis. */
  readonly columns: number;
  /**
   * For each operand, how many elements it advances along each axis; 0 where it is
   * repeated.
   */
  readonly strides: readonly (readonly number[])[];
}

/** The axes of the result of operands of these shapes. */
export function axesOf(shapes: readonly number[][]): Axes {
  const first = shapes[0]!;
  if (shapes.every((shape) => areEqual(shape, first))) {
    const size = sizeOf(first);
    const strides = shapes.map(() => [1]);
    return { shape: first, size, sizes: [], columns: size, strides };
  }
  const shape = shapes.reduce((a, b) =>
    tf.backend_util.assertAndGetBroadcastShape(a, b)
  );
  const sizes: number[] = [], strides: number[][] = shapes.map(() => []);
  const lengths = shapes.map(() => 1);
  /** Which operands advance along the outermost axis found. */
  let before = "";
  for (let axis = 1; axis <= shape.length; axis++) {
    const size = shape.at(-axis)!;
    if (size === 1) continue;
    const advances = shapes.map((own) => (own.at(-axis) ?? 1) !== 1);
    if (`${advances}` === before) sizes[0]! *= size;
    else {
      sizes.unshift(size);
      advances.forEach((does, i) => strides[i]!.unshift(does ? lengths[i]! : 0));
    }
    before = `${advances}`;
    advances.forEach((does, i) => {
      if (does) lengths[i]! *= size;
    });
  }
  const columns = sizes.pop()!;
  return { shape, size: sizeOf(shape), sizes, columns, strides };
}

function areEqual(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i]!;
  return size;
}
