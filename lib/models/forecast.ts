/** Forecasts of series in their own units. @module */
import { assertModel, assertOptions, optionsOf } from "@lionjs/base";
import {
  assertScaling,
  scaled,
  type Scaling,
  unscaled,
} from "@lionjs/data/batches";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lengthOf, modelIn, type TextModel } from "./text_input.ts";

/** The scaling of a model's series, and the columns that it predicts. */
export interface SeriesScaling extends Scaling {
  /** The predicted columns, by their places. @default all */
  readonly targets?: readonly number[] | undefined;
}

/** The field of a model's own metadata that has the scaling. */
const FIELD = "seriesScaling";

/**
 * Stores in a model how its series are scaled, so that {@linkcode forecast} takes
 * and returns numbers in their own units. It is saved with the model.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder, seriesScaling, setSeriesScaling } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   ...{ inputDim: 1, dim: 4, depth: 1, numHeads: 1, numClasses: 1 },
 *   variant: "s",
 * });
 * assertEquals(seriesScaling(model), undefined);
 * setSeriesScaling(model, { means: [20], deviations: [4] });
 * assertEquals(seriesScaling(model), { means: [20], deviations: [4] });
 * ```
 *
 * @param model The model.
 * @param scaling What `scalingOf` of `@lionjs/lion/data` returns and, if the model
 * predicts only some columns, these as `targets`.
 * @throws {TypeError} If the model or the scaling is none.
 */
export function setSeriesScaling(
  model: LayersModel,
  scaling: SeriesScaling,
): void {
  assertModel("setSeriesScaling's model", model);
  assertScaling("setSeriesScaling's scaling", scaling);
  const { means, deviations, targets } = scaling;
  model.setUserDefinedMetadata({
    ...model.getUserDefinedMetadata(),
    [FIELD]: { means, deviations, ...targets && { targets } },
  });
}

/**
 * Returns how a model's series are scaled, as {@linkcode setSeriesScaling} stored
 * it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder, seriesScaling, setSeriesScaling } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   ...{ inputDim: 1, dim: 4, depth: 1, numHeads: 1, numClasses: 1 },
 *   variant: "s",
 * });
 * assertEquals(seriesScaling(model), undefined);
 * setSeriesScaling(model, { means: [20], deviations: [4] });
 * assertEquals(seriesScaling(model), { means: [20], deviations: [4] });
 * ```
 *
 * @param model The model.
 * @returns The scaling; undefined if there is none.
 * @throws {TypeError} If `model` is not a model.
 */
export function seriesScaling(model: LayersModel): SeriesScaling | undefined {
  assertModel("seriesScaling's model", model);
  const found: SeriesScaling | undefined = Object(
    model.getUserDefinedMetadata(),
  )[FIELD];
  if (found !== undefined) assertScaling("the model's scaling", found);
  return found;
}

/** Options of {@linkcode forecast}. */
export interface ForecastOptions {
  /** The scaling. @default the model's; none if it has none */
  scaling?: SeriesScaling | undefined;
}

const OPTIONS = optionsOf<ForecastOptions>()("scaling");

/**
 * Predicts the rows of a series that come after some, in the series' own units.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { forecast, lionEncoder, setSeriesScaling } from "@lionjs/lion";
 * import { scalingOf } from "@lionjs/lion/data";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const rows = [[20, 1], [21, 0], [19, 3], [22, 2]];
 * const model = lionEncoder({ // which predicts three rows of column 0
 *   inputDim: 2, dim: 8, depth: 1, numHeads: 2, numClasses: 3, variant: "s",
 *   mask: false,
 * });
 * setSeriesScaling(model, { ...scalingOf(rows), targets: [0] });
 * const next = await forecast(model, rows);
 * assertEquals([next.length, next[0]!.length], [3, 1]);
 * ```
 *
 * @param model A model of windows, with labels as `collateWindows` makes them, or
 * what `fromPretrained` of `@lionjs/lion/hub` returns.
 * @param rows The rows before the forecast, one number for each column; of more
 * than the model reads, the last ones count.
 * @param options See {@linkcode ForecastOptions}.
 * @returns The rows of the forecast, one number for each target.
 * @throws {TypeError} If the model reads or predicts anything else, a row is no
 * list of numbers, or an option is unknown or of the wrong type.
 * @throws {RangeError} If rows have other columns than the scaling.
 */
export async function forecast(
  model: LayersModel | TextModel,
  rows: readonly (readonly number[])[],
  options: ForecastOptions = {},
): Promise<number[][]> {
  assertOptions("forecast", options, OPTIONS);
  const read = modelIn(model);
  assertModel("forecast's model", read);
  const { scaling = seriesScaling(read) ?? none(read) } = options;
  const all = scaled(rows, scaling);
  const { targets = all[0]!.map((_, i) => i) } = scaling;
  const predicted = read.outputs[0]!.shape;
  const ahead = predicted[1]! / targets.length;
  if (predicted.length !== 2 || !Number.isInteger(ahead)) {
    throw new TypeError(
      `forecast's model should predict rows of ${targets.length} targets, [batch, ahead · ${targets.length}], got [${
        predicted.map((size) => size ?? "any")
      }]`,
    );
  }
  const length = lengthOf(read);
  const logits = tf.tidy(() => {
    const past = tf.tensor3d([length ? all.slice(-length) : all]);
    const mask = tf.ones([1, past.shape[1]]);
    const inputs = read.inputs.length > 1 ? [past, mask] : [past];
    return read.predict(inputs) as tf.Tensor;
  });
  const values = [...await logits.data()];
  logits.dispose();
  const own = (of: readonly number[]) => targets.map((column) => of[column]!);
  return unscaled(
    Array.from(
      { length: ahead },
      (_, i) => values.slice(i * targets.length, (i + 1) * targets.length),
    ),
    { means: own(scaling.means), deviations: own(scaling.deviations) },
  );
}

/** The scaling that changes nothing. */
function none({ name, inputs }: LayersModel): SeriesScaling {
  const columns = inputs[0]!.shape[2];
  if (!columns) {
    throw new TypeError(
      `forecast's model should read rows of numbers, [batch, length, columns], got ${name} with [${
        inputs[0]!.shape.map((size) => size ?? "any")
      }]`,
    );
  }
  return {
    means: Array(columns).fill(0),
    deviations: Array(columns).fill(1),
  };
}
