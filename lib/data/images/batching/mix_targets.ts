import {
  assertAllocatable,
  assertInteger,
  assertOptions,
  assertShare,
  optionsOf,
  shown,
} from "@lionjs/base";

/** Options of {@linkcode mixTargets}. */
export interface MixTargetsOptions {
  /** λ, the share of each example in its mixture, from 0 to 1. */
  lambda: number;
  /** The number of classes. */
  classes: number;
  /**
   * The ε of label smoothing: of K classes, the true one gets 1 - ε + ε / K,
   * and each other one ε / K. @default 0
   */
  smoothing?: number | undefined;
}

const OPTIONS = optionsOf<MixTargetsOptions>()("lambda classes smoothing");

/**
 * Returns the labels of a batch in which the first example is mixed with the
 * last, the second with the last but one and so on, as by `mix` of
 * `imageBatches`: λ of an example's own label and 1 - λ of the other's.
 *
 * Source: Zhang et al. 2017 (arXiv:1710.09412), as timm's `mixup_target` does it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { mixTargets } from "@lionjs/lion/data";
 *
 * const targets = mixTargets([0, 2], { lambda: 0.75, classes: 3 });
 * assertEquals([...targets], [0.75, 0, 0.25, 0.25, 0, 0.75]);
 * ```
 *
 * @param labels The class of each example, `[size]`.
 * @param options See {@linkcode MixTargetsOptions}.
 * @returns Probabilities, `[size, classes]`, for `softCrossEntropy`.
 * @throws {TypeError} If an option is unknown, or an argument of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or a label is not a
 * class.
 */
export function mixTargets(
  labels: ArrayLike<number>,
  options: MixTargetsOptions,
): Float32Array {
  assertOptions("mixTargets", options, OPTIONS);
  const { lambda, classes, smoothing = 0 } = options;
  assertShare("lambda", lambda);
  assertInteger("classes", classes, 1);
  assertShare("smoothing", smoothing);
  assertLabels("labels", labels, classes);
  // Each step of the computation is rounded to single precision.
  const own = Math.fround(lambda), others = Math.fround(1 - lambda);
  const off = Math.fround(smoothing / classes);
  const on = Math.fround(1 - smoothing + smoothing / classes);
  const shareOf = (isOwn: boolean, isOther: boolean) =>
    Math.fround((isOwn ? on : off) * own) +
    Math.fround((isOther ? on : off) * others);
  const size = labels.length;
  assertAllocatable({ labels: size, classes });
  const targets = new Float32Array(size * classes).fill(shareOf(false, false));
  for (let i = 0; i < size; i++) {
    const label = labels[i]!, other = labels[size - 1 - i]!;
    const isSame = label === other;
    targets[i * classes + label] = shareOf(true, isSame);
    targets[i * classes + other] = shareOf(isSame, true);
  }
  return targets;
}

/** Throws unless all labels are classes. */
export function assertLabels(
  name: string,
  labels: ArrayLike<number>,
  classes: number,
): void {
  const { length } = Object(labels) as ArrayLike<number>;
  if (typeof labels === "string" || !Number.isInteger(length)) {
    throw new TypeError(
      `${name} should be a list of classes, got ${shown(labels)}`,
    );
  }
  for (let i = 0; i < length; i++) {
    const label = labels[i]!;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new RangeError(
      `${name} should be classes, integers from 0 to below ${classes}, got ${
        shown(label)
      } at ${i}`,
    );
  }
}
