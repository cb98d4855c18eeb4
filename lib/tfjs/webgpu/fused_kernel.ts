/** Registration of a fused operation's kernels with TensorFlow.js. @module */
import * as tf from "@tensorflow/tfjs-core";
import { callKernel } from "../kernel_call.ts";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import {
  type Operation,
  type Planner,
  registerKernels,
} from "../kernel/kernel.ts";
import { elementOf, withOutputs } from "./program.ts";

/** The arguments of a kernel's call. */
export interface Call<Input extends string, Attributes> {
  readonly backend: StrictWebGPUBackend;
  /** The inputs by name, of 32-bit floats. */
  readonly inputs: Readonly<Record<Input, tf.TensorInfo>>;
  readonly attributes: Readonly<Attributes>;
}

/** Launches shaders and returns the tensors that they write. */
export type FusedKernel<Input extends string, Attributes = unknown> = (
  call: Call<Input, Attributes>,
) => tf.TensorInfo[];

/** The WebGPU kernels of a fused operation. */
export interface FusedKernels<
  Input extends string,
  GradientInput extends string,
  Attributes,
  Request,
> {
  readonly forward: FusedKernel<Input, Attributes>;
  readonly gradient?: FusedKernel<GradientInput, Attributes>;
  /** An output whose gradient comes in two parts, where two operations have read it. */
  readonly inParts?: string;
  /** Plans the forward kernel for a device. */
  readonly plan?: (
    request: Request,
    device: GPUDevice,
  ) => ReturnType<Planner<Request>>;
}

/** Registers the kernels of an operation for webgpu. */
export function registerFusedKernel<
  Input extends string,
  GradientInput extends string,
  Attributes,
  Request,
>(
  operation: Operation,
  { forward, gradient, plan, inParts }: FusedKernels<
    Input,
    GradientInput,
    Attributes,
    Request
  >,
): void {
  registerKernels<Request>("webgpu", operation, {
    inParts,
    forward: onBackend(forward),
    gradient: gradient && onBackend(gradient),
    plan: plan &&
      ((request) =>
        plan(request, (tf.backend() as StrictWebGPUBackend).device)),
  });
}

function onBackend<Input extends string, Attributes>(
  kernel: FusedKernel<Input, Attributes>,
): tf.KernelFunc {
  return ({ inputs, backend, attrs }) => {
    const webgpu = backend as StrictWebGPUBackend;
    const converted: tf.TensorInfo[] = [];
    try {
      const floats = Object.entries(inputs).map(([input, tensor]) => {
        const given = tensor as tf.TensorInfo;
        if (holdsFloats(webgpu, given)) return [input, given];
        const copy = toFloats(webgpu, given);
        converted.push(copy);
        return [input, copy];
      });
      return withOutputs(webgpu, () =>
        kernel({
          backend: webgpu,
          inputs: Object.fromEntries(floats),
          attributes: attrs as unknown as Attributes,
        }));
    } finally {
      converted.forEach(({ dataId }) => webgpu.disposeData(dataId));
    }
  };
}

/**
 * Whether a tensor's buffer holds floats. Where tfjs's kernels convert integers
 * to float32, the result has the same buffer, and is only called float32.
 */
export function holdsFloats(
  backend: StrictWebGPUBackend,
  tensor: tf.TensorInfo,
): boolean {
  return tensor.dtype === "float32" && elementOf(backend, tensor) === "f32";
}

/** A copy that holds floats: tfjs's own product converts as it reads. */
export function toFloats(
  backend: StrictWebGPUBackend,
  tensor: tf.TensorInfo,
): tf.TensorInfo {
  const one = backend.makeTensorInfo([], "float32", Float32Array.of(1));
  const inputs = { a: tensor, b: one };
  const product = callKernel("webgpu", "Multiply", backend, inputs);
  backend.disposeData(one.dataId);
  return product;
}
