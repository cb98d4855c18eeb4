/** Initial decay rates of Mamba-2 and of models that follow it. @module */
import * as tf from "@tensorflow/tfjs-core";
import { mambaTimeStep } from "../../family/initial_decay.ts";
import type { Parameter, Parameters } from "../lion_layer.ts";
import { softplus } from "./projections.ts";

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

/** Log decays -e^A_log dt, given time steps dt, `[batch, heads, length]` or also of channels. */
export function logDecayOf<T extends tf.Tensor>(
  dt: T,
  parameters: Parameters,
): T {
  const rates = tf.exp(parameters("A_log"));
  const columns = dt.rank === 4 ? [1] : [];
  return tf.neg(tf.mul(dt, tf.reshape(rates, [rates.size, 1, ...columns])));
}

/** Time steps, `[batch, heads, length]`: the softplus of columns `[batch, length, heads]` and a bias. */
export function timeSteps(
  columns: tf.Tensor3D,
  parameters: Parameters,
): tf.Tensor3D {
  const dt = softplus(tf.add(columns, parameters("dt_bias")));
  return tf.transpose(dt, [0, 2, 1]) as tf.Tensor3D;
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
