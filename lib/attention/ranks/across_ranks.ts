/** Attention on a sequence of which each rank has a part. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../../contract/communicator.ts";
import { floats } from "../../contract/floats.ts";
import { assertSameOnRanks } from "../../operations/rank_agreement.ts";
import { type Part, passed, reaching } from "../../operations/token_ranks.ts";
import type { Decay } from "../decays/decay.ts";
import type { LogDecayPair } from "../decays/decay_pair.ts";
import { finite } from "../decays/finite_decay.ts";
import type { DiagonalDecayPair } from "../decays/decay_pair.ts";
import {
  passPiece,
  type PieceOptions,
  readPiece,
} from "../planning/with_state.ts";

/** What of attention is the same on all ranks, whatever their tokens. */
interface SharedOptions {
  readonly decay: Decay;
  readonly mask: tf.Tensor2D | undefined;
  readonly segments: tf.Tensor2D | undefined;
  readonly causal: boolean;
  readonly scale: number;
  readonly normalize?: boolean;
  readonly epsilon?: number;
}

/**
 * Throws on all ranks unless they ask for the same attention, of tensors that
 * differ at most in length.
 *
 * @throws {RangeError} If they do not.
 */
export function assertSameAttention(
  operation: string,
  { q, k, v }: Readonly<Record<"q" | "k" | "v", tf.Tensor4D>>,
  { decay, mask, segments, ...options }: SharedOptions,
  ranks: TokenRanks,
): void {
  const [batch, keyHeads, , headDim] = q.shape;
  const { kind, ...ofDecay } = decay;
  const facts = {
    ...{ batch, heads: v.shape[1], keyHeads, headDim, valueDim: v.shape[3] },
    dtypes: [q, k, v].map(({ dtype }) => dtype),
    ...options,
    decay: [
      kind,
      ...Object.values(ofDecay).map((part: string | tf.Tensor) =>
        typeof part === "string"
          ? part
          : part.shape.filter((_, axis) => axis !== 2)
      ),
    ],
    ...{ mask: mask !== undefined, segments: segments !== undefined },
  };
  assertSameOnRanks(operation, facts, ranks);
}

/**
 * The decay of this rank's tokens by which states pay on arrival. In the source
 * convention the first token pays what the rank before this one says of its last
 * token, and the last token what the rank after it says of its first. Call it
 * inside `tf.tidy`.
 */
export function paidOnArrival(decay: Decay, ranks: TokenRanks): Decay {
  if (!("convention" in decay) || decay.convention !== "source") return decay;
  const { kind } = decay;
  const given: tf.Tensor = decay.logDecay;
  const logDecay = finite(floats(`${kind}Decay's logDecay`, given));
  const length = logDecay.shape[2]!;
  const part = (x: tf.Tensor, start: number, length: number) => {
    const begin = x.shape.map((_, axis) => axis === 2 ? start : 0);
    const size = x.shape.map((_, axis) => axis === 2 ? length : -1);
    return tf.slice(x, begin, size);
  };
  const before = passed(part(logDecay, length - 1, 1), 1, ranks);
  const after = passed(part(logDecay, 0, 1), -1, ranks);
  const whole = tf.concat([before, logDecay, after], 2);
  const [forward, backward] = [0, 2].map((start) => part(whole, start, length));
  return {
    kind: kind === "diagonal" ? "two-sided-diagonal" : "two-sided",
    forward,
    backward,
  } as Decay;
}

/**
 * Attention of this rank's tokens to those of all ranks. Beside the tokens' own
 * rank, they read one state per head and direction, which is what ranks pass to
 * one another: `headDim · (valueDim + 1)` numbers and a decay, whatever the
 * length. Differentiable. Call it inside `tf.tidy`, with float32 tensors.
 *
 * Source: ours; the states between the chunks of the chunkwise form, with ranks
 * for chunks.
 *
 * @param pair Log decays paid on arrival, those at the rank's borders included;
 * if causal, not `null`, and without the backward ones.
 */
export function attendAcrossRanks(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  pair: LogDecayPair | DiagonalDecayPair | null,
  options: Omit<PieceOptions, "before" | "after">,
  ranks: TokenRanks,
): tf.Tensor4D {
  const { causal, tokens } = options;
  const state = (side: "before" | "after"): tf.Tensor4D => {
    const logDecay = side === "before" ? pair?.forward : pair?.backward;
    const part: Part = {
      written: passPiece(k, v, pair, side, undefined, tokens),
      through: logDecay ? rowsOf(tf.sum(logDecay, 2)) : null,
    };
    return reaching(side, part, joinStates, ranks) as tf.Tensor4D;
  };
  const before = state("before");
  const after = causal ? undefined : state("after");
  return readPiece(q, k, v, pair, { ...options, before, after });
}

/** Log decays per row of a state, `[batch or 1, heads, 1 or headDim, 1]`. */
function rowsOf(logDecay: tf.Tensor): tf.Tensor4D {
  const [batch, heads] = logDecay.shape;
  return tf.reshape(logDecay, [batch!, heads!, -1, 1]);
}

/** What passes through the second part pays its decays. */
function joinStates(first: Part, second: Part): Part {
  if (!first.through || !second.through) {
    return { written: tf.add(first.written, second.written), through: null };
  }
  const decayed = tf.mul(first.written, tf.exp(second.through));
  return {
    written: tf.add(decayed, second.written),
    through: tf.add(first.through, second.through),
  };
}
