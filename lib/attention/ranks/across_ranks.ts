/** Attention on a sequence whose tokens are divided among ranks. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../../base/communicator.ts";
import { floats } from "../../tfjs/kernel/floats.ts";
import { shown } from "../../base/shown.ts";
import { assertSameOnRanks } from "../../operations/rank_agreement.ts";
import {
  assertTokenRanks,
  scanAcrossRanks,
  type StateMap,
} from "../../operations/token_ranks.ts";
import type { Decay } from "../decays/decay.ts";
import { perRow } from "../decays/decay_pair.ts";
import {
  type AttentionInputs,
  type AttentionSettings,
  repeatHeads,
} from "../forms/form.ts";
import {
  outputWithState,
  passState,
  type WithStateOptions,
} from "../planning/with_state.ts";

/** The options that must be the same on all ranks; of `mask` and `segments`, whether there are any. */
interface SharedOptions {
  readonly decay: Decay;
  readonly mask: tf.Tensor | undefined;
  readonly segments: tf.Tensor | undefined;
  readonly causal: boolean;
  readonly scale: number;
  readonly normalize?: boolean | undefined;
  readonly epsilon?: number | undefined;
}

/**
 * Throws on all ranks unless they ask for the same attention, of tensors that
 * differ at most in length.
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

/** Throws unless ranks can compute attention together. */
export function assertAcrossRanks(
  communicator: TokenRanks,
  { form = "auto", precision = "f32" }: {
    readonly form?: string | undefined;
    readonly precision?: string | undefined;
  },
): void {
  assertTokenRanks(communicator);
  if (form !== "auto" && form !== "chunkwise") {
    throw new RangeError(
      `form should be "auto" or "chunkwise" where ranks share the tokens, got ${
        shown(form)
      }`,
    );
  }
  if (precision === "f32") return;
  throw new RangeError(
    `precision should be "f32" where ranks share the tokens, got ${
      shown(precision)
    }`,
  );
}

/**
 * Attention of this rank's tokens to those of all ranks. Beside the tokens of their own
 * rank, they read one state per head and direction, which ranks pass to one another:
 * `headDim · (valueDim + 1)` numbers and a decay, whatever the length. Differentiable.
 * Call it inside `tf.tidy`.
 *
 * Source: ours; the states between the chunks of the chunkwise form, with ranks
 * for chunks.
 *
 * @param inputs The tensors of this rank's tokens; the log decays include those
 * on arriving from other ranks, and are not `null` if causal.
 * @returns `[batch, heads, length, valueDim]`, for this rank's tokens.
 */
export function runAcrossRanks(
  inputs: AttentionInputs,
  options: AttentionSettings & Pick<WithStateOptions, "kernel" | "chunkSize">,
  ranks: TokenRanks,
): tf.Tensor4D {
  const { decays, tokens } = inputs;
  const v = floats("v", inputs.v), heads = v.shape[1];
  const q = repeatHeads("q", floats("q", inputs.q), heads);
  const k = repeatHeads("k", floats("k", inputs.k), heads);
  const stateOf = (side: "before" | "after"): tf.Tensor4D => {
    const logDecay = side === "before" ? decays?.forward : decays?.backward;
    const map: StateMap = {
      written: passState(k, v, decays, side, undefined, tokens),
      transition: logDecay ? perRow(tf.sum(logDecay, 2)) : null,
    };
    return scanAcrossRanks(side, map, joinStates, ranks) as tf.Tensor4D;
  };
  const before = stateOf("before");
  const after = options.causal ? undefined : stateOf("after");
  return outputWithState(q, k, v, decays, {
    ...options,
    ...{ tokens, before, after },
  });
}

/** Joins the state maps of two consecutive parts: the first's state decays through the second. */
function joinStates(first: StateMap, second: StateMap): StateMap {
  if (!first.transition || !second.transition) {
    return { written: tf.add(first.written, second.written), transition: null };
  }
  const decayed = tf.mul(first.written, tf.exp(second.transition));
  return {
    written: tf.add(decayed, second.written),
    transition: tf.add(first.transition, second.transition),
  };
}
