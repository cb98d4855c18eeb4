/** The kernels of log decays that tokens' logits make. @module */
import type { Operation } from "@lionjs/tfjs/kernel";

/**
 * The kernel of the log decays log σ(-x) of each token and head, `[batch, heads, length]`,
 * of logits x, `[batch, length, heads]`, with the attribute `kept`: the index of the
 * token that does not decay, or -1.
 */
export const TOKEN_LOG_DECAY: Operation<"y"> = {
  kernel: "LionTokenLogDecay",
  gradientsIn: ["x"],
  outputs: ["y"],
};

/**
 * The kernel of both directions' log decays on arriving at each token, from logits:
 * {@linkcode TOKEN_LOG_DECAY} and `SOURCE_DECAY` in one.
 */
export const TOKEN_DECAYS: Operation<"f" | "b"> = {
  kernel: "LionTokenDecays",
  gradientsIn: ["x"],
  outputs: ["f", "b"],
};
