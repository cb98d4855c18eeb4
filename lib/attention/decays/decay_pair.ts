/**
 * The pair to which every decay reduces: one log decay per direction and token.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { assertShape, floats } from "@lionjs/tfjs/kernel";
import { finite } from "../../operations/finite_decay/finite_decay.ts";
import { fixedDecays } from "../../operations/fixed_decay/fixed_decay.ts";
import { sourceDecays } from "../../operations/source_decay/source_decay.ts";
import { type Decay, isClamped } from "./decay.ts";

/**
 * Log decays of both directions, each `[batch or 1, heads, length]`, all <= 0.
 *
 * The forward state decays by `forward[i]` on arriving at token i from i - 1, the
 * backward state by `backward[i]` on arriving from i + 1. `forward[0]` and
 * `backward[length - 1]` are read only where states come in from tokens outside
 * (`planning/with_state.ts`).
 */
export interface LogDecayPair {
  /** Log decays of the forward state on arriving at each token. */
  readonly forward: tf.Tensor3D;
  /** Log decays of the backward state on arriving at each token; `null` if causal. */
  readonly backward: tf.Tensor3D | null;
}

/**
 * Log decays of both directions, one per channel of the keys, each
 * `[batch, heads, length, headDim]`, all <= 0; otherwise like
 * {@linkcode LogDecayPair}.
 */
export interface DiagonalDecayPair {
  /** Log decays of the forward state on arriving at each token. */
  readonly forward: tf.Tensor4D;
  /** Log decays of the backward state on arriving at each token; `null` if causal. */
  readonly backward: tf.Tensor4D | null;
}

/** A pair of log decays, one per token or, if diagonal, one per token and channel. */
export type DecayPair = LogDecayPair | DiagonalDecayPair;

export function isDiagonal(
  pair: DecayPair,
): pair is DiagonalDecayPair {
  return pair.forward.rank === 4;
}

/**
 * The pair of log decays that a decay stands for, or `null` for no decay.
 * Differentiable in the decay's tensors. Call it inside `tf.tidy`.
 *
 * @param shape `[batch, heads, length]` of the sequence that it applies to.
 * @returns The pair, or `null` where nothing decays.
 * @throws {TypeError} If the decay's tensors do not have the sequence's shape,
 * batch axis of 1 allowed.
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
      const logDecay = floats("fixedDecay's logDecay", decay.logDecay);
      return fixedDecays(logDecay, length);
    }
    case "selective": {
      assertOfBatch("selectiveDecay's logDecay", decay.logDecay, shape, axes);
      const given = floats("selectiveDecay's logDecay", decay.logDecay);
      if (decay.convention === "source") return sourceDecays(given);
      const logDecay = finite(given);
      return { forward: logDecay, backward: logDecay };
    }
    case "two-sided": {
      assertOfBatch("bidirectionalDecay's forward", decay.forward, shape, axes);
      if (isClamped(decay)) return decay;
      return {
        forward: finite(floats("bidirectionalDecay's forward", decay.forward)),
        backward: finite(
          floats("bidirectionalDecay's backward", decay.backward),
        ),
      };
    }
    case "diagonal":
    case "two-sided-diagonal":
      throw new TypeError(
        `decay should have one number per token, got one per channel (${decay.kind})`,
      );
  }
}

/**
 * Throws unless a decay has the sequences' batch size, or 1, which is
 * broadcast.
 *
 * @throws {TypeError} If it has another shape.
 */
export function assertOfBatch(
  name: string,
  x: tf.Tensor,
  [batch, ...others]: readonly number[],
  axes: string,
): void {
  const sequences = x?.shape?.[0] === 1 ? 1 : batch!;
  assertShape(name, x, [sequences, ...others], axes);
}

/** The pair for causal attention: no backward state, and a mask even without decay. */
export function causalPair(
  pair: LogDecayPair | null,
  [heads, length]: readonly [heads: number, length: number],
): LogDecayPair {
  if (pair === null) {
    return { forward: tf.zeros([1, heads, length]), backward: null };
  }
  return withoutBackward(pair);
}

/** The forward half of a pair, with scalar or diagonal decays. */
export function withoutBackward<T extends tf.Tensor>(
  { forward, backward }: {
    readonly forward: T;
    readonly backward: T | null;
  },
): { forward: T; backward: null } {
  if (backward === null) return { forward, backward: null };
  // A tensor that is not read still needs a gradient, of zero.
  return { forward: tf.add(forward, tf.zerosLike(backward)), backward: null };
}

/** x times the exponentials of log weights, one for each row or each entry; or x itself. */
export function weighted<T extends tf.Tensor>(
  x: T,
  logWeights: tf.Tensor | null,
): T {
  if (!logWeights) return x;
  const isPerRow = logWeights.rank < x.rank;
  const each = isPerRow ? tf.expandDims(logWeights, -1) : logWeights;
  return tf.mul(x, tf.exp(each)) as T;
}

/** Log decays of a state's rows, `[batch or 1, heads, 1 or headDim, 1]`. */
export function perRow(logDecay: tf.Tensor): tf.Tensor4D {
  const [batch, heads] = logDecay.shape;
  return tf.reshape(logDecay, [batch!, heads!, -1, 1]);
}
