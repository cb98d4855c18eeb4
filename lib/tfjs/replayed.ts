/** Functions of tensors that are recorded, and then replayed. @module */
import * as tf from "@tensorflow/tfjs-core";
import { shown } from "@lionjs/base";
import { ReplayedRuns } from "./record/runs.ts";

/** A function whose calls are replayed. */
export interface ReplayedFunction {
  /** Computes, or replays what it computed; the results are the caller's. */
  (...inputs: tf.Tensor[]): tf.Tensor[];
  /** How many calls were replays. */
  readonly replays: number;
  /** Why calls are not replayed, in words that follow "it"; nothing if they are. */
  readonly refusal: string | undefined;
  /** Disposes of what was recorded. */
  dispose(): void;
}

/**
 * Makes a function that runs the kernels of another one without its code, without
 * TensorFlow.js's tape, and without a tensor for each result on the way, which is most
 * of the time of a step with small tensors.
 *
 * For each shape of its inputs the first call only runs, the second and the third are
 * recorded, and if these were the same, later ones are replayed; some are recorded again
 * to see that they still are. What changes from call to call has to be an input or a
 * variable: a number that the function takes from elsewhere stays as it was. A function
 * that reads values, changes variables or draws numbers without a seed is run each time.
 *
 * @example A loss and its gradient
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openBackend, replayed } from "@lionjs/lion/tfjs";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * await openBackend("cpu");
 * const gradient = replayed((x) => [tf.grad((x) => tf.sum(tf.square(x)))(x!)]);
 * for (let i = 0; i < 6; i++) {
 *   const x = tf.scalar(i), [dx] = gradient(x);
 *   assertEquals([...await dx!.data()], [2 * i]);
 *   tf.dispose([x, dx!]);
 * }
 * assertEquals(gradient.replays, 3);
 * gradient.dispose();
 * ```
 *
 * @param run Computes tensors of its own from the inputs and from variables.
 * @returns The function, and what is known of its calls.
 * @throws {TypeError} If `run` is not a function.
 */
export function replayed(
  run: (...inputs: tf.Tensor[]) => tf.Tensor[],
): ReplayedFunction {
  if (typeof run !== "function") {
    throw new TypeError(
      `run should be a function that computes tensors, got ${shown(run)}`,
    );
  }
  const runs = new ReplayedRuns("call of a replayed function");
  const call = (...inputs: tf.Tensor[]) =>
    tf.tidy(() => runs.run("", inputs, () => run(...inputs)));
  return Object.defineProperties(call, {
    replays: { get: () => runs.replays },
    refusal: { get: () => runs.refusal },
    dispose: { value: () => runs.dispose() },
  }) as ReplayedFunction;
}
