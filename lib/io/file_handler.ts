/**
 * Lets tfjs save models to folders and load them, under `file://` and a path,
 * in the layout of tfjs-node and of browsers: `model.json` and `weights.bin`.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { writeAtomically } from "./atomic_write.ts";

const SCHEME = "file://";

/** Bytes of an element; a weight may have been quantized to the last three. */
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
    // What tfjs's own routers return; its types are not strict.
    return null as unknown as tf.io.IOHandler;
  }
  const path = url.slice(SCHEME.length) || ".";
  return {
    save: (artifacts) => save(path, artifacts),
    load: () => load(path),
  };
}

// tfjs refuses a URL for which two routers answer.
if (tf.io.getSaveHandlers(SCHEME).length === 0) {
  tf.io.registerSaveRouter(route);
}
if (tf.io.getLoadHandlers(SCHEME).length === 0) {
  tf.io.registerLoadRouter(route);
}

async function save(
  folder: string,
  artifacts: tf.io.ModelArtifacts,
): Promise<tf.io.SaveResult> {
  // First, since it throws if the topology is not JSON.
  const modelArtifactsInfo = tf.io.getModelArtifactsInfoForJSON(artifacts);
  const { weightData, weightSpecs, ...model } = artifacts;
  await Deno.mkdir(folder, { recursive: true });
  if (weightData) {
    const shards = [weightData].flat();
    await writeAtomically(
      `${folder}/weights.bin`,
      shards.map((shard) => new Uint8Array(shard)),
    );
  }
  const weightsManifest = weightSpecs &&
    [{ paths: ["weights.bin"], weights: weightSpecs }];
  const json = JSON.stringify({ ...model, weightsManifest });
  await writeAtomically(
    `${folder}/model.json`,
    [new TextEncoder().encode(json)],
  );
  return { modelArtifactsInfo };
}

async function load(path: string): Promise<tf.io.ModelArtifacts> {
  const model = parseModel(await Deno.readTextFile(path), path);
  return await tf.io.getModelArtifactsForJSON(
    model,
    (manifest) => readWeights(manifest, path),
  );
}

function parseModel(json: string, path: string): tf.io.ModelJSON {
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
  return model;
}

/** Reads the shards of every group, which lie beside `model.json`. */
async function readWeights(
  manifest: tf.io.WeightsManifestConfig,
  modelPath: string,
): Promise<[tf.io.WeightsManifestEntry[], ArrayBuffer]> {
  const folder = modelPath.replace(/[^/\\]*$/, "");
  const shards: ArrayBuffer[] = [];
  for (const { paths, weights } of manifest) {
    const files = paths.map((path) => folder + path);
    const group = await Promise.all(files.map((file) => Deno.readFile(file)));
    const actual = group.reduce((sum, { length }) => sum + length, 0);
    const expected = weights.reduce((sum, spec) => sum + bytesOf(spec), 0);
    if (actual !== expected && !Number.isNaN(expected)) {
      throw new RangeError(
        `${
          files.join(", ")
        } should have ${expected} bytes for the weights of ${modelPath}, got ${actual}; save the model again`,
      );
    }
    shards.push(...group.map(({ buffer }) => buffer));
  }
  return [
    tf.io.getWeightSpecs(manifest),
    // tfjs finds no byte behind an empty shard, nor in a last one that is the longest.
    tf.io.CompositeArrayBuffer.join(
      shards.filter(({ byteLength }) => byteLength > 0),
    ),
  ];
}

/** NaN for what only the data tells (strings), or tfjs refuses (other dtypes). */
function bytesOf(spec: tf.io.WeightsManifestEntry): number {
  const dtype = spec.quantization?.dtype ?? spec.dtype;
  return tf.util.sizeFromShape(spec.shape) * (ELEMENT_BYTES[dtype] ?? NaN);
}
