/** The names of a classifier's classes, kept with the model. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { assertIterable, assertModel, shown } from "@lionjs/base";

/** The field of a model's own metadata that has the names. */
const FIELD = "classNames";

/**
 * Stores the names of a classifier's classes in the model. They are saved in
 * its `model.json`, and {@linkcode classNames} returns them, also after
 * loading.
 *
 * @example Saved and loaded
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { classNames, lionEncoder, setClassNames } from "@lionjs/lion";
 * import "@lionjs/lion/io";
 * import { loadLayersModel } from "@tensorflow/tfjs-layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   vocabularySize: 100, dim: 8, depth: 1, numHeads: 2, numClasses: 3, variant: "s",
 * });
 * setClassNames(model, ["negative", "neutral", "positive"]);
 *
 * const folder = await Deno.makeTempDir();
 * await model.save(`file://${folder}`);
 * const loaded = await loadLayersModel(`file://${folder}/model.json`);
 * assertEquals(classNames(loaded), ["negative", "neutral", "positive"]);
 * ```
 *
 * @param model A model with one output, whose last axis lists the classes.
 * @param names The name of each class, in the order of the output.
 * @throws {TypeError} If the model has several outputs, or a name is not a
 * string.
 * @throws {RangeError} If there is not one name per class, or two are equal.
 */
export function setClassNames(
  model: LayersModel,
  names: readonly string[],
): void {
  const [output, ...others] = Object(model).outputs ?? [];
  if (!output || others.length > 0) {
    throw new TypeError(
      `model should be a model with one output, got ${
        output ? `${1 + others.length} outputs` : "none"
      }`,
    );
  }
  assertIterable("names", names);
  const all = [...names];
  const wrong = all.findIndex((name) => typeof name !== "string");
  if (wrong >= 0) {
    throw new TypeError(
      `names should be strings, got ${typeof all[wrong]} at ${wrong}`,
    );
  }
  const classes = output.shape.at(-1);
  if (all.length !== classes) {
    throw new RangeError(
      `names should be one for each of the model's ${classes} classes, got ${all.length}`,
    );
  }
  const twice = all.findIndex((name, i) => all.indexOf(name) < i);
  if (twice >= 0) {
    throw new RangeError(
      `names should differ, got ${shown(all[twice])} twice`,
    );
  }
  model.setUserDefinedMetadata({
    ...model.getUserDefinedMetadata(),
    [FIELD]: all,
  });
}

/**
 * Returns the names of a classifier's classes, stored by
 * {@linkcode setClassNames}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { classNames, lionEncoder, setClassNames } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   vocabularySize: 100, dim: 8, depth: 1, numHeads: 2, numClasses: 2, variant: "s",
 * });
 * assertEquals(classNames(model), undefined);
 * setClassNames(model, ["cat", "dog"]);
 * assertEquals(classNames(model)![1], "dog");
 * ```
 *
 * @param model The model.
 * @returns The names, in the order of the output; undefined if there are none.
 * @throws {TypeError} If `model` is not a model.
 */
export function classNames(model: LayersModel): string[] | undefined {
  assertModel("classNames's model", model);
  // A file may have anything there.
  const names: unknown = Object(model.getUserDefinedMetadata())[FIELD];
  const areNames = Array.isArray(names) &&
    names.every((name) => typeof name === "string");
  return areNames ? [...names] : undefined;
}
