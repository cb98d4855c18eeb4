/** The decays of LION's variants in a layer, and custom ones. @module */
import * as tf from "@tensorflow/tfjs-core";
import { spread } from "../../operations/spread/spread.ts";
import { diagonalDecay } from "../../attention/decays/diagonal_decay.ts";
import {
  assertDecay,
  type Decay,
  fixedDecay,
  noDecay,
} from "../../attention/decays/decay.ts";
import { logSigmoid } from "../../operations/log_sigmoid/log_sigmoid.ts";
import {
  decayLogits,
  mambaTimeStep,
  s4dReal,
} from "../../family/initial_decay.ts";
import { applyLinear, linear } from "../linear.ts";
import {
  type Parameter,
  type Parameters,
  prefixed,
  type Shape,
  withPrefix,
} from "../lion_layer.ts";
import { toHeads } from "../../operations/heads/heads.ts";
import { withBias } from "./projections.ts";
import { decayOfLogits } from "./token_log_decay.ts";
import { withoutClassToken } from "../../operations/token_decays/token_decays.ts";

/**
 * A custom decay, computed from the layer's input `[batch, length, dim]`. A
 * result with a batch axis of 1 is broadcast, so a decay may depend on
 * positions alone.
 *
 * In `generate` the input is only the next part of a text, so the decay should
 * depend on the tokens and not on their positions.
 */
export type DecayFunction = (x: tf.Tensor3D) => Decay;

/** A custom decay with parameters. */
export interface LearnedDecay {
  /** The parameters for inputs of shape `[batch, length, dim]`. */
  parameters(shape: Shape): Parameter[];
  /** Computes the decay from an input; see {@linkcode DecayFunction}. */
  decay(x: tf.Tensor3D, parameters: Parameters): Decay;
}

/** The conditions, besides the tokens, on which a layer's decay depends. */
interface Place {
  /** Position of the class token, if there is one: LION-S does not decay it. */
  readonly classToken: "first" | "last" | undefined;
  /**
   * Whether nothing of the decay is read but its pair of log decays on arriving at each
   * token of whole sequences.
   */
  readonly isOfPairs: boolean;
}

/** A decay in a layer, with named parameters. */
export interface LayerDecay {
  /** Whether weights decay at all; if not, decays cost nothing and orders do not matter. */
  readonly fades: boolean;
  /** Whether there is one decay per channel of the keys. */
  readonly isDiagonal?: boolean;
  /** Whether the decay depends only on the tokens, not on their positions. */
  readonly isOfTokens: boolean;
  /** The decay's parameters, whose names start with `name`. */
  parameters(name: string, shape: Shape): Parameter[];
  /** Computes the decay from `x`, `[batch, length, dim]`. */
  of(
    x: tf.Tensor3D,
    name: string,
    parameters: Parameters,
    place: Place,
  ): Decay;
}

export const NO_DECAY: LayerDecay = {
  fades: false,
  isOfTokens: true,
  parameters: () => [],
  of: noDecay,
};

/** Initial logits of LION-D's decays, as in the authors' code. */
const RANDOM_LOGITS = { deviation: 1 };

/** LION-D's decays: one learned logit per head. */
export function headDecay(numHeads: number): LayerDecay {
  return {
    fades: true,
    isOfTokens: true,
    parameters: (name) => [
      { name, shape: [numHeads], initial: RANDOM_LOGITS },
    ],
    of: (_, name, parameters) =>
      fixedDecay(logSigmoid(parameters(name) as tf.Tensor1D)),
  };
}

/**
 * LION-S's decays, 1 - sigmoid(W x + b), as in the authors' code, where the
 * paper has sigmoid(W x + b). Both describe the same set of functions; this one
 * can load the authors' weights.
 */
export function tokenDecay(numHeads: number): LayerDecay {
  return {
    fades: true,
    isOfTokens: true,
    parameters: (name, shape) => linear(`${name}.`, shape.at(-1)!, numHeads),
    of(x, name, parameters, { classToken, isOfPairs }) {
      const rows = applyLinear(x, `${name}.`, parameters);
      return decayOfLogits(rows, classToken, isOfPairs);
    },
  };
}

export type DiagonalDecayInit = "hippo" | "random";

/** LION-D's diagonal decays: one per channel of each head. */
export function headDiagonalDecay(
  numHeads: number,
  init: DiagonalDecayInit,
): LayerDecay {
  return {
    fades: true,
    isDiagonal: true,
    isOfTokens: true,
    parameters: (name, shape) => {
      const headDim = shape.at(-1)! / numHeads;
      const initial = init === "random" ? RANDOM_LOGITS : {
        values: (seed?: number) => hippoLogits(numHeads, headDim, seed),
      };
      return [{ name, shape: [numHeads, headDim], initial }];
    },
    of(x, name, parameters) {
      const [heads, headDim] = parameters(name).shape as [number, number];
      const each = tf.reshape(logSigmoid(parameters(name) as tf.Tensor2D), [
        ...[1, heads, 1, headDim],
      ]);
      const [batch, length] = x.shape;
      return diagonalDecay(
        spread(each, [batch, heads, length, headDim]) as tf.Tensor4D,
      );
    },
  };
}

/**
 * LION-S's diagonal decays: one per channel of each head. With `"hippo"`, the
 * initial bias gives HiPPO's decays to a token whose columns are 0.
 */
export function tokenDiagonalDecay(
  numHeads: number,
  init: DiagonalDecayInit,
): LayerDecay {
  return {
    fades: true,
    isDiagonal: true,
    isOfTokens: true,
    parameters(name, shape) {
      const dim = shape.at(-1)!;
      const map = linear(`${name}.`, dim, dim);
      if (init === "random") return map;
      return withBias(map, {
        values: (seed) =>
          tf.tidy(() => {
            const logits = hippoLogits(numHeads, dim / numHeads, seed);
            return tf.neg(tf.reshape(logits, [dim]));
          }),
      });
    },
    of(x, name, parameters, { classToken }) {
      const rows = applyLinear(x, `${name}.`, parameters);
      const logDecay = logSigmoid(toHeads(tf.neg(rows), numHeads));
      if (!classToken) return diagonalDecay(logDecay);
      const length = x.shape[1];
      const others = tf.reshape(withoutClassToken(length, classToken), [
        ...[1, 1, length, 1],
      ]);
      return diagonalDecay(tf.mul(logDecay, others));
    },
  };
}

/**
 * Logits, `[numHeads, headDim]`, whose log sigmoids are log decays Δ A, with
 * one of Mamba's steps Δ per head, and the diagonal A of HiPPO-LegS, -1, -2, …,
 * for the channels.
 */
function hippoLogits(
  numHeads: number,
  headDim: number,
  seed?: number,
): tf.Tensor2D {
  return tf.tidy(() => {
    const steps = mambaTimeStep(numHeads, { seed });
    return decayLogits(tf.outerProduct(steps, s4dReal(headDim)));
  });
}

/** Wraps a custom decay, a function or one with parameters, as a layer's decay. */
export function ownDecay(own: DecayFunction | LearnedDecay): LayerDecay {
  if (typeof own === "function") {
    return {
      fades: true,
      isOfTokens: false,
      parameters: () => [],
      of: (x) => checked(own(x)),
    };
  }
  return {
    fades: true,
    isOfTokens: false,
    parameters: (name, shape) => prefixed(`${name}.`, own.parameters(shape)),
    of: (x, name, parameters) =>
      checked(own.decay(x, withPrefix(`${name}.`, parameters))),
  };
}

function checked(decay: Decay): Decay {
  assertDecay("what a custom decay returns", decay);
  return decay;
}
