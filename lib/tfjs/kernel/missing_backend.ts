/**
 * The error of TensorFlow.js where no backend was chosen: importing this module
 * makes every operation, TensorFlow.js's and the library's, name `useBackend()`.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";

/** The part of the engine that chooses a backend if none was chosen. */
interface BackendChooser {
  initializeBackendsAndReturnBest(): { name: string; asyncInit: boolean };
}

const engine = tf.engine() as unknown as BackendChooser;
const choose = engine.initializeBackendsAndReturnBest;

engine.initializeBackendsAndReturnBest = function () {
  try {
    return choose.call(this);
  } catch (cause) {
    throw new Error(
      "there is no backend to compute on: call `await useBackend()` of @lionjs/lion before the first tensor or model is made",
      { cause },
    );
  }
};
