/** Initial decay rates of Mamba-2 and of models that follow it. @module */
import * as tf from "@tensorflow/tfjs-core";
import { mambaTimeStep } from "../../family/initial_decay.ts";
import type { Parameter } from "../lion_layer.ts";

/**
 * The parameter `A_log`: logarithms of the heads' decay rates, which start
 * between `least` and 16. Log decays are -e^A_log dt.
 */
export function decayRate(numHeads: number, least = 1): Parameter {
  const values = (seed: number | undefined) =>
    tf.tidy(() =>
      tf.log(tf.randomUniform([numHeads], least, 16, "float32", seed))
    );
  return { name: "A_log", shape: [numHeads], initial: { values } };
}

/** Initial biases of time steps: their softplus is one of Mamba's initial time steps. */
export function stepBias(count: number): Parameter["initial"] {
  return {
    values: (seed) =>
      tf.tidy(() => {
        const dt = mambaTimeStep(count, { seed });
        return tf.add(dt, tf.log(tf.sub(1, tf.exp(tf.neg(dt)))));
      }),
  };
}
