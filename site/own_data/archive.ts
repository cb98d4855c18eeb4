/** A trained model as one file. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { zipSync } from "fflate";

const WEIGHTS = "weights.bin";

/** A zip of `model.json`, its weights, and other files. */
export async function archiveOf(
  model: LayersModel,
  texts: Readonly<Record<string, string>>,
): Promise<Uint8Array<ArrayBuffer>> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(tf.io.withSaveHandler((artifacts) => {
    saved = artifacts;
    const modelArtifactsInfo = tf.io.getModelArtifactsInfoForJSON(artifacts);
    return Promise.resolve({ modelArtifactsInfo });
  }));
  const { weightData, weightSpecs, ...described } = saved!;
  const json = {
    ...described,
    weightsManifest: [{ paths: [WEIGHTS], weights: weightSpecs }],
  };
  const encoder = new TextEncoder();
  const files = { "model.json": JSON.stringify(json), ...texts };
  return zipSync({
    ...Object.fromEntries(
      Object.entries(files).map(([name, text]) => [name, encoder.encode(text)]),
    ),
    [WEIGHTS]: new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)),
  });
}
