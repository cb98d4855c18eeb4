/** Files of a model as the hub has them. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  assertModel,
  assertOptions,
  assertPath,
  assertPositiveInteger,
  optionsOf,
  shown,
} from "@lionjs/base";
import type { Tokenizer, TokenizerFile } from "@lionjs/data/text";
import { pathOf } from "@lionjs/base/files";
import { classNames } from "../../models/class_names.ts";
import { seriesScaling } from "../../models/forecast.ts";
import { makerOf } from "../../models/made_by.ts";
import { toPyTorchWeights } from "../../io/pytorch.ts";
import { copiesOf } from "../../io/pytorch_names.ts";
import { ConfigFields } from "./config_fields.ts";
import { readObjectIn } from "./json_file.ts";
import { classesOf, labelFields } from "./labels.ts";
import {
  type LionModel,
  OWN_CONFIG,
  type PretrainedConfig,
  writableConfig,
} from "./lion_config.ts";
import { planOf } from "./planned.ts";
import {
  type Preprocessing,
  PREPROCESSOR,
  preprocessorFile,
} from "./preprocessing.ts";
import { CONFIG, replaceModel } from "./replace_model.ts";
import { assertSameModel } from "./same_model.ts";
import {
  isOfTokenizer,
  tokenizerFiles,
  writeTokenizer,
} from "./tokenizer_files.ts";
import { isWeights, writeJSON, writeWeights } from "./weight_files.ts";
import { precisionOf, quantized } from "./weight_precision.ts";

/** Options of {@linkcode savePretrained}. */
export interface SavePretrainedOptions {
  /** The model; class names set by `setClassNames` are written too. */
  model: LayersModel;
  /**
   * The model's config: the function of this library that makes it and its
   * options, or the config that {@linkcode fromPretrained} returned.
   * @default how this process made the model, if by a function of this library
   */
  config?: PretrainedConfig | undefined;
  /**
   * The tokenizer: one that {@linkcode fromPretrained} read or `tokenizerOf` or
   * `byteTokenizer` made, or the content of a tokenizer.json, as from
   * `trainTokenizer`. @default none
   */
  tokenizer?: Tokenizer | TokenizerFile | undefined;
  /**
   * The preprocessing of images: what {@linkcode fromPretrained} read, or
   * `evalTransform`'s transform, a mean and a deviation. @default none
   */
  preprocessing?: Preprocessing | undefined;
  /** The maximum number of bytes of values per weight file. @default 5e9 */
  maxShardBytes?: number | undefined;
  /**
   * How weights are stored: as `"f16"`, rounded to float16, or as `"int8"`, each
   * row of a matrix as integers of 8 bits with a scale, a quarter of the bytes.
   * Of int8, weights that are few or delicate stay float32: those of one axis or
   * of less than 2,048 numbers, norms, biases, decays and the steps of time in
   * them, convolutions along the sequence, and tables of positions under 64 KiB.
   * Loaded, all are float32 again. What {@linkcode fromPretrained} tells of the
   * weights that it read says nothing here, so all that it returns can be given.
   * @default float32
   */
  weights?: "int8" | "f16" | { readonly kept: readonly string[] } | undefined;
  /** A pattern of the names of further weights that stay float32 with int8. @default none */
  keep?: RegExp | undefined;
}

const OPTIONS = optionsOf<SavePretrainedOptions>()(
  "model config tokenizer preprocessing maxShardBytes weights keep",
);

/**
 * Writes a model to a folder, for {@linkcode fromPretrained}: `config.json`,
 * weights as safetensors and, if given, the tokenizer. With a config of Hugging
 * Face's BERT, GPT-2 or ViT, Python's libraries can read the folder too. In a folder of
 * `saveTransformersJs`, the config becomes a field of the one that is there, so that both
 * libraries read it; its graphs stay.
 *
 * @example Saving and loading an encoder
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { classNames, lionEncoder, setClassNames } from "@lionjs/lion";
 * import { fromPretrained, savePretrained } from "@lionjs/lion/hub";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 2, dim: 8, depth: 1, numHeads: 2, numClasses: 2, variant: "s",
 * });
 * setClassNames(model, ["cat", "dog"]);
 * const folder = await Deno.makeTempDir();
 * await savePretrained(folder, { model });
 *
 * const loaded = await fromPretrained(folder);
 * assertEquals(classNames(loaded.model), ["cat", "dog"]);
 * const inputs = [tf.ones([1, 3, 2]), tf.ones([1, 3])];
 * const [a, b] = [model, loaded.model].map((m) => m.predict(inputs) as tf.Tensor);
 * assertEquals(await b!.array(), await a!.array());
 * ```
 *
 * @param folder The folder, created if missing. A model in it is replaced; its
 * tokenizer and preprocessing stay unless others are given. If something fails,
 * all that was there stays.
 * @param options See {@linkcode SavePretrainedOptions}.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If the config does not match the model, or an option has
 * an invalid value.
 * @throws {Error} If a file cannot be written.
 */
export async function savePretrained(
  folder: string | URL,
  options: SavePretrainedOptions,
): Promise<void> {
  assertOptions("savePretrained", options, OPTIONS);
  const path = pathOf(folder, "savePretrained's folder");
  assertPath("savePretrained's folder", path);
  const { model, tokenizer, preprocessing, maxShardBytes = 5e9 } = options;
  assertPositiveInteger("savePretrained's maxShardBytes", maxShardBytes);
  const { weights, keep } = options;
  const precision = precisionOf(weights, keep);
  assertModel("savePretrained's model", model);
  const made = makerOf(model) as LionModel | undefined;
  const { config = made && { model_type: "lion" as const, ...made } } = options;
  if (typeof config !== "object" || config === null) {
    throw new TypeError(
      'savePretrained\'s config should be an object such as { model_type: "lion", architecture: "lionBert", options: { … } }, got ' +
        shown(config),
    );
  }
  const fields = new ConfigFields("savePretrained's config", config);
  const plan = planOf(fields, {});
  assertSameModel(plan.model, model);
  const read = tokenizer && tokenizerFiles(tokenizer);
  const images = preprocessing && preprocessorFile(preprocessing);
  if (images && plan.model.architecture !== "lionViT") {
    throw new RangeError(
      `savePretrained's preprocessing is of images, which lionViT reads; leave it out for ${plan.model.architecture}`,
    );
  }
  const names = classNames(model);
  const scaling = seriesScaling(model);
  const areNew = names &&
    JSON.stringify(names) !== JSON.stringify(classesOf(fields));
  const labelled = {
    ...writableConfig(config),
    ...areNew ? labelFields(names) : {},
    ...scaling ? { series_scaling: scaling } : {},
  };
  const tensors = toPyTorchWeights(model, {
    names: config.model_type === "vit" ? "hugging-face" : "authors",
  });
  try {
    const copies = copiesOf(model).map(([copy]) => copy);
    const own = [...tensors].filter(([name]) => !copies.includes(name));
    const weights = precision === "int8"
      ? await quantized(own, keep)
      : new Map(own);
    const others = config.model_type === "lion"
      ? await othersConfigIn(path)
      : undefined;
    // The other library reads more of a tokenizer's files.
    const groups = others ? [isWeights] : [isWeights, isOfTokenizer];
    await replaceModel(path, groups, async (staging) => {
      await writeWeights(staging, weights, {
        maxShardBytes,
        precision: precision === "f16" ? "F16" : "F32",
      });
      if (read) await writeTokenizer(staging, read);
      if (images) await writeJSON(`${staging}/${PREPROCESSOR}`, images);
      const written = others ? { ...others, [OWN_CONFIG]: labelled } : labelled;
      await writeJSON(`${staging}/${CONFIG}`, written);
    });
  } finally {
    tf.dispose([...tensors.values()]);
  }
}

/**
 * The config.json of a folder that transformers.js reads too, in which this library has
 * only a field; `undefined` if there is none. One that is no JSON is replaced.
 */
async function othersConfigIn(
  folder: string,
): Promise<Record<string, unknown> | undefined> {
  const file = await readObjectIn(folder, CONFIG).catch(() => undefined);
  return file && (OWN_CONFIG in file || "transformers.js_config" in file)
    ? file
    : undefined;
}
