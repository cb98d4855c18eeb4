/** One kernel where tfjs would run several, on backends that have it. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * Registers the gradient of a fused kernel: another kernel, which is given the
 * inputs, and `dy` for each output.
 *
 * @param name The forward kernel; the gradient's has `Grad` after it.
 * @param inputs Names of the inputs, in the order of the gradient's outputs.
 * @param outputs Names of the gradients of the outputs.
 */
export function registerFusedGradient(
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
      const gradients = run(`${name}Grad`, tensors, attrs);
      return Object.fromEntries(
        inputs.map((input, i) => [input, () => gradients[i]!]),
      );
    },
  });
}

/** Whether the current backend has a kernel. */
export function hasKernel(name: string): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/** Runs a kernel of the current backend. */
export function run(
  name: string,
  inputs: tf.NamedTensorMap,
  attributes: tf.NamedAttrMap = {},
): tf.Tensor[] {
  const outputs: unknown = tf.engine().runKernel(name, inputs, attributes);
  return Array.isArray(outputs) ? outputs : [outputs as tf.Tensor];
}
