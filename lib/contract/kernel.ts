/**
 * How an operation asks for a kernel of ours, and what a kernel may rely on:
 * all of its inputs hold float32, whoever calls it.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "./floats.ts";

/** Whether the current backend has a kernel. */
export function hasKernel(name: string): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/**
 * Runs a kernel of the current backend, on inputs converted to float32.
 *
 * @param name The kernel.
 * @param inputs Its inputs.
 * @param attributes Its attributes.
 * @returns Its outputs.
 * @throws {TypeError} If an input holds neither numbers nor booleans.
 */
export function runKernel(
  name: string,
  inputs: tf.NamedTensorMap,
  attributes: object = {},
): tf.Tensor[] {
  const converted: tf.NamedTensorMap = {};
  for (const [input, x] of Object.entries(inputs)) {
    converted[input] = x.dtype === "float32"
      ? x
      : floats(`${name}'s ${input}`, x);
  }
  const outputs: unknown = tf.engine()
    .runKernel(name, converted, attributes as tf.NamedAttrMap);
  return Array.isArray(outputs) ? outputs : [outputs as tf.Tensor];
}

/**
 * Registers the gradient of a kernel: another kernel, which is given the
 * inputs, and `dy` for each output.
 *
 * @param name The forward kernel; the gradient's has `Grad` after it.
 * @param inputs Names of the inputs, in the order of the gradient's outputs.
 * @param outputs Names of the gradients of the outputs.
 */
export function registerKernelGradient(
  name: string,
  inputs: string[],
  outputs: string[] = ["dy"],
): void {
  tf.registerGradient({
    kernelName: name,
    inputsToSave: inputs,
    gradFunc: (dy, saved, attrs) => {
      const dys = Array.isArray(dy) ? dy : [dy];
      const tensors: tf.NamedTensorMap = {};
      inputs.forEach((input, i) => tensors[input] = saved[i]!);
      outputs.forEach((output, i) => tensors[output] = dys[i]! as tf.Tensor);
      // Not in the functions below: each is called in a scope of its own, which
      // would free the gradients of the others.
      const gradients = runKernel(`${name}Grad`, tensors, attrs);
      return Object.fromEntries(
        inputs.map((input, i) => [input, () => gradients[i]!]),
      );
    },
  });
}

/**
 * The kernel, refusing what is not float32. {@linkcode runKernel} converts; this
 * is for calls past it, whose integers would be read as floats.
 *
 * @param name The kernel's name.
 * @param kernelFunc The kernel.
 * @returns What to register.
 */
export function onFloats(
  name: string,
  kernelFunc: tf.KernelFunc,
): tf.KernelFunc {
  return (call) => {
    for (const [input, tensor] of Object.entries(call.inputs)) {
      const { dtype } = tensor as tf.TensorInfo;
      if (dtype === "float32") continue;
      throw new TypeError(
        `${name}'s ${input} should be float32, got ${dtype}; cast it`,
      );
    }
    return kernelFunc(call);
  };
}
