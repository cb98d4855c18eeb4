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
import { classesOf, labelFields } from "./labels.ts";
import {
  type LionModel,
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
   * Where the weights came from, as {@linkcode fromPretrained} tells; it is not
   * written. So all that it returns can be given.
   */
  weights?: unknown;
}

const OPTIONS = optionsOf<SavePretrainedOptions>()(
  "model config tokenizer preprocessing maxShardBytes weights",
);

/**
 * Writes a model to a folder, for {@linkcode fromPretrained}: `config.json`,
 * weights as safetensors and, if given, the tokenizer. With a config of Hugging
 * Face's BERT, GPT-2 or ViT, Python's libraries can read the folder too.
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
    const weights = [...tensors].filter(([name]) => !copies.includes(name));
    await replaceModel(path, [isWeights, isOfTokenizer], async (staging) => {
      await writeWeights(staging, new Map(weights), maxShardBytes);
      if (read) await writeTokenizer(staging, read);
      if (images) await writeJSON(`${staging}/${PREPROCESSOR}`, images);
      await writeJSON(`${staging}/${CONFIG}`, labelled);
    });
  } finally {
    tf.dispose([...tensors.values()]);
  }
}
