import { hasKernel } from "@lionjs/tfjs/kernel";
import type { AttentionSizes } from "./kernel.ts";
import { type AttentionPlan, planAttention } from "./plan.ts";
import { SOFTMAX_ATTENTION } from "./softmax_kernel.ts";

/**
 * Plans softmax attention on the current backend.
 *
 * @throws {RangeError} If it has to hold all scores, and they do not fit the
 * backend.
 */
export function planSoftmax(
  problem: AttentionSizes & { readonly causal: boolean },
): Pick<AttentionPlan, "operations" | "bytes" | "peakBytes"> {
  if (!hasKernel(SOFTMAX_ATTENTION)) {
    // In tfjs operations, softmax attention costs as much as the full form.
    return planAttention({
      ...problem,
      form: "full",
      kernel: false,
      chunkSize: undefined,
      decays: false,
      normalize: true,
      precision: "f32",
    });
  }
  const { batch, heads, length, headDim, valueDim, causal } = problem;
  const tokens = batch * heads * length;
  const keys = causal ? (length + 1) / 2 : length;
  // The bytes of queries, keys, values and outputs, and of each row's maximum and sum.
  const bytes = 4 * tokens * (2 * headDim + 2 * valueDim + 2);
  return {
    operations: tokens * keys * (2 * (headDim + valueDim) + 2),
    bytes,
    peakBytes: bytes,
  };
}
