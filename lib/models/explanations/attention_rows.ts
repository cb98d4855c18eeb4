/** Which tokens a layer's tokens attend to. @module */
import {
  assertAllocatable,
  assertInteger,
  assertList,
  assertModel,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { givenInputs } from "../model_inputs.ts";
import { MixingLayer } from "../../layers/mixing_layer.ts";
import { type MixerRun, watchMixers } from "../../layers/watched_mixers.ts";
import { runsOf } from "../layer_runs.ts";

/** Options of {@linkcode attentionRows}. */
export interface AttentionRowsOptions {
  /**
   * The layer that mixes tokens, by its place among those of the model, from 0; from
   * the end if negative. @default -1, the last
   */
  layer?: number | undefined;
  /**
   * The tokens whose rows are wanted, by their places in the layer, where a class
   * token is the first. @default all
   */
  rows?: readonly number[] | undefined;
  /** The heads, by their places. @default all */
  heads?: readonly number[] | undefined;
}

const OPTIONS = optionsOf<AttentionRowsOptions>()("layer rows heads");

/**
 * Returns the weights of attention in a layer, for an input: how much the output of
 * each wanted token, in each head, has of the value of every token. Softmax's weights
 * are at least 0 and sum to 1; so do those of LION with a normaliser and a feature map
 * that is positive. Padding, other segments and, if causal, later tokens have 0.
 *
 * A row is computed as the gradient of the token's output in the values,
 * ∂ y_i / ∂ v_j, with the layer's own kernels. So it needs no matrix of `length²`: for
 * as many rows as a head has columns, the attention runs forward and backward once.
 *
 * There are weights in all variants whose output is a weighted sum of values, with the
 * same weights for all columns of a head: LION's, softmax, and the family but for
 * `"rwkv7"`, `"gated-delta-2"`, `"delta-product"`, `"gated-delta-product"`, `"hydra"`
 * and `"vim"`. In `"mamba2"`, `"mamba3"` and the delta rules weights may be negative.
 * They are those of the heads, before the normalisation, the gate and the projection
 * that follow.
 *
 * @example What a class token reads of the four patches of an image
 * ```ts
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 * import { attentionRows, lionViT } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionViT({
 *   imageSize: 4, patchSize: 2, channels: 1, numClasses: 2,
 *   dim: 8, depth: 2, numHeads: 2, variant: "s",
 * });
 * const image = tf.randomNormal([1, 4, 4, 1]);
 * const weights = attentionRows(model, image, { layer: 0, rows: [0] });
 * assertEquals(weights.shape, [1, 2, 1, 5]); // 2 heads, 1 row, 5 tokens
 * const sums = await tf.sum(weights, 3).data();
 * assertAlmostEquals(sums[0]!, 1, 1e-3);
 * ```
 *
 * @param model A model with layers that mix tokens, such as `lionViT`, `lionBert`,
 * `lionEncoder` or `lionGpt` make, or one of your own with `lionBlock`.
 * @param inputs The model's inputs, in their order, as for `predict`; they are not
 * disposed of.
 * @param options See {@linkcode AttentionRowsOptions}.
 * @returns The weights, `[batch, heads, rows, length]`.
 * @throws {TypeError} If the inputs are not the model's, it has no layer that mixes tokens, the layer's mixer
 * has no such weights, or an option is unknown or of the wrong type.
 * @throws {RangeError} If there is no such layer, row or head, or the weights are
 * larger than a tensor may be.
 */
export function attentionRows(
  model: LayersModel,
  inputs: tf.Tensor | readonly tf.Tensor[],
  options: AttentionRowsOptions = {},
): tf.Tensor4D {
  assertOptions("attentionRows", options, OPTIONS);
  assertModel("attentionRows's model", model);
  const { layer = -1, rows, heads } = options;
  if (rows !== undefined) assertPlaces("rows", rows, Infinity);
  if (heads !== undefined) assertPlaces("heads", heads, Infinity);
  const given = givenInputs("attentionRows", model, inputs);
  const shapes = given.map(({ shape }) => shape);
  const count = runsOf(model, shapes)
    .filter(({ layer }) => layer instanceof MixingLayer).length;
  if (count === 0) {
    throw new TypeError(
      `attentionRows's model should have layers that mix tokens, such as lionBlock makes, got ${model.name} with none`,
    );
  }
  assertInteger("attentionRows's layer", layer, -count, count - 1);
  let runs = 0;
  const found: tf.Tensor4D[] = [];
  const seen = (run: MixerRun) => {
    if (runs++ === (layer + count) % count) {
      found.push(tf.keep(weightsOf(run, shapes[0]![0]!, { rows, heads })));
    }
  };
  try {
    const batchSize = shapes[0]![0]!;
    tf.tidy(() => {
      watchMixers(seen, () => model.predict(given, { batchSize }));
    });
    return tf.clone(found[0]!);
  } finally {
    tf.dispose(found);
  }
}

/** The weights of a run, of which only some may be wanted. */
function weightsOf(
  { layer, length, weights }: MixerRun,
  batch: number,
  { rows, heads }: Pick<AttentionRowsOptions, "rows" | "heads">,
): tf.Tensor4D {
  if (!weights) {
    const { variant = "one of your own" } = layer.attention;
    throw new TypeError(
      `attentionRows's layer should have a mixer whose output is a weighted sum of values, got ${layer.name} with variant ${variant}, in which tokens have no weights`,
    );
  }
  const wanted = rows ?? Array.from({ length }, (_, row) => row);
  assertPlaces("rows", wanted, length);
  assertAllocatable({ batch, rows: wanted.length, length });
  const all = weights(wanted);
  if (!heads) return all;
  assertPlaces("heads", heads, all.shape[1]);
  return tf.gather(all, tf.tensor1d([...heads], "int32"), 1);
}

/** Throws unless a list has places, each below a count. */
function assertPlaces(
  name: "rows" | "heads",
  places: readonly number[],
  count: number,
): void {
  assertList(`attentionRows's ${name}`, places);
  if (places.length === 0) {
    throw new RangeError(
      `attentionRows's ${name} should be one or more, got none`,
    );
  }
  for (const place of places) {
    assertInteger(`each of attentionRows's ${name}`, place, 0, count - 1);
  }
}
