/** The contrastive loss of pairs of vectors. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertFloat, assertOptions, optionsOf, shown } from "@lionjs/base";
import { sumOfShares } from "./cross_entropy.ts";

/** Options of {@linkcode infoNCE}. */
export interface InfoNCEOptions {
  /** What similarities are divided by, above 0: the smaller, the more the nearest count. */
  temperature: number;
}

const OPTIONS = optionsOf<InfoNCEOptions>()("temperature");

/** The similarity of a pair that does not count, whose weight is 0 in float32. */
const LEFT_OUT = -1e9;

/** A contrastive loss; see {@linkcode infoNCE}. */
export type ContrastiveLoss = (
  a: tf.Tensor2D,
  b: tf.Tensor2D,
  same?: readonly (readonly boolean[])[],
) => tf.Scalar;

/**
 * Makes a contrastive loss, in nats, of two batches of vectors of length 1,
 * `[n, dim]`, of which those of one row belong together: the cross-entropy of
 * finding `b[i]` by `a[i]` among all of `b`, with logits `a · b / temperature`, and
 * of finding `a[i]` by `b[i]`, and of both the mean over rows and directions.
 *
 * `same[i][j]` says that `a[i]` and `b[j]` belong together too, though i is not j;
 * such a pair is left out. The diagonal always counts.
 *
 * Sources: van den Oord et al. 2018 (arXiv:1807.03748); Radford et al. 2021
 * (arXiv:2103.00020), for both directions.
 *
 * @example Pairs that are told apart, and pairs that are alike
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import "@lionjs/lion";
 * import { infoNCE } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const loss = infoNCE({ temperature: 0.05 });
 * const apart = tf.tensor2d([[1, 0], [0, 1]]), alike = tf.tensor2d([[1, 0], [1, 0]]);
 * assertAlmostEquals((await loss(apart, apart).data())[0]!, 0, 1e-6);
 * assertAlmostEquals((await loss(alike, alike).data())[0]!, Math.log(2), 1e-6);
 * const same = [[true, true], [true, true]];
 * assertAlmostEquals((await loss(alike, alike, same).data())[0]!, 0, 1e-6);
 * ```
 *
 * @param options See {@linkcode InfoNCEOptions}.
 * @returns The loss, which is differentiable with respect to both batches. It
 * throws a TypeError if these are not two of one shape `[n, dim]`, or `same` is not
 * `[n][n]`.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If the temperature is not above 0.
 */
export function infoNCE(options: InfoNCEOptions): ContrastiveLoss {
  assertOptions("infoNCE", options, OPTIONS);
  const { temperature } = options;
  assertFloat("temperature", temperature);
  if (!(Math.fround(temperature) > 0)) {
    throw new RangeError(`temperature should be above 0, got ${temperature}`);
  }
  return (a, b, same) => {
    assertPairs(a, b);
    if (same !== undefined) assertSquare(same, a.shape[0]);
    return tf.tidy(() => {
      const n = a.shape[0];
      const products = tf.matMul(a, b, false, true);
      const all = tf.div(products, temperature) as tf.Tensor2D;
      const logits = same ? withoutPairs(all, same) : all;
      const labels = tf.range(0, n, 1, "int32");
      const shares = tf.fill([n], 1 / (2 * n));
      return tf.add(
        sumOfShares(logits, labels, shares),
        sumOfShares(tf.transpose(logits), labels, shares),
      ) as tf.Scalar;
    });
  };
}

/** Leaves out pairs, except those of the diagonal. */
function withoutPairs(
  logits: tf.Tensor2D,
  same: readonly (readonly boolean[])[],
): tf.Tensor2D {
  const isLeftOut = tf.tensor2d(
    same.flatMap((row, i) => row.map((is, j) => is && i !== j)),
    logits.shape,
    "bool",
  );
  return tf.where(isLeftOut, LEFT_OUT, logits) as tf.Tensor2D;
}

function assertPairs(a: tf.Tensor, b: tf.Tensor): void {
  for (const [name, given] of Object.entries({ a, b })) {
    if (given instanceof tf.Tensor && given.rank === 2) continue;
    throw new TypeError(
      `infoNCE's ${name} should be a tensor of shape [n, dim], got ${
        shown(given)
      }`,
    );
  }
  if (tf.util.arraysEqual(a.shape, b.shape)) return;
  throw new TypeError(
    `infoNCE's b should have the shape of a, [${a.shape}], got [${b.shape}]`,
  );
}

function assertSquare(
  same: readonly (readonly boolean[])[],
  n: number,
): void {
  const isList = (value: unknown) => Array.isArray(value) && value.length === n;
  if (
    isList(same) &&
    same.every((row) =>
      isList(row) && row.every((is) => typeof is === "boolean")
    )
  ) return;
  throw new TypeError(
    `infoNCE's same should be ${n} lists of ${n} values, true or false, got ${
      shown(same)
    }`,
  );
}
