/** Random numbers of a seed. @module */
import * as tf from "@tensorflow/tfjs-core";
import { hasKernel, type Operation, runKernel } from "@lionjs/tfjs/kernel";

/** The kernel of {@linkcode uniform}, with its arguments as attributes. */
export const UNIFORM: Operation<"y"> = {
  kernel: "LionUniform",
  gradientsIn: [],
  outputs: ["y"],
};

/** The attributes of {@linkcode UNIFORM}. */
export interface UniformAttributes {
  /** The shape of the tensor of random numbers. */
  readonly shape: number[];
  /** The seed, of which the random numbers are a function. */
  readonly seed: string;
}

/**
 * Random numbers from 0 to 1, the same as those of `tf.randomUniform`.
 *
 * @param shape Their shape.
 * @param seed The same seed gives the same numbers. @default a random one
 */
export function uniform(shape: number[], seed?: string): tf.Tensor {
  if (!hasKernel(UNIFORM)) {
    return tf.randomUniform(shape, 0, 1, "float32", seed);
  }
  const attributes: UniformAttributes = {
    shape,
    seed: seed ?? `${Math.random()}`,
  };
  return runKernel(UNIFORM, {}, attributes).y;
}
