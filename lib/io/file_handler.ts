/**
 * A handler with which tfjs saves models to folders and loads them, with
 * `file://` and a path, in the layout of tfjs-node and of browsers:
 * `model.json` and the weight files that it names.
 *
 * Model and weights change at once, when a new `model.json` replaces the old one:
 * by then its weights are beside it, in a file named after their hash.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { shown } from "@lionjs/base";
import {
  files,
  fileSize,
  isMissing,
  readFully,
  sha256Of,
  withFile,
  writeAtomically,
} from "@lionjs/base/files";

const SCHEME = "file://";

/** Bytes per element; weights may be quantized to the last three types. */
const ELEMENT_BYTES: Record<string, number> = {
  float32: 4,
  int32: 4,
  bool: 1,
  complex64: 8,
  float16: 2,
  uint16: 2,
  uint8: 1,
};

function route(url: string | string[]): tf.io.IOHandler {
  if (typeof url !== "string" || !url.startsWith(SCHEME)) {
    // tfjs's own routers return null too, though their type does not allow it.
    return null as unknown as tf.io.IOHandler;
  }
  const path = url.slice(SCHEME.length) || ".";
  return {
    save: (artifacts) => save(path, artifacts),
    load: () => load(path),
  };
}

// tfjs throws if two routers accept a URL.
if (tf.io.getSaveHandlers(SCHEME).length === 0) {
  tf.io.registerSaveRouter(route);
}
if (tf.io.getLoadHandlers(SCHEME).length === 0) {
  tf.io.registerLoadRouter(route);
}

/** The content of `model.json`: tfjs's part, and the SHA-256 of that part. */
type SavedModel = tf.io.ModelJSON & { sha256?: string };

async function save(
  folder: string,
  artifacts: tf.io.ModelArtifacts,
): Promise<tf.io.SaveResult> {
  // This comes first, since it throws if the topology is not JSON.
  const modelArtifactsInfo = tf.io.getModelArtifactsInfoForJSON(artifacts);
  const { weightData, weightSpecs, ...model } = artifacts;
  await files().mkdir(folder, { recursive: true });
  const before = await weightFilesOf(folder);
  const paths: string[] = [];
  if (weightData) {
    const parts = [weightData].flat().map((part) => new Uint8Array(part));
    paths.push(nameOf(...parts));
    await writeAtomically(`${folder}/${paths[0]}`, parts);
  }
  const description = JSON.stringify({
    ...model,
    weightsManifest: weightSpecs && [{ paths, weights: weightSpecs }],
  });
  const sha256 = sha256Of(new TextEncoder().encode(description));
  await writeAtomically(`${folder}/model.json`, [
    new TextEncoder().encode(
      JSON.stringify({ ...JSON.parse(description), sha256 }),
    ),
  ]);
  for (const path of before) {
    if (paths.includes(path)) continue;
    await files().rm(`${folder}/${path}`, { force: true });
  }
  return { modelArtifactsInfo };
}

/** Names a weight file by a hash that is long enough to detect damage, not tampering. */
function nameOf(...parts: readonly Uint8Array[]): string {
  return `weights-${sha256Of(...parts).slice(0, 16)}.bin`;
}

const WEIGHTS_NAME = /^weights(-[0-9a-f]{16})?\.bin$/;

/** Lists the weight files that this handler has written for the model in a folder. */
async function weightFilesOf(folder: string): Promise<string[]> {
  try {
    const path = `${folder}/model.json`;
    const model = parseModel(await files().readFile(path, "utf8"), path);
    return (model.weightsManifest ?? []).flatMap(({ paths }) => paths)
      .filter((path) => WEIGHTS_NAME.test(path));
  } catch {
    // A model.json that cannot be read is replaced as well, and names no
    // files to remove.
    return [];
  }
}

async function load(path: string): Promise<tf.io.ModelArtifacts> {
  for (let json = await descriptionIn(path);;) {
    const model = parseModel(json, path);
    try {
      return await tf.io.getModelArtifactsForJSON(
        model,
        (manifest) => readWeights(manifest, path),
      );
    } catch (error) {
      // Another model may have been saved meanwhile, and the first one's
      // weights removed.
      const now = isMissing(error)
        ? await files().readFile(path, "utf8")
        : json;
      if (now === json) throw error;
      json = now;
    }
  }
}

/** The text of a `model.json`, whose folder is what `model.save` is given. */
async function descriptionIn(path: string): Promise<string> {
  try {
    return await withFile(path, (file) => file.readFile("utf8"));
  } catch (cause) {
    const info = await files().stat(path).catch(() => undefined);
    if (!info?.isDirectory()) throw cause;
    const file = `${path.replace(/[/\\]$/, "")}/model.json`;
    throw new TypeError(
      `${SCHEME}${path} should be the model.json of a model, got a folder; load ${SCHEME}${file}`,
      { cause },
    );
  }
}

function parseModel(json: string, path: string): SavedModel {
  let model;
  try {
    model = JSON.parse(json);
  } catch (cause) {
    throw new SyntaxError(
      `${path} should be JSON: ${(cause as Error).message}`,
      { cause },
    );
  }
  const manifest = Object(model).weightsManifest ?? [];
  if (
    !Object(model).modelTopology || !Array.isArray(manifest) ||
    !manifest.every((group) =>
      Array.isArray(group?.paths) && Array.isArray(group.weights) &&
      group.weights.every((spec: unknown) => Array.isArray(Object(spec).shape))
    )
  ) {
    throw new TypeError(
      `${path} should have a modelTopology, and in its weightsManifest groups of paths and weights; is it the model.json of a tfjs model?`,
    );
  }
  const { sha256, ...description } = model;
  const actual = sha256Of(
    new TextEncoder().encode(JSON.stringify(description)),
  );
  if (sha256 !== undefined && sha256 !== actual) {
    throw new RangeError(
      `${path} should have the SHA-256 ${sha256} without its sha256, got ${actual}: it is damaged, or was changed; if that was you, delete its sha256`,
    );
  }
  for (const file of manifest.flatMap(({ paths }) => paths)) {
    assertBeside(file, path);
  }
  return description;
}

/** Throws unless a file that a model names is in the model's folder. */
function assertBeside(file: unknown, path: string): void {
  if (
    typeof file === "string" && file !== "" && !/^[/\\]|^[a-z]+:/i.test(file) &&
    !file.split(/[/\\]/).includes("..")
  ) {
    return;
  }
  throw new RangeError(
    `${path} should have its weights in its own folder, got ${
      shown(file)
    } in its weightsManifest; move them there`,
  );
}

/** Reads the shards of every group, which are next to `model.json`. */
async function readWeights(
  manifest: tf.io.WeightsManifestConfig,
  modelPath: string,
): Promise<[tf.io.WeightsManifestEntry[], ArrayBuffer]> {
  const folder = modelPath.replace(/[^/\\]*$/, "");
  const shards: ArrayBuffer[] = [];
  for (const { paths, weights } of manifest) {
    const parts = paths.map((path) => folder + path);
    const group = await Promise.all(parts.map(readPart));
    const actual = group.reduce((sum, { length }) => sum + length, 0);
    const expected = weights.reduce((sum, spec) => sum + bytesOf(spec), 0);
    if (actual !== expected && !Number.isNaN(expected)) {
      throw new RangeError(
        `${
          parts.join(", ")
        } should have ${expected} bytes for the weights of ${modelPath}, got ${actual}; save the model again`,
      );
    }
    group.forEach((bytes, i) => assertWhole(bytes, parts[i]!));
    shards.push(...group.map(({ buffer }) => buffer));
  }
  return [
    tf.io.getWeightSpecs(manifest),
    // tfjs finds no bytes after an empty shard, nor in a last shard that is the
    // longest.
    tf.io.CompositeArrayBuffer.join(
      shards.filter(({ byteLength }) => byteLength > 0),
    ),
  ];
}

/** Reads the bytes of a file, of any size, into a buffer of their own. */
function readPart(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return withFile(
    path,
    async (file) => readFully(file, path, await fileSize(file, path), 0),
  );
}

/** Throws unless a file's content matches the hash in its name. */
function assertWhole(bytes: Uint8Array, file: string): void {
  const name = file.split(/[/\\]/).at(-1)!;
  if (!WEIGHTS_NAME.test(name) || name === "weights.bin") return;
  const expected = nameOf(bytes);
  if (name === expected) return;
  throw new RangeError(
    `${file} should match the hash in its name, got what should be named ${expected}: it is damaged; save the model again`,
  );
}

/**
 * Number of bytes of a weight; NaN if only the data tells (strings), or tfjs
 * rejects the dtype.
 */
function bytesOf(spec: tf.io.WeightsManifestEntry): number {
  const dtype = spec.quantization?.dtype ?? spec.dtype;
  return tf.util.sizeFromShape(spec.shape) * (ELEMENT_BYTES[dtype] ?? NaN);
}
