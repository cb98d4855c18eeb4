/**
 * The gradient of cumulative sums, in the place of tfjs-core's, which transposes
 * its result where the axis is not the last: it has the wrong shape then, or, if
 * the axes are as long as each other, wrong numbers.
 *
 * It is registered here, and not with the other replaced gradients, as attention
 * has it also on a backend that `useBackend` has not started.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
// Registers the gradients of tfjs-core's operations.
import "@tensorflow/tfjs-layers";

/** The gradient runs the other way along the same axis. */
export const cumulativeSumGradient: tf.GradConfig["gradFunc"] = (
  dy,
  _saved,
  attrs,
) => {
  const { axis, exclusive, reverse } = attrs as unknown as tf.CumsumAttrs;
  return {
    x: () => tf.cumsum(dy as tf.Tensor, axis, exclusive, !reverse),
  };
};

tf.unregisterGradient("Cumsum");
tf.registerGradient({ kernelName: "Cumsum", gradFunc: cumulativeSumGradient });
