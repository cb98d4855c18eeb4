/** Gaps in series of numbers, filled by a model that was trained on drawn series alone. @module */
import { useBackend } from "@lionjs/lion";
import { fromPretrained, type ModelPackage } from "@lionjs/lion/hub";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { type Filled, filledOf, outliersOf } from "./series/answers.ts";
import { assertAll, type GapOptions } from "./series/checks.ts";
import type { Series, WithBands } from "./series/checks.ts";
export type { Filled, GapOptions, Series, WithBands };

/** The package, for `fromPretrained`; bundlers move files that are named like this. */
const gaps: ModelPackage = {
  url: new URL("./", import.meta.url),
  task: "gaps",
  files: {
    "config.json": new URL("./config.json", import.meta.url),
    "model.safetensors": new URL("./model.safetensors", import.meta.url),
  },
};
export default gaps;

/**
 * Fills gaps, of at most 192 places in series longer than 256; known values come back unchanged.
 *
 * @param series Each of 16 places or more; `null` where nothing is known, as at an end.
 * @throws {TypeError} If the series are not arrays of numbers and `null`.
 * @throws {RangeError} If one is too short, knows too little, or is not finite somewhere.
 */
export function fill(series: Series, options: WithBands): Promise<Filled[]>;
export function fill(series: Series, options?: GapOptions): Promise<number[][]>;
export async function fill(series: Series, options: GapOptions = {}) {
  assertAll("fill", series, options);
  const filled = await filledOf(await modelOf(options), series);
  return options.bands ? filled : filled.map(({ values }) => values);
}

/** The places of values that are four deviations from what others tell; throws as {@linkcode fill}. */
export async function outliers(
  series: Series,
  options: GapOptions = {},
): Promise<number[][]> {
  assertAll("outliers", series, options);
  return await outliersOf(await modelOf(options), series);
}

let loading: Promise<LayersModel> | undefined;

/** A user's model, or the package's, which is loaded once; after a failure, again. */
const modelOf = ({ model }: GapOptions) =>
  model ?? (loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  }));

async function load(): Promise<LayersModel> {
  if (!tf.engine().backendName) await useBackend();
  return (await fromPretrained(gaps)).model;
}
