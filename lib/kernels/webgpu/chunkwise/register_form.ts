/**
 * Registers the kernels of a form whose gradient is not its own. All forms
 * compute the same function, so they have the same gradient: the chunkwise form's.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { ConcreteForm } from "../../../attention/forms/form.ts";
import {
  ATTENTION,
  type KernelAttributes,
  type KernelRequest,
  refuseDiagonal,
} from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../tfjs/kernel/kernel.ts";
import { registerFusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import { gradientChunk } from "../../gradient_chunk.ts";
import type { NumbersFor } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import type { Device } from "../frame/planning.ts";
import type { AttentionArguments } from "./attention_call.ts";
import { LARGEST_CHUNK } from "./attend.ts";
import { chunkwiseGradient } from "./chunkwise_gradient.ts";
import { planChunkwise } from "./chunkwise_plan.ts";

/** What a form of attention has of its own: its forward pass. */
export interface FormKernel {
  /** The form's name. */
  readonly form: Exclude<ConcreteForm, "chunkwise">;
  /** Computes the outputs y and the row sums. */
  forward(call: AttentionArguments): tf.TensorInfo[];
  /** Plans the forward pass of a problem for a device. */
  plan(request: KernelRequest, device: GPUDevice): KernelPlan | Refusal;
}

/**
 * Registers the forward and the gradient kernel of a form for webgpu.
 *
 * @param numbersFor What the gradient's kernels are generated from.
 */
export function registerForm(
  { form, forward, plan }: FormKernel,
  numbersFor: NumbersFor<WebGpuNumbers>,
): void {
  registerFusedKernel<string, string, KernelAttributes, KernelRequest>(
    ATTENTION[form],
    {
      forward,
      gradient: (call) => {
        const request = requestOf(call);
        const { chunkwise } = numbersFor(request);
        const planned = planGradient(request, call.backend.device, chunkwise);
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
        const planned = plan(request, device);
        if ("refusal" in planned) return planned;
        const gradient = planGradient(
          request,
          device,
          numbersFor(request).chunkwise,
        );
        return "refusal" in gradient
          ? {
            ...planned,
            gradientRefusal: gradient.refusal,
            gradientLacks: gradient.lacks,
          }
          : planned;
      },
    },
  );
}

/**
 * Plans the gradient of a problem, in chunks of about √length for which there
 * is room.
 */
function planGradient(
  request: KernelRequest,
  device: Device,
  numbers: WebGpuNumbers["chunkwise"],
): KernelPlan | Refusal {
  // Where nothing decays, a chunk costs nothing but its state.
  const limits = request.decays || request.causal
    ? { smallest: numbers.chunkSize, largest: LARGEST_CHUNK }
    : { smallest: numbers.masklessChunkSize, largest: Infinity };
  const chunkSize = gradientChunk(request.length, limits);
  return planChunkwise({ ...request, chunkSize }, device, numbers);
}

/** The request whose plan a call of the gradient kernel follows. */
function requestOf({ inputs, attributes }: AttentionArguments): KernelRequest {
  const { q, v, f } = inputs;
  const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const valueDim = v!.shape[3]!;
  return {
    ...{ batch, heads, length, headDim, valueDim },
    ...attributes,
    decays: f !== undefined,
  };
}
