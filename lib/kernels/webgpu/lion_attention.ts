/**
 * The forms of attention as tfjs kernels for WebGPU.
 *
 * The chunkwise form takes three launches: the states that each chunk writes, their way
 * from chunk to chunk, and what each token reads; only the last if there is one chunk. All
 * forms compute the same function, so they have the same gradient, which is made of the
 * same three, run on other vectors.
 *
 * Of a part of a sequence the second launch also takes the states of the tokens before and
 * after, and returns those after this part's tokens; a short part is swept as in the recurrent
 * form, in a launch for each direction, and one more where two directions have decays. Decays
 * of each channel of the keys run through shaders that the delta rule has too
 * (`transition/`).
 *
 * @module
 */
import { FORMS } from "../../attention/forms/form.ts";
import {
  ATTENTION,
  JOINED_HEADS_CHUNKWISE,
  type KernelAttributes,
  type KernelRequest,
  refuseDiagonal,
} from "../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "@lionjs/tfjs/kernel";
import { registerFusedKernel } from "@lionjs/tfjs/webgpu";
import { gradientChunk } from "../gradient_chunk.ts";
import type { NumbersFor } from "../numbers.ts";
import type { WebGpuNumbers } from "../tuning.ts";
import { LARGEST_CHUNK } from "./chunkwise/attend.ts";
import {
  chunkwiseForward,
  chunkwiseGradient,
  planChunkwise,
} from "./chunkwise/chunkwise.ts";
import {
  diagonalForward,
  diagonalGradient,
  isDiagonalCall,
  planDiagonal,
} from "./transition/diagonal.ts";
import { type AttentionArguments, requestOf } from "./frame/attention_call.ts";
import type { Device } from "./frame/planning.ts";
import { fullForward, planFull, tilingFor } from "./full/lion_full.ts";
import { planRecurrent, recurrentForward } from "./recurrent/lion_recurrent.ts";

type Numbers = WebGpuNumbers["chunkwise"];

/** Registers the forward and the gradient kernel of each form for webgpu. */
export function registerAttention(numbersFor: NumbersFor<WebGpuNumbers>): void {
  const register = registerFusedKernel<
    string,
    string,
    KernelAttributes,
    KernelRequest
  >;
  const numbersOf = (call: AttentionArguments) => numbersFor(requestOf(call));
  register(ATTENTION.chunkwise, {
    forward: (call) =>
      isDiagonalCall(call)
        ? diagonalForward(call)
        : call.attributes.states && call.attributes.chunkSize === 1
        ? recurrentForward(call)
        : chunkwiseForward(call, numbersOf(call).chunkwise),
    gradient: (call) =>
      isDiagonalCall(call)
        ? diagonalGradient(call)
        : chunkwiseGradient(call, numbersOf(call).chunkwise),
    plan: (request, device) => {
      const { channels, chunkwise } = numbersFor(request);
      return request.diagonal
        ? planDiagonal(request, device, channels.chunkSize)
        : request.states
        ? planWithStates(request, device, chunkwise)
        : planChunkwise(request, device, chunkwise);
    },
  });
  const joiningHeads = (call: AttentionArguments): AttentionArguments => ({
    ...call,
    attributes: { ...call.attributes, joinsHeads: true },
  });
  register(JOINED_HEADS_CHUNKWISE, {
    forward: (call) =>
      chunkwiseForward(joiningHeads(call), numbersOf(call).chunkwise),
    gradient: (call) =>
      chunkwiseGradient(joiningHeads(call), numbersOf(call).chunkwise),
  });
  for (const form of FORMS.filter((form) => form !== "chunkwise")) {
    register(ATTENTION[form], {
      forward: (call) =>
        form === "recurrent"
          ? recurrentForward(call)
          : fullForward(call, numbersOf(call).full),
      gradient: (call) => {
        const { chunkwise } = numbersOf(call);
        const { device } = call.backend;
        const planned = planGradient(requestOf(call), device, chunkwise);
        if ("refusal" in planned) {
          throw new RangeError(
            `the gradient of the ${form} form has no webgpu kernel for this problem: ` +
              `${planned.refusal}; use kernel: false`,
          );
        }
        const chunkSize = planned.chunkSize!;
        const attributes = { ...call.attributes, chunkSize };
        return chunkwiseGradient({ ...call, attributes }, chunkwise);
      },
      plan: (request, device) => {
        if (request.diagonal) return refuseDiagonal("webgpu", form);
        if (request.states) {
          return {
            refusal: `the webgpu kernel of the ${form} form takes no states`,
          };
        }
        const { full, chunkwise } = numbersFor(request);
        const { limits } = device;
        const chunkSize = form === "full" ? undefined : request.chunkSize;
        const rows = () => tilingFor(request, full, limits).rows;
        const planned = form === "recurrent"
          ? planRecurrent(request, limits)
          : planFull({ ...request, chunkSize }, device, rows());
        const gradient = planGradient(request, device, chunkwise);
        return "refusal" in planned || !("refusal" in gradient) ? planned : {
          ...planned,
          gradientRefusal: gradient.refusal,
          gradientLacks: gradient.lacks,
        };
      },
    });
  }
}

/**
 * Plans the gradient of a problem, in chunks of about √length for which there
 * is room.
 */
function planGradient(
  request: KernelRequest,
  device: Device,
  numbers: Numbers,
): KernelPlan | Refusal {
  // Where nothing decays, a chunk costs nothing but its state.
  const limits = request.decays || request.causal
    ? { smallest: numbers.chunkSize, largest: LARGEST_CHUNK }
    : { smallest: numbers.masklessChunkSize, largest: Infinity };
  const chunkSize = gradientChunk(request.length, limits);
  return planChunkwise({ ...request, chunkSize }, device, numbers);
}

/** The longest part swept token by token: one launch per direction is then worth the steps. */
const SHORT = 16;

/**
 * Plans a part of a sequence for a device.
 *
 * Short parts are swept token by token, as are heads that are too wide for the
 * chunkwise shaders: those are the plans with chunks of one token. Other parts get
 * at least two chunks, since states exist only between chunks.
 */
function planWithStates(
  request: KernelRequest,
  device: Device,
  numbers: Numbers,
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
