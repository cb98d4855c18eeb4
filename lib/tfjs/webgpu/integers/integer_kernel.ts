/** Kernels of WebGPU for integers, exact in all bits. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  type Call,
  inputsOf,
  runOnHost,
  type Transfer,
  type Values,
} from "../../host_kernel.ts";
import { toFloats } from "../fused_kernel.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { elementOf, withOutputs } from "../program.ts";

/** A kernel that is given integers, as buffers of `i32`. */
export type IntegerKernel = (
  backend: StrictWebGPUBackend,
  call: Call,
) => tf.TensorInfo | tf.TensorInfo[];

/** Whether a tensor's buffer holds integers or bools, and its dtype says so. */
function holdsIntegers(
  backend: StrictWebGPUBackend,
  tensor: tf.TensorInfo,
): boolean {
  return (tensor.dtype === "int32" || tensor.dtype === "bool") &&
    elementOf(backend, tensor) === "i32";
}

/**
 * A kernel that passes integers on to a kernel of their own.
 *
 * Small tensors that are not on the GPU yet stay on the host, as with tfjs's own
 * kernels; the cpu backend's kernels compute them.
 *
 * @param stock The previous kernel, for floats.
 * @param own The kernel for integers.
 * @param values The inputs whose type decides. @default all of them
 */
export function integerKernel(
  stock: tf.KernelFunc,
  name: string,
  own: IntegerKernel,
  values?: readonly string[],
): tf.KernelFunc {
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const inputs = inputsOf(call);
    const deciding = values?.map((name) => call.inputs[name] as tf.TensorInfo);
    if (!(deciding ?? inputs).every((x) => holdsIntegers(webgpu, x))) {
      return stock(call);
    }
    return webgpu.shouldExecuteOnCPU(inputs)
      ? runOnHost(call, name, transferOf(webgpu))
      : withOutputs(webgpu, () => own(webgpu, call));
  };
}

/** How values that are on the host get to the cpu backend, and back. */
export function transferOf(webgpu: StrictWebGPUBackend): Transfer {
  return {
    read: ({ dataId }) => webgpu.tensorMap.get(dataId).values as Values,
    write: (values, shape, dtype) =>
      webgpu.makeTensorInfo(shape, dtype, values),
  };
}

/**
 * A kernel whose argument is first converted to float32.
 *
 * @param stock The previous kernel, for floats.
 */
export function ofFloats(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const given = call.inputs["x"] as tf.TensorInfo;
    if (!holdsIntegers(webgpu, given)) return stock(call);
    const x = toFloats(webgpu, given);
    try {
      return stock({ ...call, inputs: { x } });
    } finally {
      webgpu.disposeData(x.dataId);
    }
  };
}

/**
 * A kernel that refuses integers, for which there is no exact kernel.
 *
 * @param stock The previous kernel, for floats.
 * @param values The inputs that may not be integers.
 */
export function withoutIntegers(
  stock: tf.KernelFunc,
  name: string,
  values: readonly string[] | undefined,
): tf.KernelFunc {
  return (call) => {
    for (const [input, tensor] of Object.entries(call.inputs)) {
      const isValue = values?.includes(input) ?? true;
      // Optional inputs may be absent.
      const dtype = isValue && (tensor as tf.TensorInfo | undefined)?.dtype;
      if (dtype !== "int32" && dtype !== "bool") continue;
      throw new TypeError(
        `${name}'s ${input} should be float32 on webgpu, got ${dtype}: integers ` +
          `beyond 2^24 would be rounded; cast it where they are smaller`,
      );
    }
    return stock(call);
  };
}
