// The operations on a row of sums when it is written, while it is in the cache.
import { ACTIVATION_GELU, ACTIVATION_RELU, ACTIVATION_RELU6 } from "../jobs";
import { gelu } from "./gelu";
import { clamp, copyRow, raise } from "./loops";

/** target = the activation of source. */
export function activate(
  activation: i32, count: i32, source: usize, target: usize
): void {
  switch (activation) {
    case ACTIVATION_GELU: return gelu(count, source, target);
    case ACTIVATION_RELU: return raise(count, 0, source, target);
    case ACTIVATION_RELU6: return clamp(count, 0, 6, source, target);
    default: copyRow(count, source, target);
  }
}
