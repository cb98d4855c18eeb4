/** Models of the family with diagonal decays, one per channel, as mixers. @module */
import * as tf from "@tensorflow/tfjs-core";
import { logSigmoid } from "../../operations/log_sigmoid/log_sigmoid.ts";
import type { RecurrentState } from "../../attention/streaming/stateful.ts";
import {
  type CheckedGatedLinearAttentionInputs,
  gatedLinearAttention,
} from "../../family/gated_linear_attention.ts";
import { type CheckedHgrn2Inputs, hgrn2 } from "../../family/hgrn2.ts";
import { decayLogits, mambaTimeStep } from "../../family/initial_decay.ts";
import { logGate } from "../../family/log_gate.ts";
import { type CheckedRwkv6Inputs, rwkv6 } from "../../family/rwkv6.ts";
import { rwkv6Step } from "../../family/rwkv6_step.ts";
import { splitHeads, toHeads } from "../../operations/heads/heads.ts";
import { applyLinear, linear } from "../linear.ts";
import { attentionCost, type FamilyModel } from "./family.ts";
import {
  applyLowRank,
  attendNext,
  lowRank,
  silu,
  withBias,
} from "./projections.ts";

/** GLA's gates are the `ROOT`-th root of a sigmoid, so that they start near 1. */
const ROOT = 16;

/** Options of a recurrent step of GLA and HGRN-2: decays on arrival, no row sum. */
const ARRIVAL = { convention: "arrival", normalize: false } as const;

/**
 * Gated linear attention: the decay of each channel is the 16th root of a
 * sigmoid of a low-rank map; the output is normalised per head and gated by
 * SiLU.
 *
 * Source: Yang et al. 2023 (arXiv:2312.06635), section 4.4.
 */
export const GATED_LINEAR_ATTENTION: FamilyModel<
  CheckedGatedLinearAttentionInputs
> = {
  parameters: (dim) => [
    ...linear("qkv.", dim, 3 * dim),
    ...lowRank("decay.", dim, dim),
    ...linear("gate.", dim, dim),
  ],
  project(x, parameters, numHeads) {
    const logits = applyLowRank(x, "decay.", parameters);
    return {
      inputs: {
        ...splitHeads(applyLinear(x, "qkv.", parameters), { numHeads }),
        logDecay: toHeads(tf.div(logSigmoid(logits), ROOT), numHeads),
      },
      gate: silu(applyLinear(x, "gate.", parameters)),
    };
  },
  run: gatedLinearAttention,
  step: (inputs, before, mask) => attendNext(inputs, before, mask, ARRIVAL),
  sharesTokens: true,
  values: "v",
  output: { norm: "layer of heads" },
  cost: (sizes, call) => attentionCost(sizes, call, true),
};

/**
 * HGRN-2: the query, its output gate, is the SiLU of a linear map; forget gates
 * start with horizons from 10 to 1,000 tokens. The lower bounds of the gates,
 * which rise from layer to layer, are left out, since a layer does not know its
 * depth.
 *
 * Source: Qin et al. 2024 (arXiv:2404.07904), section 3.2.
 */
export const HGRN2: FamilyModel<CheckedHgrn2Inputs> = {
  parameters: (dim) => [
    ...linear("query.", dim, dim),
    ...linear("value.", dim, dim),
    ...withBias(linear("forget.", dim, dim), {
      values: (seed) =>
        tf.tidy(() => {
          const options = { seed };
          return decayLogits(tf.neg(mambaTimeStep(dim, options)));
        }),
    }),
  ],
  project(x, parameters, numHeads) {
    const heads = (name: string) =>
      toHeads(applyLinear(x, name, parameters), numHeads);
    return {
      inputs: {
        q: silu(heads("query.")),
        v: heads("value."),
        forget: tf.sigmoid(heads("forget.")),
      },
    };
  },
  run: hgrn2,
  step({ q, v, forget }, before, mask) {
    const k: tf.Tensor4D = tf.sub(1, forget);
    const inputs = { q, k, v, logDecay: logGate(forget) };
    return attendNext(inputs, before, mask, ARRIVAL);
  },
  sharesTokens: true,
  values: "v",
  output: { norm: "rms of heads" },
  cost: (sizes, call) => attentionCost(sizes, call, true),
};

/**
 * RWKV-6: log decays -e^w, where w is a low-rank map with tanh inside; decays
 * and bonus start as in a middle layer of the authors' models. The output is
 * normalised per head and gated by SiLU. The token shifts before the
 * projections are left out.
 *
 * Source: Peng et al. 2024 (arXiv:2404.05892), section 4, and its authors' code.
 */
export const RWKV6: FamilyModel<CheckedRwkv6Inputs> = {
  parameters: (dim, numHeads) => [
    ...linear("qkv.", dim, 3 * dim),
    ...lowRank("decay.", dim, dim, {
      values: () => channels(dim, (share) => -6 + 5 * share ** 1.35),
    }),
    {
      name: "bonus",
      shape: [numHeads, dim / numHeads],
      initial: {
        values: () =>
          tf.tidy(() => {
            const each = channels(
              dim,
              (share, n) => (1 - share) / 2 + ((n + 1) % 3 - 1) / 10,
            );
            return tf.reshape(each, [numHeads, dim / numHeads]);
          }),
      },
    },
    ...linear("gate.", dim, dim),
  ],
  project(x, parameters, numHeads) {
    const rows = applyLinear(x, "qkv.", parameters);
    const { q: r, k, v } = splitHeads(rows, { numHeads });
    const rate = applyLowRank(x, "decay.", parameters, tf.tanh);
    const logDecay = toHeads(tf.neg(tf.exp(rate)), numHeads);
    const bonus = parameters("bonus") as tf.Tensor2D;
    return {
      inputs: { r, k, v, logDecay, bonus },
      gate: silu(applyLinear(x, "gate.", parameters)),
    };
  },
  run: rwkv6,
  step: (inputs, before, mask) =>
    rwkv6Step(before as RecurrentState | undefined, inputs, mask),
  sharesTokens: false,
  values: "v",
  output: { norm: "layer of heads" },
  cost(sizes, call) {
    // Both directions run as causal attention, as one doubled batch.
    const batch = call.causal ? sizes.batch : 2 * sizes.batch;
    return attentionCost({ ...sizes, batch }, { ...call, causal: true }, true);
  },
};

/**
 * A tensor `[count]` of one number per channel, from its relative position, 0
 * to 1, and its index.
 */
function channels(
  count: number,
  value: (share: number, index: number) => number,
): tf.Tensor1D {
  const last = Math.max(count - 1, 1);
  return tf.tensor1d(
    Array.from({ length: count }, (_, n) => value(n / last, n)),
  );
}
