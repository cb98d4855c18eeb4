/** The positions of elements in broadcast arrays. @module */
import { stridesIn } from "../kernel_call.ts";
import { repeat } from "./shader.ts";

/** WGSL text, and the numbers that it reads. */
export interface Broadcast {
  /** WGSL that declares `at_a` and `at_b` for `at_both`, an index in the common shape. */
  readonly text: string;
  readonly integers: Readonly<Record<string, number>>;
}

/**
 * Finds elements of two arrays that are broadcast to a common shape.
 *
 * @param a The shape of the first array.
 * @param b The shape of the second array.
 * @param shape The common shape, whose rank the text depends on.
 */
export function broadcast(
  a: readonly number[],
  b: readonly number[],
  shape: readonly number[],
): Broadcast {
  const [stridesA, stridesB] = [stridesIn(a, shape), stridesIn(b, shape)];
  const integers = shape.map((size, axis) => ({
    [`size${axis}`]: size,
    [`strideA${axis}`]: stridesA[axis]!,
    [`strideB${axis}`]: stridesB[axis]!,
  }));
  const text = repeat(shape.length, (i) => {
    const axis = shape.length - 1 - i;
    return `  at_a += rest % uniforms.size${axis} * uniforms.strideA${axis};
  at_b += rest % uniforms.size${axis} * uniforms.strideB${axis};
  rest /= uniforms.size${axis};`;
  });
  return {
    text: `  var rest = at_both;
  var at_a = 0u;
  var at_b = 0u;
${text}`,
    integers: Object.assign({}, ...integers),
  };
}
