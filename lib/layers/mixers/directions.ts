/** Causal mixers that run backward, or in both directions separately. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Parameters } from "../lion_layer.ts";
import type { Mixer, MixerCall } from "../mixer.ts";

/**
 * Runs a causal mixer on the tokens in reverse order: each attends to itself
 * and the tokens after it. Texts grow at their end, so there is no `step`.
 */
export function backward(mixer: Mixer): Mixer {
  return {
    sharesTokens: mixer.sharesTokens,
    readsFirst: mixer.readsFirst,
    parameters: (shape) => mixer.parameters(shape),
    apply: (x, parameters, call) =>
      fromTheEnd(mixer.apply.bind(mixer), x, parameters, call),
    ...(mixer.weights && {
      weights: (x, parameters, call, rows) =>
        weightsFromTheEnd(mixer, x, parameters, call, rows),
    }),
    ...(mixer.passFirst && {
      passFirst: (x, parameters, call) =>
        fromTheEnd(mixer.passFirst!.bind(mixer), x, parameters, call),
    }),
    ...(mixer.perceptron && {
      perceptron: (hidden) => backward(mixer.perceptron!(hidden)),
    }),
    operations: (shape) => mixer.operations(shape),
    ...(mixer.cost && {
      cost: (shape, call) => mixer.cost!(shape, { ...call, causal: true }),
    }),
  };
}

/**
 * The sum of a causal mixer's outputs in both directions, in which a token
 * counts itself twice: an ablation of LION's correction.
 *
 * Source: LION (arXiv:2502.16249), section 3.
 */
export function fromEachEnd(mixer: Mixer): Mixer {
  return {
    sharesTokens: mixer.sharesTokens,
    readsFirst: mixer.readsFirst,
    parameters: (shape) => mixer.parameters(shape),
    apply: (x, parameters, call) =>
      tf.add(
        mixer.apply(x, parameters, { ...call, causal: true }),
        fromTheEnd(mixer.apply.bind(mixer), x, parameters, call),
      ),
    ...(mixer.weights && {
      weights: (x, parameters, call, rows) =>
        tf.add(
          mixer.weights!(x, parameters, { ...call, causal: true }, rows),
          weightsFromTheEnd(mixer, x, parameters, call, rows),
        ),
    }),
    ...(mixer.passFirst && {
      passFirst: (x, parameters, call) => mixer.passFirst!(x, parameters, call),
    }),
    ...(mixer.perceptron && {
      perceptron: (hidden) => mixer.perceptron!(hidden),
    }),
    operations: (shape) => 2 * mixer.operations(shape),
    ...(mixer.cost && {
      cost: (shape, call) => {
        const cost = mixer.cost!(shape, { ...call, causal: true });
        return {
          operations: 2 * cost.operations,
          bytes: 2 * cost.bytes,
          peakBytes: cost.peakBytes,
        };
      },
    }),
  };
}

/**
 * Runs a function of a causal mixer on x, `[batch, length, dim]`, from the last token to
 * the first.
 */
function fromTheEnd(
  run: Mixer["apply"],
  x: tf.Tensor3D,
  parameters: Parameters,
  call: MixerCall,
): tf.Tensor3D {
  return tf.reverse(run(tf.reverse(x, 1), parameters, reversedCall(call)), 1);
}

/** The weights of a causal mixer that reads from the last token to the first. */
function weightsFromTheEnd(
  mixer: Mixer,
  x: tf.Tensor3D,
  parameters: Parameters,
  call: MixerCall,
  rows: readonly number[],
): tf.Tensor4D {
  const last = x.shape[1] - 1;
  const weights = mixer.weights!(
    ...[tf.reverse(x, 1), parameters, reversedCall(call)] as const,
    rows.map((row) => last - row),
  );
  return tf.reverse(weights, 3);
}

/** A call of a causal mixer with the tokens in reverse order. */
function reversedCall(call: MixerCall): MixerCall {
  const { mask, segments, first, sequence } = call;
  return {
    ...call,
    causal: true,
    reversed: true,
    mask: mask && tf.reverse(mask, 1),
    segments: segments && tf.reverse(segments, 1),
    first: first && tf.reverse(first, 1),
    sequence: sequence.reversed(),
  };
}
