/** Models made from the files of the hub. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  assertBoolean,
  assertFinite,
  assertOneOf,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
} from "@lionjs/base";
import type { Tokenizer } from "@lionjs/data/text";
import { setClassNames } from "../../models/class_names.ts";
import { type SeriesScaling, setSeriesScaling } from "../../models/forecast.ts";
import { loadPyTorchWeights, pyTorchNames } from "../../io/pytorch.ts";
import { namesAmong } from "../../io/pytorch_names.ts";
import {
  assertHubOptions,
  DOWNLOAD_OPTIONS,
  type HubDownloadOptions,
} from "@lionjs/data/hub";
import { ConfigFields } from "./config_fields.ts";
import { readObject } from "./json_file.ts";
import { classesOf, labelFields } from "./labels.ts";
import {
  makeModel,
  ownConfigIn,
  type PretrainedConfig,
} from "./lion_config.ts";
import { modelFiles, type ModelPackage } from "./model_files.ts";
import type { Changes, Plan } from "./plan.ts";
import { planOf } from "./planned.ts";
import { type Preprocessing, readPreprocessing } from "./preprocessing.ts";
import { CONFIG } from "./replace_model.ts";
import { assertSizesFit } from "./sizes.ts";
import { readTokenizer } from "./tokenizer_files.ts";
import { readWeights } from "./weight_files.ts";

/** Options of {@linkcode fromPretrained}. */
export interface FromPretrainedOptions
  extends Omit<HubDownloadOptions, "type"> {
  /**
   * A variant of LION, instead of the files' attention, which is softmax in
   * Hugging Face's models. The mixer's own weights, such as decays, get initial
   * values, and the others are kept; the model computes a different function
   * until it is trained.
   * @default as in the files
   */
  variant?: "lit" | "d" | "s" | undefined;
  /**
   * The head, for BERT. If the files lack it, it gets initial values.
   * @default as in the files
   */
  head?: "masked-language-model" | "classification" | undefined;
  /**
   * Number of classes, or 1 for a number such as a similarity. If the files'
   * number differs, the classifier gets initial values.
   * @default as in the files
   */
  numClasses?: number | undefined;
  /** Whether to read the tokenizer, if there is one. @default true */
  tokenizer?: boolean | undefined;
  /**
   * Whether to read a ViT's preprocessor_config.json, if there is one.
   * @default true
   */
  preprocessing?: boolean | undefined;
  /** Seed of initial values. @default a new one each time */
  seed?: number | undefined;
}

const { type: _, ...HUB } = DOWNLOAD_OPTIONS;
const OPTIONS = optionsOf<FromPretrainedOptions>()(
  HUB,
  "variant head numClasses tokenizer preprocessing seed",
);

/** The result of {@linkcode fromPretrained}. */
export interface Pretrained {
  /** The model; `classNames` returns the names of its classes, if the files contain them. */
  readonly model: LayersModel;
  /**
   * The config of this model for {@linkcode savePretrained}: the files'
   * config.json or, if the options change the model, one of this library.
   */
  readonly config: PretrainedConfig;
  /** The tokenizer, if the files have one. */
  readonly tokenizer?: Tokenizer;
  /**
   * The preprocessing of images for a ViT, if the files have it: options for
   * `imageBatches`.
   */
  readonly preprocessing?: Preprocessing;
  /** The origin of the weights, by PyTorch's names. */
  readonly weights: {
    /** The weights that were read. */
    readonly kept: readonly string[];
    /** The weights that are new, with their initial values. */
    readonly initial: readonly string[];
    /** The tensors of the files that the model does not use. */
    readonly unused: readonly string[];
  };
}

/**
 * Loads a model from a folder, the Hugging Face hub, a URL, or a package.
 *
 * BERT, GPT-2 and ViT in Hugging Face's format, and flash-linear-attention's
 * RWKV-7, compute the same as in Python; unsupported features, such as relative
 * positions, throw an error that names them. {@linkcode savePretrained} writes
 * models of this library.
 *
 * The files needed are `config.json` and `model.safetensors`, or several such
 * files with `model.safetensors.index.json`. A name such as `"owner/name"` is a
 * folder if there is one, else a repository on the hub, whose files are
 * downloaded as by {@linkcode hubSnapshot} or, in a page, into the browser's
 * Cache storage.
 *
 * @example A saved model, with softmax attention and with LION
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { lionBert } from "@lionjs/lion";
 * import { fromPretrained, savePretrained } from "@lionjs/lion/hub";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const options = {
 *   vocabularySize: 50, dim: 8, depth: 1, numHeads: 2, variant: "softmax",
 * } as const;
 * const folder = await Deno.makeTempDir();
 * await savePretrained(folder, {
 *   model: lionBert(options),
 *   config: { model_type: "lion", architecture: "lionBert", options },
 * });
 *
 * const same = await fromPretrained(folder);
 * assertEquals(same.weights.initial, []);
 * const lion = await fromPretrained(folder, { variant: "d" });
 * assertEquals(lion.weights.initial, ["bert.encoder.layer.0.attention.self.ai"]);
 * assert(lion.weights.kept.includes("bert.embeddings.word_embeddings.weight"));
 * ```
 *
 * @param source A folder, a repository on the hub such as
 * `"google/vit-base-patch16-224"`, the URL of a folder, for which only `fetch` and
 * `signal` of the hub's options count, what a package of a model exports as its
 * default, or the name of one in `node_modules`. A name with `@` is never looked for
 * on the hub.
 * @param options See {@linkcode FromPretrainedOptions}.
 * @returns See {@linkcode Pretrained}.
 * @throws {TypeError} If an option is unknown, or an option or field has the
 * wrong type.
 * @throws {SyntaxError} If a file is not JSON.
 * @throws {RangeError} If a file is missing, config.json describes an
 * unsupported model, or the weights do not match it.
 * @throws {Error} If the hub refuses or fails.
 */
export async function fromPretrained(
  source: string | URL | ModelPackage,
  options: FromPretrainedOptions = {},
): Promise<Pretrained> {
  assertOptions("fromPretrained", options, OPTIONS);
  const { variant, head, numClasses, tokenizer, preprocessing, seed, ...hub } =
    options;
  assertHubOptions("fromPretrained", hub, DOWNLOAD_OPTIONS);
  const changes = { variant, head, numClasses };
  assertChanges(changes);
  if (seed !== undefined) assertFinite("fromPretrained's seed", seed);
  if (tokenizer !== undefined) assertBoolean("tokenizer", tokenizer);
  if (preprocessing !== undefined) {
    assertBoolean("preprocessing", preprocessing);
  }
  const files = await modelFiles(source, hub);
  const file = await readObject(files, CONFIG);
  if (!file) {
    throw new RangeError(
      `${files.name} should have a config.json, got none; savePretrained() writes one`,
    );
  }
  const config = ownConfigIn(file);
  const fields = new ConfigFields(`config.json of ${files.name}`, config);
  const plan = planOf(fields, changes);
  const classes = classesOf(fields);
  const read = tokenizer === false ? undefined : await readTokenizer(files);
  const images = plan.model.architecture === "lionViT" &&
      preprocessing !== false
    ? await readPreprocessing(files)
    : undefined;
  const tensors = await readWeights(files);
  let model: LayersModel | undefined;
  try {
    assertSizesFit(fields, plan.model, tensors, numClasses);
    const seeded = {
      ...plan.model,
      options: { ...plan.model.options, ...seed === undefined ? {} : { seed } },
    } as Plan["model"];
    model = makeModel(seeded);
    const weights = await loadInto(model, tensors, plan, variant !== undefined);
    assertVocabulary(fields, plan, read);
    const count = (plan.model.options as { numClasses?: number }).numClasses;
    const named = classes?.length === count ? classes : undefined;
    if (named) setClassNames(model, named);
    const scaling = fields.value("series_scaling") as SeriesScaling | undefined;
    if (scaling !== undefined) setSeriesScaling(model, scaling);
    return {
      model,
      config: configOf(config, plan, changes, named),
      ...read ? { tokenizer: read } : {},
      ...images ? { preprocessing: images } : {},
      weights,
    };
  } catch (error) {
    model?.dispose();
    throw error;
  } finally {
    tf.dispose([...tensors.values()]);
  }
}

function assertChanges({ variant, head, numClasses }: Changes): void {
  if (variant !== undefined) {
    assertOneOf("fromPretrained's variant", variant, ["lit", "d", "s"]);
  }
  if (head !== undefined) {
    const heads = ["masked-language-model", "classification"] as const;
    assertOneOf("fromPretrained's head", head, heads);
  }
  if (numClasses !== undefined) {
    assertPositiveInteger("fromPretrained's numClasses", numClasses);
  }
}

/**
 * The weights of a mixer except for its projections, which all variants have: the
 * decays and norms of LION.
 */
const MIXERS =
  /\.attention\.self\.(?!query\.|key\.|value\.)|\.attn\.(?!qkv\.|proj\.|c_attn\.|c_proj\.)/;

async function loadInto(
  model: LayersModel,
  tensors: ReadonlyMap<string, tf.Tensor>,
  { initial, unused }: Plan,
  isOtherVariant: boolean,
): Promise<Pretrained["weights"]> {
  const names = pyTorchNames(model, namesAmong(tensors.keys(), model));
  const own = new Set(names);
  const foreign = [...tensors.keys()].filter((name) =>
    MIXERS.test(name) && !own.has(name)
  );
  const skipped = await loadPyTorchWeights(model, tensors, {
    allowMissing: [...initial, ...isOtherVariant ? [MIXERS] : []],
    ignore: [...unused, ...isOtherVariant ? foreign : []],
  });
  const missing = new Set(skipped.missing);
  return {
    kept: names.filter((name) => !missing.has(name)),
    initial: skipped.missing,
    unused: skipped.unused,
  };
}

/** The classes of transformers that have the heads of a BERT here. */
const ARCHITECTURES = {
  "masked-language-model": "BertForMaskedLM",
  classification: "BertForSequenceClassification",
} as const;

/**
 * The config of a model: as it was read, unless the caller has changed the model. With
 * a new head alone it stays one that Python reads.
 */
function configOf(
  config: Readonly<Record<string, unknown>>,
  { model }: Plan,
  changes: Changes,
  classes: readonly string[] | undefined,
): PretrainedConfig {
  const isChanged = Object.values(changes).some((value) => value !== undefined);
  if (!isChanged) return config as unknown as PretrainedConfig;
  const kind = config["model_type"];
  if (changes.variant !== undefined || (kind !== "bert" && kind !== "vit")) {
    return {
      model_type: "lion",
      ...model,
      ...classes ? labelFields(classes) : {},
    };
  }
  const { head, numClasses: count } = model.options as {
    head?: keyof typeof ARCHITECTURES;
    numClasses?: number;
  };
  // Names of this form stand for classes without one.
  const nameless = Array.from({ length: count ?? 0 }, (_, i) => `LABEL_${i}`);
  return {
    ...config,
    model_type: kind,
    ...head && { architectures: [ARCHITECTURES[head]] },
    ...count !== undefined && labelFields(classes ?? nameless),
  };
}

/** Throws if a tokenizer has ids that the model has no vectors for. */
function assertVocabulary(
  fields: ConfigFields,
  { model }: Plan,
  tokenizer: Tokenizer | undefined,
): void {
  const { vocabularySize } = model.options as { vocabularySize?: number };
  if (!tokenizer || vocabularySize === undefined) return;
  // A model may have more rows than tokens, and often does.
  if (tokenizer.vocabularySize <= vocabularySize) return;
  throw new RangeError(
    `${fields.name} should have a vocabulary of at least ${tokenizer.vocabularySize}, that of tokenizer.json, got ${vocabularySize}; tokenizer: false leaves it out`,
  );
}
