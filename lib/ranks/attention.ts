/** Linear attention on a sequence whose tokens are divided among ranks. @module */
import * as tf from "@tensorflow/tfjs-core";
import { noDecay } from "../attention/decays/decay.ts";
import { perRow } from "../attention/decays/decay_pair.ts";
import { resolveDecays } from "../attention/decays/resolve_decays.ts";
import { withBorders } from "../attention/decays/segment_borders.ts";
import { repeatHeads } from "../attention/forms/form.ts";
import {
  checkAttention,
  LION_OPTIONS,
  type LionAttentionOptions,
} from "../attention/lion_attention.ts";
import {
  outputWithState,
  passState,
} from "../attention/planning/with_state.ts";
import {
  assertOptions,
  type ContextGroup,
  optionsOf,
  shown,
} from "@lionjs/base";
import { tokensIn } from "../operations/padding/padding.ts";
import { floats } from "@lionjs/tfjs/kernel";
import { assertContextGroup } from "./context_group.ts";
import { decayOnArrival } from "./decay_on_arrival.ts";
import { scanAcrossRanks, type StateMap } from "./exchange.ts";
import { assertSameAttention } from "./same_attention.ts";
import { endsAcrossRanks } from "./segments.ts";

/** Options of {@linkcode attentionAcrossRanks}. */
export interface AttentionAcrossRanksOptions extends LionAttentionOptions {
  /** The ranks that share the tokens of every sequence, in order. */
  communicator: ContextGroup;
}

const OPTIONS = optionsOf<AttentionAcrossRanksOptions>()(
  LION_OPTIONS,
  "communicator",
);

/**
 * `lionAttention` of ranks that share the tokens of every sequence. On each rank, q, k,
 * v, the decay, mask, segments and the output are those of its own tokens, at least
 * one. All ranks make the call together, with the same batch, heads and options, which
 * are compared; lengths may differ. Outputs and gradients equal those for the whole
 * sequence. Beside the tokens of their own rank, tokens read one state per head and
 * direction, which ranks pass to one another: `headDim · (valueDim + 1)` numbers and a
 * decay, whatever the length. It runs on WebAssembly and in plain JavaScript.
 *
 * Source: ours; the states between the chunks of the chunkwise form, with ranks
 * for chunks.
 *
 * @example One rank has all tokens
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { attentionAcrossRanks, fixedDecay, lionAttention } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // openMpi() of @lionjs/lion/mpi gives ranks that exchange.
 * const communicator = { rank: 0, size: 1, exchange: (values: Float32Array) => values };
 * const x = tf.randomUniform([1, 1, 5, 2]);
 * const decay = fixedDecay(tf.tensor1d([-0.5]));
 * const y = await attentionAcrossRanks(x, x, x, { decay, communicator }).data();
 * const same = await lionAttention(x, x, x, { decay }).data();
 * y.forEach((value, i) => assertAlmostEquals(value, same[i]!, 1e-5));
 * ```
 *
 * @param q Queries of this rank's tokens, `[batch, heads, length, headDim]`, or
 * `[batch, 1, length, headDim]` if all heads share them.
 * @param k Keys in the shape of q.
 * @param v `[batch, heads, length, valueDim]`
 * @param options See {@linkcode AttentionAcrossRanksOptions}; `form` is `"auto"` or
 * `"chunkwise"`, and `precision` `"f32"`.
 * @returns `[batch, heads, length, valueDim]`, for this rank's tokens.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, an option is unknown or
 * of the wrong type, or the communicator cannot exchange values.
 * @throws {RangeError} If an option has an invalid value, the backend keeps tensors on a
 * device, or ranks differ in shapes or options; then all of them throw.
 */
export function attentionAcrossRanks(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  options: AttentionAcrossRanksOptions,
): tf.Tensor4D {
  const owner = "attentionAcrossRanks";
  assertOptions(owner, options, OPTIONS);
  const { communicator: ranks, ...others } = options;
  assertPossible(ranks, options);
  const { settings, vectors, segments } = checkAttention(owner, { q, k, v }, {
    ...others,
    form: "chunkwise",
  });
  const { decay = noDecay(), mask, kernel, chunkSize } = options;
  const shared = { ...settings, decay, mask, segments };
  assertSameAttention(owner, vectors, shared, ranks);
  const [batch, heads, length] = vectors.v.shape;
  const headDim = vectors.q.shape[3], { causal } = settings;
  return tf.tidy(() => {
    const pair = resolveDecays(decayOnArrival(decay, ranks), {
      shape: [batch, heads, length, headDim],
      causal,
    });
    const decays = segments
      ? withBorders(pair, endsAcrossRanks(segments, ranks), { heads, causal })
      : pair;
    const tokens = mask && tokensIn("mask", mask);
    const v = floats("v", vectors.v);
    const q = repeatHeads("q", floats("q", vectors.q), heads);
    const k = repeatHeads("k", floats("k", vectors.k), heads);
    const stateOf = (side: "before" | "after"): tf.Tensor4D => {
      const logDecay = side === "before" ? decays?.forward : decays?.backward;
      const map: StateMap = {
        written: passState(k, v, decays, side, undefined, tokens),
        transition: logDecay ? perRow(tf.sum(logDecay, 2)) : null,
      };
      return scanAcrossRanks(side, map, joinStates, ranks) as tf.Tensor4D;
    };
    const before = stateOf("before");
    const after = causal ? undefined : stateOf("after");
    return outputWithState(q, k, v, decays, {
      ...{ ...settings, kernel, chunkSize },
      ...{ tokens, before, after },
    });
  });
}

/** Throws unless ranks can compute attention together. */
function assertPossible(
  communicator: ContextGroup,
  { form = "auto", precision = "f32" }: {
    readonly form?: string | undefined;
    readonly precision?: string | undefined;
  },
): void {
  assertContextGroup(communicator);
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
