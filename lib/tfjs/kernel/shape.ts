/** Checks of shapes of tensors. @module */
import type { Rank, Tensor } from "@tensorflow/tfjs-core";
import { shown } from "@lionjs/base";

/** The types of rank by number of axes. */
interface Ranks {
  0: Rank.R0;
  1: Rank.R1;
  2: Rank.R2;
  3: Rank.R3;
  4: Rank.R4;
  5: Rank.R5;
  6: Rank.R6;
}

/** A tensor with as many axes as a list has entries, where TypeScript knows how many. */
export type TensorOf<Axes extends readonly unknown[]> = Tensor<
  Axes["length"] extends keyof Ranks ? Ranks[Axes["length"]] : Rank
>;

/**
 * Throws unless `tensor` has the expected shape, of which TypeScript knows the
 * rank from then on: callers may have it as a plain `tf.Tensor`. `null` matches
 * any size. The message names the argument, the expected shape and the actual
 * one.
 */
export function assertShape<
  const Expected extends readonly (number | null)[],
>(
  name: string,
  tensor: Tensor,
  expected: Expected,
  axes: string,
): asserts tensor is TensorOf<Expected> {
  // Callers in plain JavaScript and notebooks are not type-checked.
  if (!Array.isArray(tensor?.shape)) {
    throw new TypeError(
      `${name} should be a tensor of shape [${axes}], got ${shown(tensor)}`,
    );
  }
  assertNotDisposed(name, tensor);
  const fits = tensor.shape.length === expected.length &&
    expected.every((size, axis) =>
      size === null || size === tensor.shape[axis]
    );
  if (fits) return;
  const sizes = expected.map((size) => size ?? "any").join(", ");
  throw new TypeError(
    `${name} should have shape [${axes}] = [${sizes}], got [${
      tensor.shape.join(", ")
    }]`,
  );
}

/**
 * Throws if a tensor has been disposed of: what reads its values would say only
 * that a property of `undefined` was read.
 */
export function assertNotDisposed(
  name: string,
  { isDisposed, shape }: Tensor,
): void {
  if (!isDisposed) return;
  throw new TypeError(
    `${name} should be a tensor that still has values, got one of shape [${
      shape.join(", ")
    }] that was disposed of, by dispose(), tf.dispose() or the tf.tidy() that it was made in; tf.keep() spares it from tf.tidy()`,
  );
}

export function assertNotEmpty(name: string, { size, shape }: Tensor): void {
  if (size > 0) return;
  throw new RangeError(`${name} should not be empty, got shape [${shape}]`);
}
