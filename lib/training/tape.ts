/** The tape of a forward pass, which tfjs frees only after a backward pass. @module */
import * as tf from "@tensorflow/tfjs-core";

/** What tfjs's engine does not declare as public. */
interface Engine {
  readonly state: {
    readonly gradientDepth: number;
    readonly kernelDepth: number;
    activeTape: unknown;
  };
  keep(tensor: tf.Tensor): tf.Tensor;
}

/**
 * Runs something that computes gradients. If it throws, tfjs would keep for
 * ever what its tape has saved, and go on with the tape: here both are gone
 * before the exception goes on.
 *
 * @param run Not asynchronous; may be nested.
 * @returns What `run` returns.
 */
export function freeingTape<T>(run: () => T): T {
  const engine = tf.engine() as unknown as Engine;
  const { state, keep } = engine;
  const depth = state.gradientDepth;
  const saved: tf.Tensor[] = [];
  engine.keep = (tensor) => {
    // Outside of kernels it is the caller who keeps.
    if (state.kernelDepth > 0) saved.push(tensor);
    return keep.call(engine, tensor);
  };
  try {
    return run();
  } catch (error) {
    tf.dispose(saved);
    if (depth === 0) state.activeTape = null;
    throw error;
  } finally {
    engine.keep = keep;
  }
}
