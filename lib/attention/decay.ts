/**
 * Decays: how the weight of a token fades with distance.
 *
 * Every decay of the paper, and both ways of indexing it, reduces to one pair
 * of log decays, one per direction ({@linkcode LogDecayPair}); the forms of
 * attention know only that pair.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, registerFusedGradient, run } from "../operations/fused.ts";
import { assertShape } from "./shape.ts";

/** Input `x`; the gradient's output is its. */
export const LOG_SIGMOID = "LionLogSigmoid";
registerFusedGradient(LOG_SIGMOID, ["x"]);

/**
 * Input `logDecay`, `[batch, heads, length]`, in the source convention; outputs
 * the `forward` and `backward` that it stands for, not below
 * {@linkcode LOWEST_LOG_DECAY}. The gradient's inputs are `logDecay, df, db`,
 * its output that of `logDecay`.
 */
export const SOURCE_DECAY = "LionSourceDecay";
registerFusedGradient(SOURCE_DECAY, ["logDecay"], ["df", "db"]);

/**
 * Which token's decay lies on the path from a source to its reader.
 *
 * - `"source"`: the source's, not the reader's. The paper's mask.
 * - `"arrival"`: the reader's, not the source's. RetNet, Mamba-2, GLA.
 */
export type DecayConvention = "source" | "arrival";

/**
 * How the weight of a token fades with distance; made by {@linkcode noDecay},
 * {@linkcode fixedDecay}, {@linkcode selectiveDecay} or
 * {@linkcode twoSidedDecay}.
 */
export type Decay =
  | { readonly kind: "none" }
  | { readonly kind: "fixed"; readonly logDecay: tf.Tensor1D }
  | {
    readonly kind: "selective";
    readonly logDecay: tf.Tensor3D;
    readonly convention: DecayConvention;
  }
  | {
    readonly kind: "two-sided";
    readonly forward: tf.Tensor3D;
    readonly backward: tf.Tensor3D;
  };

/**
 * Log decays of both directions, each `[batch or 1, heads, length]`, all <= 0.
 *
 * The forward state pays `forward[i]` on arriving at token i from i - 1, the
 * backward state `backward[i]` on arriving from i + 1. `forward[0]` and
 * `backward[length - 1]` are never read.
 */
export interface LogDecayPair {
  /** Paid by the forward state on arriving at each token. */
  readonly forward: tf.Tensor3D;
  /** Paid by the backward state on arriving at each token; `null` if causal. */
  readonly backward: tf.Tensor3D | null;
}

/**
 * No decay: LION-LIT, every token weighs the same at any distance.
 *
 * @example Every weight is one
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decayMask, noDecay } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * assertEquals([...await decayMask(noDecay(), 2).data()], [1, 1, 1, 1]);
 * ```
 *
 * @returns The decay.
 */
export function noDecay(): Decay {
  return { kind: "none" };
}

/**
 * One decay a head: LION-D, after RetNet.
 *
 * @example Half as much with each step
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { decayMask, fixedDecay } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const mask = decayMask(fixedDecay(tf.tensor1d([Math.log(0.5)])), 3);
 * const firstRow = (await mask.data()).slice(0, 3);
 * [1, 0.5, 0.25].forEach((weight, j) =>
 *   assertAlmostEquals(firstRow[j]!, weight, 1e-6)
 * );
 * ```
 *
 * @param logDecay `[heads]`, natural logarithm of the decay, <= 0.
 * @returns The decay.
 * @throws {TypeError} If `logDecay` is not a vector.
 */
export function fixedDecay(logDecay: tf.Tensor1D): Decay {
  assertShape("fixedDecay's logDecay", logDecay, [null], "heads");
  return { kind: "fixed", logDecay };
}

/**
 * A decay that each token chooses: LION-S, after Gated RFA and Mamba-2.
 *
 * @example The paper's mask counts the source's decay and not the reader's
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { decayMask, selectiveDecay } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const logDecay = tf.log(tf.tensor3d([0.1, 0.2, 0.3], [1, 1, 3]));
 * const mask = await decayMask(selectiveDecay(logDecay), 3).array();
 * assertAlmostEquals(mask[0]![0]![2]![0]!, 0.1 * 0.2, 1e-6); // 0 read by 2
 * assertAlmostEquals(mask[0]![0]![0]![2]!, 0.2 * 0.3, 1e-6); // 2 read by 0
 * ```
 *
 * @param logDecay `[batch, heads, length]`, natural logarithm of the decay, <= 0.
 * @param options `convention`: which token's decay counts; the paper's, `"source"`, by default.
 * @returns The decay.
 * @throws {TypeError} If `logDecay` does not have three axes.
 * @throws {RangeError} If the convention is unknown.
 */
export function selectiveDecay(
  logDecay: tf.Tensor3D,
  options: { convention?: DecayConvention } = {},
): Decay {
  const { convention = "source" } = options;
  assertShape(
    "selectiveDecay's logDecay",
    logDecay,
    [null, null, null],
    "batch, heads, length",
  );
  if (convention !== "source" && convention !== "arrival") {
    throw new RangeError(
      `selectiveDecay's convention should be "source" or "arrival", got "${convention}"`,
    );
  }
  return { kind: "selective", logDecay, convention };
}

/**
 * The general case, to which all others reduce: one log decay for each
 * direction and token, paid on arrival.
 *
 * @example Remember to the right, forget to the left
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decayMask, twoSidedDecay } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const decay = twoSidedDecay(
 *   tf.zeros([1, 1, 2]),
 *   tf.fill([1, 1, 2], -Infinity),
 * );
 * assertEquals([...await decayMask(decay, 2).data()], [1, 0, 1, 1]);
 * ```
 *
 * @param forward `[batch, heads, length]`, <= 0: paid by the forward state on arriving at each token.
 * @param backward `[batch, heads, length]`, <= 0: paid by the backward state on arriving at each token.
 * @returns The decay.
 * @throws {TypeError} If a tensor does not have three axes, or the shapes differ.
 */
export function twoSidedDecay(
  forward: tf.Tensor3D,
  backward: tf.Tensor3D,
): Decay {
  assertShape(
    "twoSidedDecay's forward",
    forward,
    [null, null, null],
    "batch, heads, length",
  );
  assertShape(
    "twoSidedDecay's backward",
    backward,
    forward.shape,
    "batch, heads, length",
  );
  return { kind: "two-sided", forward, backward };
}

/**
 * log(sigmoid(x)), the log decay of a logit: LION-S takes x from each token,
 * LION-D learns one for each head.
 *
 * Use it instead of `tf.logSigmoid`, whose gradient fails inside `tf.tidy`.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { logSigmoid } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const [half] = await logSigmoid(tf.scalar(0)).data();
 * assertAlmostEquals(half!, Math.log(0.5), 1e-6);
 * ```
 *
 * @param x Logits, of any shape.
 * @returns The same shape, every value <= 0.
 */
export function logSigmoid<T extends tf.Tensor>(x: T): T {
  if (hasKernel(LOG_SIGMOID)) return run(LOG_SIGMOID, { x })[0] as T;
  return tf.tidy(() => tf.neg(tf.softplus(tf.neg(x))));
}

/**
 * Reads a decay's values and throws if one is not a log decay.
 *
 * The operation itself never reads them, since that would wait for the device.
 *
 * @example A decay above 1 would grow with distance
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { checkDecay, fixedDecay } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const decay = fixedDecay(tf.tensor1d([-0.1, 0.5]));
 * await assertRejects(() => checkDecay(decay), RangeError, "0.5 at [1]");
 * ```
 *
 * @param decay The decay to check.
 * @throws {RangeError} If a value is positive or NaN; the message gives the first one and its index.
 */
export async function checkDecay(decay: Decay): Promise<void> {
  const tensors: [name: string, tensor: tf.Tensor][] = decay.kind === "none"
    ? []
    : decay.kind === "two-sided"
    ? [
      ["twoSidedDecay's forward", decay.forward],
      ["twoSidedDecay's backward", decay.backward],
    ]
    : [[`${decay.kind}Decay's logDecay`, decay.logDecay]];
  const values = await Promise.all(tensors.map(([, tensor]) => tensor.data()));
  tensors.forEach(([name, tensor], which) => {
    const at = values[which]!.findIndex((value) => !(value <= 0));
    if (at < 0) return;
    const index = tf.util.indexToLoc(
      at,
      tensor.shape.length,
      tf.util.computeStrides(tensor.shape),
    );
    throw new RangeError(
      `${name} should hold logarithms of decays, all <= 0, got ${
        values[which]![at]
      } at [${
        index.join(", ")
      }]; take the logarithm of a decay, or logSigmoid of a logit`,
    );
  });
}

/**
 * A decay of e^-10000 is 0 in any floating-point format, and its logarithm is
 * finite: a log decay of -Infinity would meet 0 · Infinity = NaN in the masks.
 */
export const LOWEST_LOG_DECAY = -1e4;

/** Replaces -Infinity; what is above 0 is the caller's error and stays visible. */
function finite(logDecay: tf.Tensor): tf.Tensor {
  return tf.clipByValue(logDecay, LOWEST_LOG_DECAY, 3e38);
}

/**
 * The pair of log decays that a decay stands for, or `null` for no decay.
 * Differentiable in the decay's tensors.
 *
 * @param decay The decay.
 * @param shape `[batch, heads, length]` of the sequence that it applies to.
 * @returns The pair, or `null` where nothing decays.
 * @throws {TypeError} If the decay's tensors do not have the sequence's shape.
 */
export function logDecayPair(
  decay: Decay,
  shape: readonly [batch: number, heads: number, length: number],
): LogDecayPair | null {
  const axes = "batch, heads, length";
  switch (decay.kind) {
    case "none":
      return null;
    case "fixed": {
      const [, heads, length] = shape;
      assertShape("fixedDecay's logDecay", decay.logDecay, [heads], "heads");
      const perHead = tf.reshape(finite(decay.logDecay), [1, heads, 1]);
      const everywhere = spread(perHead, [1, heads, length]) as tf.Tensor3D;
      return { forward: everywhere, backward: everywhere };
    }
    case "selective": {
      assertShape("selectiveDecay's logDecay", decay.logDecay, shape, axes);
      if (decay.convention === "source" && hasKernel(SOURCE_DECAY)) {
        const { logDecay } = decay;
        const [forward, backward] = run(SOURCE_DECAY, { logDecay });
        return {
          forward: forward as tf.Tensor3D,
          backward: backward as tf.Tensor3D,
        };
      }
      const logDecay = finite(decay.logDecay) as tf.Tensor3D;
      return decay.convention === "arrival"
        ? { forward: logDecay, backward: logDecay }
        : { forward: shift(logDecay, 1), backward: shift(logDecay, -1) };
    }
    case "two-sided": {
      assertShape("twoSidedDecay's forward", decay.forward, shape, axes);
      return {
        forward: finite(decay.forward) as tf.Tensor3D,
        backward: finite(decay.backward) as tf.Tensor3D,
      };
    }
    default:
      throw new TypeError(
        `decay should be made by noDecay, fixedDecay, selectiveDecay or twoSidedDecay, got ${
          JSON.stringify(decay)
        }`,
      );
  }
}

/**
 * As tf.broadcastTo, whose gradient runs two kernels for each repetition
 * where this one's runs a single sum.
 */
export function spread(x: tf.Tensor, shape: number[]): tf.Tensor {
  return tf.util.arraysEqual(x.shape, shape) ? x : tf.mul(x, tf.ones(shape));
}

/** Moves a sequence by one token along the last axis, filling with 0. */
function shift(x: tf.Tensor3D, by: 1 | -1): tf.Tensor3D {
  const length = x.shape[2];
  if (length === 1) return tf.zerosLike(x);
  const kept = tf.slice(x, [0, 0, by === 1 ? 0 : 1], [-1, -1, length - 1]);
  return tf.pad(kept, [[0, 0], [0, 0], by === 1 ? [1, 0] : [0, 1]]);
}
