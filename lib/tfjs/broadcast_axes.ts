/** The repetition of operands to a common shape. @module */
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

/** The strides of operands that advance by elements, and of one that is a number. */
const ADVANCE = [1], STAY = [0], NONE: number[] = [];
const ALL_ADVANCE = [ADVANCE, ADVANCE, ADVANCE];
const SECOND_STAYS = [ADVANCE, STAY];

/** The axes of the result of operands. */
export function axesOf(operands: readonly Shaped[]): Axes {
  const { shape } = operands[0]!;
  if (operands.every((x) => areEqual(x.shape, shape))) {
    const size = sizeOf(shape);
    return { shape, size, sizes: NONE, columns: size, strides: ALL_ADVANCE };
  }
  const second = operands[1]!.shape;
  if (
    operands.length === 2 && second.length <= shape.length &&
    sizeOf(second) === 1
  ) {
    const size = sizeOf(shape);
    return { shape, size, sizes: NONE, columns: size, strides: SECOND_STAYS };
  }
  return repeated(operands.map(({ shape }) => shape));
}

/** A tensor, of which only the shape matters. */
interface Shaped {
  readonly shape: number[];
}

function repeated(shapes: readonly number[][]): Axes {
  const shape = shapes.reduce((a, b) =>
    tf.backend_util.assertAndGetBroadcastShape(a, b)
  );
  const sizes: number[] = [], strides: number[][] = shapes.map(() => []);
  const lengths = shapes.map(() => 1);
  /** Whether each operand advances along the outermost axis found, as text. */
  let before = "";
  for (let axis = 1; axis <= shape.length; axis++) {
    const size = shape.at(-axis)!;
    if (size === 1) continue;
    const advances = shapes.map((own) => (own.at(-axis) ?? 1) !== 1);
    if (`${advances}` === before) sizes[0]! *= size;
    else {
      sizes.unshift(size);
      advances.forEach((does, i) =>
        strides[i]!.unshift(does ? lengths[i]! : 0)
      );
    }
    before = `${advances}`;
    advances.forEach((does, i) => {
      if (does) lengths[i]! *= size;
    });
  }
  const columns = sizes.pop() ?? 1;
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
