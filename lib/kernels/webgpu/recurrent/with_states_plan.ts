/** Plans for a piece of a sequence, which states enter and leave. @module */
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../tfjs/kernel/kernel.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { planChunkwise } from "../chunkwise/chunkwise_plan.ts";
import type { Device } from "../frame/planning.ts";
import { planRecurrent } from "./recurrent_plan.ts";

/** The longest piece swept token by token: one launch per direction is then worth the steps. */
const SHORT = 16;

/**
 * Plans a piece for a device.
 *
 * Short pieces are swept token by token, as are heads that are too wide for the
 * chunkwise shaders: those are the plans with chunks of one token. Other pieces get
 * at least two chunks, since states exist only between chunks.
 */
export function planWithStates(
  request: KernelRequest,
  device: Device,
  numbers: WebGpuNumbers["chunkwise"],
): KernelPlan | Refusal {
  const { length, chunkSize = Infinity } = request;
  if (length > SHORT) {
    const best = planChunkwise(request, device, numbers);
    if (!("refusal" in best)) {
      const most = Math.min(chunkSize, Math.ceil(length / 2));
      return best.chunkSize! <= most
        ? best
        : planChunkwise({ ...request, chunkSize: most }, device, numbers);
    }
  }
  const swept = planRecurrent(request, device.limits);
  return "refusal" in swept ? swept : { ...swept, chunkSize: 1 };
}
