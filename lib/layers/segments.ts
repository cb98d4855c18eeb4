/** Separation of a layer's inputs from the segments of packed sequences. @module */
import type * as tf from "@tensorflow/tfjs-core";

/** The inputs of a layer, separated from the segments. */
export interface UnpackedInputs {
  /** The inputs other than the segments. */
  readonly others: tf.Tensor | tf.Tensor[];
  /** The segments, `[batch, length]`: a change of number is a border. */
  readonly segments: tf.Tensor2D | undefined;
}

/**
 * Separates the segments, which come last, from the inputs of a layer.
 *
 * @param layer The layer's name, for messages.
 * @param most The largest number of inputs before the segments.
 * @throws {TypeError} If the segments are missing, or given although the layer
 * takes none.
 */
export function takeSegments(
  layer: string,
  inputs: tf.Tensor | tf.Tensor[],
  { segments, most }: { segments: boolean; most: number },
): UnpackedInputs {
  const given = Array.isArray(inputs) ? inputs : [inputs];
  if (segments && given.length < 2) {
    throw new TypeError(
      `${layer} has the option segments: true, and should get them as ` +
        "its last input, [batch, length]; got one input",
    );
  }
  const others = segments ? given.slice(0, -1) : given;
  if (others.length > most) {
    throw new TypeError(
      `${layer} should be given ${
        most === 1 ? "1 input" : `${most} inputs`
      } at most${segments ? " before the segments" : ""}, got ${others.length}${
        segments ? "" : "; with the option segments: true, they may come last"
      }`,
    );
  }
  return {
    others: Array.isArray(inputs) ? others : inputs,
    segments: segments ? given.at(-1) as tf.Tensor2D : undefined,
  };
}
