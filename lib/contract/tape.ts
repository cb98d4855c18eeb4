/**
 * tfjs's record of what runs, from which it computes gradients.
 *
 * Importing this makes tfjs free what it has recorded when a function throws
 * whose gradients it computes. It alone would keep for ever what its tape has
 * saved, for any loss: of `train`, of `model.fit`, in `tf.grad`.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";

/** tfjs's engine, with what it does not declare as public. */
interface Engine {
  readonly state: {
    readonly gradientDepth: number;
    readonly kernelDepth: number;
    activeTape: unknown;
  };
  keep(tensor: tf.Tensor): tf.Tensor;
  gradients: ((...args: never[]) => unknown) & { freesTape?: true };
}

const engine = tf.engine() as unknown as Engine;
const { gradients } = engine;
if (!gradients.freesTape) {
  engine.gradients = Object.assign(
    (...args: never[]) => freeingTape(() => gradients.apply(engine, args)),
    { freesTape: true as const },
  );
}

/** Whether what runs now is recorded, for a gradient. */
export function isRecording(): boolean {
  return engine.state.gradientDepth > 0 && engine.state.kernelDepth === 0;
}

function freeingTape<T>(run: () => T): T {
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
