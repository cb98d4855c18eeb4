/** The decays of LION's variants in a layer, and those of one's own. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type Decay,
  fixedDecay,
  logSigmoid,
  noDecay,
  selectiveDecay,
} from "../../attention/decay.ts";
import { applyLinear, linear } from "../linear.ts";
import {
  inside,
  type Parameter,
  type Parameters,
  type Shape,
  within,
} from "../lion_layer.ts";

/**
 * A decay of one's own from the layer's input `[batch, length, dim]`. What it
 * makes of a batch of one counts for all of the batch, so that a decay may
 * depend on positions alone.
 *
 * In `generate` the input is what comes next of a text and not all of it: a
 * decay should then depend on the tokens, and not on where they stand.
 */
export type DecayFunction = (x: tf.Tensor3D) => Decay;

/** A decay of one's own that learns. */
export interface LearnedDecay {
  /** Its parameters for inputs of a shape, `[batch, length, dim]`. */
  parameters(shape: Shape): Parameter[];
  /** The decay of an input; see {@linkcode DecayFunction}. */
  decay(x: tf.Tensor3D, parameters: Parameters): Decay;
}

/** Where a decay is in the tokens. */
interface Place {
  /** Where the class token is, if there is one: LION-S does not decay it. */
  readonly classToken: "first" | "last" | undefined;
}

/** A decay in a layer, with parameters under a name. */
export interface LayerDecay {
  /** Whether there is any: it costs something, and orders matter. */
  readonly fades: boolean;
  /** Its parameters, under the name. */
  parameters(name: string, shape: Shape): Parameter[];
  /** The decay of `x`, `[batch, length, dim]`. */
  of(
    x: tf.Tensor3D,
    name: string,
    parameters: Parameters,
    place: Place,
  ): Decay;
}

/** LION-LIT's. */
export const NO_DECAY: LayerDecay = {
  fades: false,
  parameters: () => [],
  of: noDecay,
};

/** LION-D's, of which the logits are learned. */
export function headDecay(numHeads: number): LayerDecay {
  return {
    fades: true,
    parameters: (name) => [
      { name, shape: [numHeads], initial: { deviation: 1 } },
    ],
    of: (_, name, parameters) =>
      fixedDecay(logSigmoid(parameters(name) as tf.Tensor1D)),
  };
}

/**
 * LION-S's: 1 - sigmoid(W x + b), as in the authors' code, where the paper has
 * sigmoid(W x + b): the same family, and their weights fit.
 */
export function tokenDecay(numHeads: number): LayerDecay {
  return {
    fades: true,
    parameters: (name, shape) => linear(`${name}.`, shape.at(-1)!, numHeads),
    of(x, name, parameters, { classToken }) {
      const rows = applyLinear(x, `${name}.`, parameters);
      const logits: tf.Tensor3D = tf.transpose(rows, [0, 2, 1]);
      const logDecay = logSigmoid(tf.neg(logits));
      if (!classToken) return selectiveDecay(logDecay);
      const others = tf.ones([logDecay.shape[2] - 1]);
      const decays = classToken === "first"
        ? [tf.zeros([1]), others]
        : [others, tf.zeros([1])];
      return selectiveDecay(tf.mul(logDecay, tf.concat(decays)));
    },
  };
}

/** One's own. */
export function ownDecay(own: DecayFunction | LearnedDecay): LayerDecay {
  if (typeof own === "function") {
    return { fades: true, parameters: () => [], of: (x) => own(x) };
  }
  return {
    fades: true,
    parameters: (name, shape) => within(`${name}.`, own.parameters(shape)),
    of: (x, name, parameters) => own.decay(x, inside(`${name}.`, parameters)),
  };
}
