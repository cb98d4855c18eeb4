/** Models of TensorFlow.js as ONNX files. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type LayersModel, model as modelOf } from "@tensorflow/tfjs-layers";
import {
  assertModel,
  assertNamed,
  assertOneOf,
  assertOptions,
  assertPath,
  assertPositiveInteger,
  assertText,
  didYouMean,
  optionsOf,
  shown,
  VERSION,
} from "@lionjs/base";
import { PositionTable } from "../layers/embeddings/positions.ts";
import { TokenEmbedding } from "../layers/embeddings/token_embedding.ts";
import type { LionLayer } from "../layers/lion_layer.ts";
import { classNames } from "../models/class_names.ts";
import { layersIn } from "../models/layer_runs.ts";
import type { AttentionStyle, OnnxForm } from "./attention/style.ts";
import type { WeightStorage } from "./file/storage.ts";
import { encodeOnnx, type OnnxBytes, writeOnnx } from "./file/write.ts";
import type { OnnxModel, ValueInfo } from "./graph.ts";
import { lower } from "./lowering.ts";
import { LENGTH, type Program, programOf } from "./program.ts";
import { LONGEST, record } from "./record.ts";

/** Options of {@linkcode exportOnnx}. */
export interface ExportOnnxOptions {
  /**
   * How attention is written.
   *
   * - `"chunkwise"`: in plain operators, in time and memory that grow with the length.
   * - `"full"`: in one matrix of all pairs of tokens, for short sequences.
   * - `"contrib"`: by `com.microsoft.LinearAttention`, which ONNX Runtime has from 1.30
   *   on; fast for the delta rule and for decays per channel.
   *
   * Softmax, transitions and scans are written in the same way in all three, but for the
   * delta rule. @default "chunkwise"
   */
  form?: OnnxForm | undefined;
  /** How weights are stored; all are computed with in float32. @default "f32" */
  weights?: WeightStorage | undefined;
  /** The name of the output. @default "logits" */
  output?: string | undefined;
  /** The name of the layer whose output is exported. @default the model's own output */
  layer?: string | undefined;
  /**
   * Whether weights are in a file of their own, `model.onnx_data`; `"auto"`: from
   * 1.9e9 bytes on, which one file cannot hold. @default "auto"
   */
  externalData?: boolean | "auto" | undefined;
  /** Tokens per chunk. @default 64; with a decay per channel 16 */
  chunkSize?: number | undefined;
  /**
   * Texts by name, in addition to the model's class names (`classNames`), its config
   * (`config`) and the library's version (`lionVersion`). @default none
   */
  metadata?: Readonly<Record<string, string>> | undefined;
}

const OPTIONS = optionsOf<ExportOnnxOptions>()(
  "form weights output layer externalData chunkSize metadata",
);

/** The files that {@linkcode exportOnnx} has written, and their graph. */
export interface ExportedOnnx {
  /** The paths of the files, the model's first. */
  readonly files: readonly string[];
  /** The graph's inputs, with the names of axes that each run chooses. */
  readonly inputs: readonly ValueInfo[];
  /** The graph's outputs. */
  readonly outputs: readonly ValueInfo[];
  /** The names of the operators, with their domain if it is not ONNX's own. */
  readonly operators: readonly string[];
}

const FORMS = ["chunkwise", "full", "contrib"] as const;
const STORAGES = ["f32", "f16", "int8"] as const;

/** Tokens per chunk: of scalar decays, and of decays per channel. */
const CHUNK = 64, DIAGONAL_CHUNK = 16;

/**
 * Writes a model as an ONNX file, for ONNX Runtime and other programs; batch and length
 * stay free. Outputs are those of `model.predict`, but for rounding.
 *
 * The model's kernels are recorded at a few sizes and written as operators of ONNX, so
 * that models with mixers and decays of one's own can be exported too, if they run
 * operations that have a rule. Ids and masks are int64 and have Hugging Face's names,
 * `input_ids`, `attention_mask`, `token_type_ids`; images are `pixel_values`,
 * `[batch, channels, rows, columns]`. Weights have the library's names. Equal models
 * give equal bytes. A file is there completely or not at all.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder, useBackend } from "@lionjs/lion";
 * import { exportOnnx } from "@lionjs/lion/onnx";
 *
 * await useBackend({ prefer: ["wasm"] });
 * const model = lionEncoder({
 *   vocabularySize: 50, dim: 8, depth: 1, numHeads: 2, numClasses: 3, variant: "s",
 * });
 * const folder = await Deno.makeTempDir();
 * const { inputs, outputs } = await exportOnnx(model, `${folder}/model.onnx`);
 * assertEquals(inputs.map(({ name }) => name), ["input_ids", "attention_mask"]);
 * assertEquals(outputs[0]!.shape, ["batch_size", 3]);
 * ```
 *
 * @param model The model; the backend has to be `wasm`, whose kernels have rules.
 * @param path Where the file is written.
 * @param options See {@linkcode ExportOnnxOptions}.
 * @returns What was written.
 * @throws {TypeError} If an option is unknown or of the wrong type; or if the model runs a
 * kernel without a rule, reads values of tensors or draws random numbers.
 * @throws {RangeError} If an option has an invalid value, the backend is another one, or the
 * model has positions for fewer than 13 tokens.
 */
export async function exportOnnx(
  model: LayersModel,
  path: string,
  options: ExportOnnxOptions = {},
): Promise<ExportedOnnx> {
  assertPath("exportOnnx's path", path);
  assertExport("exportOnnx", model, options);
  const graph = await onnxModel(
    exportedProgram(model, options),
    model,
    options,
  );
  const files = await writeOnnx(path, graph, fileOptions(options));
  return { files, ...describe(graph) };
}

/**
 * Makes the bytes of an ONNX file, for a page or a store of one's own; as
 * {@linkcode exportOnnx} does.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder, useBackend } from "@lionjs/lion";
 * import { onnxBytes } from "@lionjs/lion/onnx";
 *
 * await useBackend({ prefer: ["wasm"] });
 * const model = lionEncoder({
 *   inputDim: 2, dim: 8, depth: 1, numHeads: 2, numClasses: 3, variant: "d",
 * });
 * const bytes = await onnxBytes(model);
 * assertEquals(bytes, await onnxBytes(model));
 * ```
 *
 * @param model The model.
 * @param options See {@linkcode ExportOnnxOptions}.
 * @returns The bytes of the model's file, and of the weights' if they have their own,
 * which is called `model.onnx_data`.
 * @throws {TypeError} As exportOnnx.
 * @throws {RangeError} As exportOnnx.
 */
export async function onnxBytes(
  model: LayersModel,
  options: ExportOnnxOptions = {},
): Promise<OnnxBytes> {
  assertExport("onnxBytes", model, options);
  const graph = await onnxModel(
    exportedProgram(model, options),
    model,
    options,
  );
  return await encodeOnnx(graph, fileOptions(options), "model.onnx_data");
}

/** Throws unless a model can be exported with these options, as far as they show it. */
function assertExport(
  owner: string,
  model: LayersModel,
  options: ExportOnnxOptions,
): void {
  assertModel(`${owner}'s model`, model);
  assertOptions(owner, options, OPTIONS);
  const { form = "chunkwise", weights = "f32", output, layer } = options;
  const { externalData = "auto", chunkSize, metadata } = options;
  assertOneOf("form", form, FORMS);
  assertOneOf("weights", weights, STORAGES);
  assertOneOf("externalData", externalData, [true, false, "auto"]);
  if (output !== undefined) assertText("output", output);
  if (layer !== undefined) assertLayer(layer, model);
  else if (model.outputs.length !== 1) {
    throw new TypeError(
      `${owner}'s model should have one output, got ${model.outputs.length}; pass the name ` +
        "of the layer whose output is exported as layer",
    );
  }
  if (chunkSize !== undefined) assertPositiveInteger("chunkSize", chunkSize);
  if (metadata !== undefined) assertMetadata(metadata);
  assertBackend(owner);
}

/** Throws on a backend whose kernels have no rules. */
export function assertBackend(owner: string): void {
  const backend = tf.getBackend();
  if (backend !== "wasm") {
    throw new RangeError(
      `${owner} should run on the backend wasm, whose kernels have rules, got ${backend}; ` +
        'call await useBackend({ prefer: ["wasm"] }) before',
    );
  }
}

function assertLayer(name: string, { layers }: LayersModel): void {
  assertText("layer", name);
  const names = layers.map((layer) => layer.name);
  if (names.includes(name)) return;
  throw new RangeError(
    `layer should be the name of one of the model's layers, got ${shown(name)}${
      didYouMean(name, names)
    } They are ${names.join(", ")}`,
  );
}

function assertMetadata(metadata: Readonly<Record<string, string>>): void {
  assertNamed("metadata", metadata);
  for (const [name, text] of Object.entries(metadata)) {
    assertText(`metadata's ${name}`, text);
  }
}

/** The model, or the part of it that ends at a layer. */
function exportedProgram(
  model: LayersModel,
  { layer, output = "logits" }: ExportOnnxOptions,
): Program {
  const exported = layer === undefined ? model : modelOf({
    name: model.name,
    inputs: model.inputs,
    outputs: [model.getLayer(layer).output].flat()[0]!,
  });
  return programOf(exported, output);
}

/** Records a program, and writes its graph. */
export async function onnxModel(
  program: Program,
  model: LayersModel,
  { form = "chunkwise", chunkSize, metadata = {} }: Pick<
    ExportOnnxOptions,
    "form" | "chunkSize" | "metadata"
  >,
): Promise<OnnxModel> {
  assertPositions(program, model);
  const style: AttentionStyle = {
    form,
    chunkSize: chunkSize ?? CHUNK,
    diagonalChunkSize: chunkSize ?? DIAGONAL_CHUNK,
  };
  const recordings = record(program);
  try {
    const { builder, graph } = await lower(program, recordings.runs, style);
    return builder.model(graph, { ...metadataOf(model), ...metadata });
  } finally {
    recordings.dispose();
  }
}

/** Throws where a table has fewer positions than the recordings have tokens. */
function assertPositions(program: Program, model: LayersModel): void {
  if (!program.inputs.some(({ shape }) => shape.includes(LENGTH))) return;
  for (const layer of layersIn(model)) {
    const name = layer instanceof TokenEmbedding
      ? "position_embeddings.weight"
      : layer instanceof PositionTable
      ? "weight"
      : undefined;
    const table = (layer as LionLayer).parameters?.find((one) =>
      one.name === name
    );
    if (!table || table.shape[0]! >= LONGEST) continue;
    throw new RangeError(
      `${model.name} should have positions for at least ${LONGEST} tokens, at which its ` +
        `kernels are recorded, got maxLength = ${
          table.shape[0]
        }; make the model with a ` +
        "larger maxLength, or with 0 for no positions",
    );
  }
}

/** The texts of a file that say what model it is. */
function metadataOf(model: LayersModel): Record<string, string> {
  const classes = classNames(model), config = configOf(model);
  return {
    lionVersion: VERSION,
    ...config && { config },
    ...classes && { classNames: JSON.stringify(classes) },
  };
}

/** The model's config; `undefined` if a mixer or decay of one's own has no name. */
function configOf(model: LayersModel): string | undefined {
  try {
    return JSON.stringify(model.toJSON(undefined, false));
  } catch {
    return undefined;
  }
}

function fileOptions(
  { weights = "f32", externalData = "auto" }: ExportOnnxOptions,
) {
  return { weights, externalData };
}

function describe({ graph }: OnnxModel): Omit<ExportedOnnx, "files"> {
  const operators = graph.nodes.map(({ operator, domain }) =>
    domain === "" ? operator : `${domain}.${operator}`
  );
  return {
    ...{ inputs: graph.inputs, outputs: graph.outputs },
    operators: [...new Set(operators)].sort(),
  };
}
