/**
 * The chunkwise form as tfjs kernels for WebGPU: forward and gradient.
 *
 * Forward, three launches: the states that each chunk writes, their way from
 * chunk to chunk, and what each token reads; only the last if there is one
 * chunk. The gradient is made of the same three, run on other vectors.
 *
 * Of a piece of a sequence the second launch takes the states on both sides and
 * hands on those that leave; a short piece is swept as in the recurrent form, in
 * a launch for each direction, and one more where two directions have decays. Decays of each channel of the keys run through the
 * shaders of the delta rule, without what erases (`chunk_engine/`).
 *
 * @module
 */
import {
  ATTENTION,
  JOINED_CHUNKWISE,
  type KernelAttributes,
  type KernelRequest,
} from "../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../contract/kernel.ts";
import { registerFusedKernel } from "../../tfjs/webgpu/fused_kernel.ts";
import type { NumbersFor } from "../numbers.ts";
import type { WebGpuNumbers } from "../tuning.ts";
import {
  chunkwiseForward,
  chunkwiseGradient,
  planChunkwise,
} from "./chunkwise/chunkwise.ts";
import {
  diagonalForward,
  diagonalGradient,
  isDiagonalCall,
} from "./diagonal/diagonal_chunkwise.ts";
import { planDiagonal } from "./diagonal/diagonal_plan.ts";
import { type AttentionArguments, requestOf } from "./frame/attention_call.ts";
import type { Device } from "./frame/planning.ts";
import { forward as sweep, planRecurrent } from "./recurrent/lion_recurrent.ts";

/** Registers the kernels `LionChunkwise` and `LionChunkwiseGrad` for webgpu. */
export function registerChunkwise(
  numbersFor: NumbersFor<WebGpuNumbers>,
): void {
  const numbersOf = (call: AttentionArguments) =>
    numbersFor(requestOf(call)).chunkwise;
  const joined = (call: AttentionArguments): AttentionArguments => ({
    ...call,
    attributes: { ...call.attributes, joined: true },
  });
  registerFusedKernel<string, string, KernelAttributes, KernelRequest>(
    JOINED_CHUNKWISE,
    {
      forward: (call) => chunkwiseForward(joined(call), numbersOf(call)),
      gradient: (call) => chunkwiseGradient(joined(call), numbersOf(call)),
    },
  );
  registerFusedKernel<string, string, KernelAttributes, KernelRequest>(
    ATTENTION.chunkwise,
    {
      forward: (call) =>
        isDiagonalCall(call)
          ? diagonalForward(call)
          : call.attributes.states && call.attributes.chunkSize === 1
          ? sweep(call)
          : chunkwiseForward(call, numbersOf(call)),
      gradient: (call) =>
        isDiagonalCall(call)
          ? diagonalGradient(call)
          : chunkwiseGradient(call, numbersOf(call)),
      plan: (request, device) => {
        const { channels, chunkwise } = numbersFor(request);
        return request.diagonal
          ? planDiagonal(request, device, channels.chunkSize)
          : request.states
          ? planWithStates(request, device, chunkwise)
          : planChunkwise(request, device, chunkwise);
      },
    },
  );
}

/** The longest piece swept token by token: one launch per direction is then worth the steps. */
const SHORT = 16;

/**
 * Plans a piece for a device.
 *
 * Short pieces are swept token by token, as are heads that are too wide for the
 * chunkwise shaders: those are the plans with chunks of one token. Other pieces get
 * at least two chunks, since states exist only between chunks.
 */
function planWithStates(
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
