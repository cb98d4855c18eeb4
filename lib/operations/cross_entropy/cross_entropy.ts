import type { Operation } from "@lionjs/tfjs/kernel";

/**
 * The kernel of the mean cross-entropy of `logits` `[rows, classes]` and `labels`
 * `[rows]`, with the attribute `smoothing`; besides the loss, the largest logit of
 * each row and the sum of e^(logit - largest), and whatever else a kernel keeps for its
 * gradient behind the sums. A label of -100 does not count.
 */
export const CROSS_ENTROPY: Operation<"loss", "maxima" | "sums"> = {
  kernel: "LionCrossEntropy",
  gradientsIn: ["logits"],
  outputs: ["loss"],
  further: ["maxima", "sums"],
  gradientReads: ["maxima", "sums"],
};
