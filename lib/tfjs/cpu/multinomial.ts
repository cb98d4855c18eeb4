/** Draws of classes, on the cpu backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { MathBackendCPU } from "@tensorflow/tfjs-backend-cpu";
import seedrandom from "seedrandom";
import type { Values } from "../host_kernel.ts";
import { callKernel } from "../kernel_call.ts";

/** A number from 0 to below 1 for each draw, row after row. */
export function numbersOfDraws(seed: number, count: number): Float32Array {
  const random = seedrandom.alea(String(seed));
  // Rounded up, a float could be 1.
  return Float32Array.from(
    { length: count },
    () => Math.floor(random() * 2 ** 24) / 2 ** 24,
  );
}

/** The kernel `Multinomial`: no row's draws depend on those of another. */
export const multinomial: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const cpu = backend as MathBackendCPU;
  const logits = inputs["logits"] as tf.TensorInfo;
  const { numSamples, seed, normalized } =
    attrs as unknown as tf.MultinomialAttrs;
  const [rows, classes] = logits.shape as [number, number];
  const given = normalized
    ? logits
    : callKernel("cpu", "Softmax", cpu, { logits }, { dim: 1 });
  const probabilities = cpu.data.get(given.dataId).values as Values;
  const numbers = numbersOfDraws(seed, rows * numSamples);
  const drawn = Int32Array.from(numbers, (number, draw) => {
    const first = Math.floor(draw / numSamples) * classes;
    let sum = 0, last = classes - 1;
    for (let one = 0; one < classes; one++) {
      const probability = probabilities[first + one]!;
      sum += probability;
      if (number < sum) return one;
      // Rounded, all of them may add up to less than 1.
      if (probability > 0) last = one;
    }
    return last;
  });
  if (!normalized) cpu.disposeData(given.dataId);
  return cpu.makeTensorInfo([rows, numSamples], "int32", drawn);
};
