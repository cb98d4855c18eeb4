/** Folders that transformers.js reads. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  assertModel,
  assertOneOf,
  assertOptions,
  assertPath,
  optionsOf,
  shown,
} from "@lionjs/base";
import { files, ifThere, pathOf, writeAtomically } from "@lionjs/base/files";
import {
  type Tokenizer,
  type TokenizerFile,
  tokenizerOf,
} from "@lionjs/data/text";
import { readObjectIn } from "../../hub/pretrained/json_file.ts";
import { ConfigFields } from "../../hub/pretrained/config_fields.ts";
import { labelFields } from "../../hub/pretrained/labels.ts";
import {
  OWN_CONFIG,
  type PretrainedConfig,
  writableConfig,
} from "../../hub/pretrained/lion_config.ts";
import { planOf } from "../../hub/pretrained/planned.ts";
import {
  type Preprocessing,
  PREPROCESSOR,
  preprocessorFile,
} from "../../hub/pretrained/preprocessing.ts";
import { CONFIG, replaceModel } from "../../hub/pretrained/replace_model.ts";
import { assertSameModel } from "../../hub/pretrained/same_model.ts";
import { savePretrained } from "../../hub/pretrained/save_pretrained.ts";
import {
  isOfTokenizer,
  TOKENIZER,
  tokenizerFiles,
} from "../../hub/pretrained/tokenizer_files.ts";
import { writeJSON } from "../../hub/pretrained/weight_files.ts";
import { TokenEmbedding } from "../../layers/embeddings/token_embedding.ts";
import { classNames } from "../../models/class_names.ts";
import { assertBackend, exportOnnx } from "../export.ts";
import type { WeightStorage } from "../file/storage.ts";
import {
  assertTask,
  BORROWED,
  featuresOf,
  type TransformersJsTask,
} from "./borrowed.ts";
import { README_TITLE, readmeOf } from "./readme.ts";
import { exportSteps, type StepSizes } from "./steps.ts";

/** Options of {@linkcode saveTransformersJs}. */
export interface SaveTransformersJsOptions {
  /** The model; class names set by `setClassNames` become labels. */
  model: LayersModel;
  /**
   * What a pipeline does with it: `"text-classification"`, `"feature-extraction"`,
   * `"fill-mask"`, `"image-classification"` or `"text-generation"`.
   */
  task: TransformersJsTask;
  /**
   * The tokenizer, for texts: one that `fromPretrained` has read, or the content
   * of a tokenizer.json, as from `trainTokenizer`. @default the folder's
   */
  tokenizer?: Tokenizer | TokenizerFile | undefined;
  /**
   * The preprocessing, for images: what `fromPretrained` has read, or
   * `evalTransform`'s transform, a mean and a deviation. @default the folder's
   */
  preprocessing?: Preprocessing | undefined;
  /**
   * How weights are stored, a file for each: `"f32"` (`dtype: "fp32"`, Node's
   * default), `"f16"` (`"fp16"`) and `"int8"` (`"q8"`, the default in pages).
   * @default ["f32", "int8"]
   */
  weights?: readonly WeightStorage[] | undefined;
  /**
   * The model's config, as for `savePretrained`: the folder then has the weights as
   * safetensors too, and `fromPretrained` reads it. @default that of a model of
   * `savePretrained` in the folder, if there is one
   */
  config?: PretrainedConfig | undefined;
  /**
   * The name of the layer whose output are the features, for
   * `"feature-extraction"`. @default the model, where its output is of tokens and
   * not of words; else its last layer of tokens
   */
  layer?: string | undefined;
}

const OPTIONS = optionsOf<SaveTransformersJsOptions>()(
  "model task tokenizer preprocessing weights config layer",
);

/** The files of graphs by how their weights are stored, and pipelines' names for them. */
const GRAPHS: Readonly<
  Record<WeightStorage, { readonly file: string; readonly dtype: string }>
> = {
  f32: { file: "model.onnx", dtype: "fp32" },
  f16: { file: "model_fp16.onnx", dtype: "fp16" },
  int8: { file: "model_quantized.onnx", dtype: "q8" },
};

const STORAGES = Object.keys(GRAPHS) as WeightStorage[];

/** Fields of tokenizer_config.json for special tokens, by their kinds here. */
const SPECIALS = {
  pad: "pad_token",
  mask: "mask_token",
  cls: "cls_token",
  sep: "sep_token",
  unk: "unk_token",
} as const;

/**
 * Writes a model to a folder that transformers.js runs, as it is: `onnx/model.onnx`,
 * its config, its tokenizer or preprocessing, and a README, which says which
 * architecture's name the config borrows. With {@linkcode
 * SaveTransformersJsOptions.config}, or beside what `savePretrained` has written,
 * `fromPretrained` reads the same folder.
 *
 * A language model gets a graph that reads on from a state of constant size; its
 * texts in a batch must have the same length. It needs a mixer with a state of one
 * or two tensors, such as `variant: "s"`.
 *
 * @example A classifier of texts
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder, setClassNames, useBackend } from "@lionjs/lion";
 * import { trainTokenizer } from "@lionjs/data";
 * import { saveTransformersJs } from "@lionjs/lion/onnx";
 *
 * await useBackend({ prefer: ["wasm"] });
 * const model = lionEncoder({
 *   vocabularySize: 300, dim: 8, depth: 1, numHeads: 2, numClasses: 2, variant: "s",
 * });
 * setClassNames(model, ["bad", "good"]);
 * const folder = await Deno.makeTempDir();
 * await saveTransformersJs(folder, {
 *   model,
 *   task: "text-classification",
 *   tokenizer: trainTokenizer(["a good film", "a bad film"], { vocabularySize: 300 }),
 * });
 * const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
 * assertEquals(config.model_type, "bert");
 * assertEquals(config.id2label, { 0: "bad", 1: "good" });
 * ```
 *
 * @param folder The folder, created if missing. A graph in it is replaced; if
 * something fails, all that was there stays.
 * @param options See {@linkcode SaveTransformersJsOptions}.
 * @throws {TypeError} If an option is unknown, missing or of the wrong type, or the
 * model cannot be exported.
 * @throws {RangeError} If the model is not of the task's kind, an option has an invalid
 * value, or the backend is another one than `wasm`.
 * @throws {Error} If a file cannot be written.
 */
export async function saveTransformersJs(
  folder: string | URL,
  options: SaveTransformersJsOptions,
): Promise<void> {
  assertOptions("saveTransformersJs", options, OPTIONS);
  const path = pathOf(folder, "saveTransformersJs's folder");
  assertPath("saveTransformersJs's folder", path);
  const { model, task, config } = options;
  assertModel("saveTransformersJs's model", model);
  const tasks = Object.keys(BORROWED) as TransformersJsTask[];
  assertOneOf("saveTransformersJs's task", task, tasks);
  assertTask(model, task);
  const weights = weightsOf(options);
  const layer = layerOf(options);
  const isOfImages = task === "image-classification";
  const [unread, kind] = isOfImages
    ? ["tokenizer", "texts"] as const
    : ["preprocessing", "images"] as const;
  if (options[unread] !== undefined) {
    throw new RangeError(
      `saveTransformersJs's ${unread} is for models of ${kind}, got one for task ${
        shown(task)
      }`,
    );
  }
  const tokens = isOfImages ? undefined : await tokensOf(path, options);
  const images = isOfImages ? await imagesOf(path, options) : undefined;
  assertBackend("saveTransformersJs");
  const own = await ownConfigOf(path, options);
  const borrowed = BORROWED[task];
  await replaceModel(path, [isOfTokenizer], async (staging) => {
    await files().mkdir(`${staging}/onnx`);
    const external: Record<string, number> = {};
    let sizes: StepSizes | undefined;
    for (const storage of weights) {
      const { file } = GRAPHS[storage];
      const target = `${staging}/onnx/${file}`;
      const how = { weights: storage, output: borrowed.output };
      const written = task === "text-generation"
        ? await exportSteps(model, target, how)
        : await exportOnnx(model, target, { ...how, ...layer });
      if (written.files.length > 1) external[file] = 1;
      if ("sizes" in written) sizes = written.sizes;
    }
    for (const [name, content] of tokens?.files ?? []) {
      await writeJSON(`${staging}/${name}`, content);
    }
    if (images) await writeJSON(`${staging}/${PREPROCESSOR}`, images);
    const graphs = weights.map((storage) => `onnx/${GRAPHS[storage].file}`);
    if (await hasOwnReadme(path)) {
      const readme = readmeOf(task, borrowed, graphs, own !== undefined);
      const bytes = new TextEncoder().encode(readme);
      await writeAtomically(`${staging}/README.md`, [bytes]);
    }
    await writeJSON(`${staging}/${CONFIG}`, {
      ...{ model_type: borrowed.type, architectures: [borrowed.architecture] },
      ...borrowed.hasClasses && labelFields(labelsOf(model)),
      ...sizes,
      ...sizes && tokens?.end !== undefined && { eos_token_id: tokens.end },
      "transformers.js_config": {
        ...defaultOf(weights),
        ...Object.keys(external).length > 0 && {
          use_external_data_format: external,
        },
      },
      ...own && { [OWN_CONFIG]: own },
    });
  });
  if (config) await savePretrained(path, { model, config });
}

function weightsOf(
  { weights = ["f32", "int8"] }: SaveTransformersJsOptions,
): WeightStorage[] {
  if (!Array.isArray(weights) || weights.length === 0) {
    throw new TypeError(
      `saveTransformersJs's weights should be a list such as ["f32", "int8"], got ${
        shown(weights)
      }`,
    );
  }
  for (const storage of weights) {
    assertOneOf("each of saveTransformersJs's weights", storage, STORAGES);
  }
  return [...new Set(weights)];
}

/** The type that pipelines load unless told: theirs, `fp32` in Node and `q8` in pages, if both are there. */
function defaultOf(weights: readonly WeightStorage[]): { dtype?: string } {
  if (weights.includes("f32") && weights.includes("int8")) return {};
  return { dtype: GRAPHS[weights[0]!].dtype };
}

function layerOf(
  { model, task, layer }: SaveTransformersJsOptions,
): { layer?: string } {
  if (task !== "feature-extraction") {
    if (layer === undefined) return {};
    throw new RangeError(
      `saveTransformersJs's layer is for task "feature-extraction", got ${
        shown(layer)
      } for ${shown(task)}`,
    );
  }
  const found = layer ?? featuresOf(model);
  return found === undefined ? {} : { layer: found };
}

/** The names of classes; Hugging Face's for classes that have none. */
function labelsOf(model: LayersModel): readonly string[] {
  const count = model.outputs[0]!.shape.at(-1)!;
  return classNames(model) ??
    Array.from({ length: count }, (_, i) => `LABEL_${i}`);
}

/** A tokenizer as it is written, and the id of the token that ends a text. */
interface Tokens {
  readonly files: ReadonlyMap<string, object>;
  readonly end: number | undefined;
}

async function tokensOf(
  folder: string,
  { model, task, tokenizer }: SaveTransformersJsOptions,
): Promise<Tokens> {
  const given = tokenizer
    ? tokenizerFiles(tokenizer, "saveTransformersJs")
    : await tokenizerIn(folder);
  if (!given) {
    throw new TypeError(
      `saveTransformersJs's tokenizer should be one that fromPretrained() has read, or the content of a tokenizer.json, for task ${
        shown(task)
      }, got none`,
    );
  }
  const file = given.get(TOKENIZER) as TokenizerFile;
  const known = Object.assign(
    {},
    ...[...given].filter(([name]) => name !== TOKENIZER).map(([, x]) => x),
  );
  const { specials, vocabularySize } = tokenizerOf(file, { config: known });
  const embedding = model.layers.find((x) => x instanceof TokenEmbedding);
  const own = embedding?.getConfig() as
    | { vocabularySize: number; maxLength?: number }
    | undefined;
  if (own && vocabularySize > own.vocabularySize) {
    throw new RangeError(
      `saveTransformersJs's tokenizer should have at most the model's ${own.vocabularySize} tokens, got ${vocabularySize}`,
    );
  }
  if (task === "fill-mask" && !Object.hasOwn(specials, "mask")) {
    throw new RangeError(
      'saveTransformersJs\'s tokenizer should have a special token for mask, for task "fill-mask", got none',
    );
  }
  const names = new Map(
    file.added_tokens?.map(({ id, content }) => [id, content]),
  );
  const named = Object.entries(SPECIALS).flatMap(([kind, field]) => {
    const id = Object.hasOwn(specials, kind)
      ? specials[kind as keyof typeof SPECIALS]
      : undefined;
    const name = names.get(id!);
    return name === undefined ? [] : [[field, name] as const];
  });
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    ...own?.maxLength && { model_max_length: own.maxLength },
    ...Object.fromEntries(named),
    ...known,
  };
  return {
    files: new Map([...given, ["tokenizer_config.json", config]]),
    end: Object.hasOwn(specials, "sep") ? specials.sep : undefined,
  };
}

/** The files of the tokenizer that is in a folder; `undefined` for none. */
async function tokenizerIn(
  folder: string,
): Promise<Map<string, object> | undefined> {
  const file = await readObjectIn(folder, TOKENIZER);
  if (!file) return undefined;
  const config = await readObjectIn(folder, "tokenizer_config.json");
  return new Map([
    [TOKENIZER, file],
    ...config ? [["tokenizer_config.json", config] as const] : [],
  ]);
}

/** The preprocessing as it is written. */
async function imagesOf(
  folder: string,
  { model, preprocessing }: SaveTransformersJsOptions,
): Promise<object> {
  const file = preprocessing
    ? preprocessorFile(preprocessing, "saveTransformersJs's preprocessing")
    : await readObjectIn(folder, PREPROCESSOR);
  if (!file) {
    throw new TypeError(
      'saveTransformersJs\'s preprocessing should be what fromPretrained() has read, or a transform, a mean and a deviation, for task "image-classification", got none',
    );
  }
  const { crop_size, size } = file as Record<string, { height?: number }>;
  const [height, wanted] = [
    (crop_size ?? size)?.height,
    model.inputs[0]!.shape[1],
  ];
  if (height === undefined || height === wanted) return file;
  throw new RangeError(
    `saveTransformersJs's preprocessing should make images of ${wanted} rows, as the model reads them, got ${height}`,
  );
}

/** The model's config here: the option's, or that of a folder that has this model. */
async function ownConfigOf(
  folder: string,
  { model, config }: SaveTransformersJsOptions,
): Promise<object | undefined> {
  if (config) {
    const fields = new ConfigFields("saveTransformersJs's config", config);
    assertSameModel(planOf(fields, {}).model, model, "saveTransformersJs");
    return writableConfig(config);
  }
  const file = await readObjectIn(folder, CONFIG);
  const own = (file?.[OWN_CONFIG] ??
    (file?.["model_type"] === "lion" ? file : undefined)) as object | undefined;
  if (!own) return undefined;
  try {
    const fields = new ConfigFields(`config.json of ${folder}`, own);
    assertSameModel(planOf(fields, {}).model, model);
  } catch (cause) {
    throw new RangeError(
      `saveTransformersJs's folder has the weights of another model, which savePretrained() has written: save this one there first, or pass its config (${
        (cause as Error).message
      })`,
      { cause },
    );
  }
  return own;
}

/** Whether a folder has no README, or one of this library's. */
async function hasOwnReadme(folder: string): Promise<boolean> {
  const text = await ifThere(files().readFile(`${folder}/README.md`, "utf8"));
  return text === undefined || text.startsWith(README_TITLE);
}
