/**
 * The conversion of any decay to the pair of log decays that forms and kernels take.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../../base/communicator.ts";
import { floats } from "../../tfjs/kernel/floats.ts";
import { shiftAcrossRanks } from "../../operations/token_ranks.ts";
import type { Decay } from "./decay.ts";
import { causalPair, type DecayPair, logDecayPair } from "./decay_pair.ts";
import { diagonalDecayPair } from "./diagonal_decay.ts";
import { finite } from "./finite_decay.ts";
import { withBorders } from "./segment_borders.ts";

/** The sequence that a decay applies to. */
interface DecayedSequence {
  /** The sizes of the sequence's keys. */
  readonly shape: readonly [
    batch: number,
    heads: number,
    length: number,
    headDim: number,
  ];
  /** Whether there is no backward state. */
  readonly causal: boolean;
  /** The segments of tokens, `[batch, length]`, which packed sequence each token belongs to. */
  readonly segments?: tf.Tensor2D | undefined;
  /** The ranks that divide the tokens among themselves, if they do. */
  readonly ranks?: TokenRanks | undefined;
  /**
   * Whether to replace -Infinity in diagonal decays, which kernels accept.
   * @default true
   */
  readonly isFinite?: boolean;
}

/**
 * The log decays of the forward and the backward state on arriving at each token,
 * whatever the kind and the convention of the decay, in one direction or both, with
 * packed sequences kept apart. Differentiable in the decay's tensors.
 * Call it inside `tf.tidy`.
 *
 * @returns The pair, or `null` where nothing decays in either direction.
 * @throws {TypeError} If the decay's tensors do not have the sequence's shape,
 * batch axis of 1 allowed.
 */
export function resolveDecays(
  decay: Decay,
  { shape, causal, segments, ranks, isFinite }: DecayedSequence,
): DecayPair | null {
  const arriving = ranks ? sourceToArrival(decay, ranks) : decay;
  const pair = diagonalDecayPair(arriving, shape, causal, isFinite) ??
    scalarDecayPair(arriving, shape, causal);
  const [, heads] = shape;
  return segments
    ? withBorders(pair, segments, { heads, causal, ranks })
    : pair;
}

/** The pair of a decay with one number per token or per head. */
function scalarDecayPair(
  decay: Decay,
  [batch, heads, length]: DecayedSequence["shape"],
  causal: boolean,
): DecayPair | null {
  const pair = logDecayPair(decay, [batch, heads, length]);
  return causal ? causalPair(pair, [heads, length]) : pair;
}

/**
 * The decay of this rank's tokens in the arrival convention. A decay in the
 * source convention belongs to the token that a state leaves, so the decays on
 * arriving at this rank's first and last token are those of tokens that the
 * ranks before and after it have.
 */
function sourceToArrival(decay: Decay, ranks: TokenRanks): Decay {
  if (!("convention" in decay) || decay.convention !== "source") return decay;
  const { kind } = decay;
  const given: tf.Tensor = decay.logDecay;
  const logDecay = finite(floats(`${kind}Decay's logDecay`, given));
  const length = logDecay.shape[2]!;
  const slice = (x: tf.Tensor, start: number, length: number) => {
    const begin = x.shape.map((_, axis) => axis === 2 ? start : 0);
    const size = x.shape.map((_, axis) => axis === 2 ? length : -1);
    return tf.slice(x, begin, size);
  };
  const before = shiftAcrossRanks(slice(logDecay, length - 1, 1), 1, ranks);
  const after = shiftAcrossRanks(slice(logDecay, 0, 1), -1, ranks);
  const whole = tf.concat([before, logDecay, after], 2);
  const [forward, backward] = [0, 2].map((start) =>
    slice(whole, start, length)
  );
  return {
    kind: kind === "diagonal" ? "two-sided-diagonal" : "two-sided",
    forward,
    backward,
  } as Decay;
}
