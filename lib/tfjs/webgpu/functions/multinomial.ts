/** Draws of classes, as a kernel of WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { numbersOfDraws } from "../../cpu/multinomial.ts";
import { callKernel } from "../../kernel_call.ts";
import { runElementwise } from "../elementwise.ts";
import { holdsFloats, toFloats } from "../fused_kernel.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { makeOutput, withOutputs } from "../program.ts";

/** The kernel `Multinomial`, with the same numbers for a seed as on cpu. */
export const multinomialKernel: tf.KernelFunc = (
  { inputs, backend, attrs },
) => {
  const webgpu = backend as StrictWebGPUBackend;
  const given = inputs["logits"] as tf.TensorInfo;
  const { numSamples, seed, normalized } =
    attrs as unknown as tf.MultinomialAttrs;
  const [rows, classes] = given.shape as [number, number];
  const held: tf.TensorInfo[] = [];
  const hold = (tensor: tf.TensorInfo): tf.TensorInfo => {
    held.push(tensor);
    return tensor;
  };
  try {
    const logits = holdsFloats(webgpu, given)
      ? given
      : hold(toFloats(webgpu, given));
    const probabilities = normalized
      ? logits
      : hold(callKernel("webgpu", "Softmax", webgpu, { logits }, { dim: 1 }));
    const shape = [rows, numSamples];
    const values = numbersOfDraws(seed, rows * numSamples);
    const numbers = hold(webgpu.makeTensorInfo(shape, "float32", values));
    return withOutputs(webgpu, () => {
      const drawn = makeOutput(webgpu, shape, "int32");
      runElementwise(webgpu, {
        name: "multinomial",
        reads: { probabilities, numbers },
        writes: { drawn },
        elements: { drawn: "i32" },
        width: 1,
        integers: { classes, draws: numSamples },
        body: /* wgsl */ `  let first = at / uniforms.draws * uniforms.classes;
  var sum = 0.0;
  var last = uniforms.classes - 1u;
  for (var one = 0u; one < uniforms.classes; one++) {
    let probability = probabilities[first + one];
    sum += probability;
    // The rounded probabilities of all classes may add up to less than 1.
    if (probability > 0.0) { last = one; }
    if (numbers[at] < sum) { break; }
  }
  drawn[at] = i32(last);`,
      });
      return drawn;
    });
  } finally {
    held.forEach(({ dataId }) => webgpu.disposeData(dataId));
  }
};
