/** How a piece of a sequence runs, which takes states and hands them on. @module */
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../contract/kernel.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { planChunkwise } from "../chunkwise/chunkwise_plan.ts";
import type { Device } from "../frame/planning.ts";
import { planRecurrent } from "./recurrent_plan.ts";

/** Tokens of a piece up to which one launch a direction is worth its steps. */
const SHORT = 16;

/**
 * Plans a piece for a device.
 *
 * Short ones are swept token by token, as are heads that are too wide for the
 * chunkwise shaders: those are the plans with chunks of one token. Others have
 * two chunks at least, between which there are states.
 *
 * @param request The piece.
 * @param device Its limits and features.
 * @param numbers Those of its chunks.
 * @returns What would run, or why nothing can.
 */
export function planPiece(
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
