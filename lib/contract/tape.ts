/**
 * Extensions of tfjs's tape, the record from which it computes gradients.
 *
 * Importing this makes tfjs dispose of recorded tensors when a function throws
 * while its gradients are computed. On its own, tfjs leaks what its tape has
 * saved, for any loss: in `train`, `model.fit` or `tf.grad`.
 *
 * It also lets a gradient function compute other gradients: on its own, tfjs
 * loses the tape that it is reading.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";

/** Keeps tensors until the gradient is computed. */
type Save = (tensors: tf.Tensor[]) => void;

/** tfjs's engine, with undeclared members. */
interface Engine {
  readonly state: {
    readonly gradientDepth: number;
    readonly kernelDepth: number;
    activeTape: unknown;
  };
  keep(tensor: tf.Tensor): tf.Tensor;
  runKernelFunc(run: {
    readonly inputs: tf.NamedTensorMap;
    forwardFunc(backend: unknown, save: Save): tf.Tensor[];
    backwardsFunc(
      dy: tf.Tensor | tf.Tensor[],
      saved: tf.Tensor[],
    ): Record<string, () => tf.Tensor>;
  }): tf.Tensor[];
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

/** Whether operations are being recorded for a gradient. */
export function isRecording(): boolean {
  return engine.state.gradientDepth > 0 && engine.state.kernelDepth === 0;
}

/**
 * Runs a function with a custom gradient, like `tf.customGrad`, but with
 * several outputs.
 *
 * @param inputs The differentiable inputs.
 * @param forward Computes the outputs, and saves tensors for the gradient.
 * @param backward Computes the inputs' gradients from those of all outputs and
 * the saved tensors.
 * @returns The outputs.
 */
export function runAsOne(
  inputs: tf.NamedTensorMap,
  forward: (save: Save) => tf.Tensor[],
  backward: (dys: tf.Tensor[], saved: tf.Tensor[]) => tf.NamedTensorMap,
): tf.Tensor[] {
  return engine.runKernelFunc({
    inputs,
    forwardFunc: (_, save) => forward(save),
    backwardsFunc: (dy, saved) => {
      const gradients = backward(Array.isArray(dy) ? dy : [dy], saved);
      return Object.fromEntries(
        Object.entries(gradients).map(([name, x]) => [name, () => x]),
      );
    },
  });
}

function freeingTape<T>(run: () => T): T {
  const { state, keep } = engine;
  const outermost = state.gradientDepth === 0;
  const tape = state.activeTape;
  const saved: tf.Tensor[] = [];
  engine.keep = (tensor) => {
    // Outside of kernels, saved tensors must be kept by the caller.
    if (state.kernelDepth > 0) saved.push(tensor);
    return keep.call(engine, tensor);
  };
  try {
    return run();
  } catch (error) {
    tf.dispose(saved);
    throw error;
  } finally {
    engine.keep = keep;
    if (outermost) state.activeTape = tape;
  }
}
