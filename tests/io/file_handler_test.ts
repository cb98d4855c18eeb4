import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { relative } from "node:path";
import "../../lib/io/mod.ts";
import { namesIn, onCpu, withFolder } from "./files.ts";

function smallModel(): layers.Sequential {
  return layers.sequential({
    layers: [
      layers.layers.dense({ units: 4, inputShape: [3], activation: "relu" }),
      layers.layers.dense({ units: 2, biasInitializer: "glorotUniform" }),
    ],
  });
}

/** The values of a model's weights. */
function weightsOf(model: layers.LayersModel): Promise<unknown[]> {
  return Promise.all(model.getWeights().map((weight) => weight.array()));
}

/** Runs with the folder of a saved model. */
function withSavedModel(run: (folder: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const model = smallModel();
    await model.save(`file://${folder}`);
    model.dispose();
    await run(folder);
  });
}

/** The handler that tfjs finds for a path. */
function handlerOf(path: string): tf.io.IOHandler {
  const [handler, ...others] = tf.io.getLoadHandlers(`file://${path}`);
  assertEquals(others, []);
  return handler!;
}

const load = (folder: string) =>
  layers.loadLayersModel(`file://${folder}/model.json`);

onCpu(
  "a model comes back with its weights and topology",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/new/folder`;
      const model = smallModel();
      const { modelArtifactsInfo } = await model.save(`file://${path}`);
      assertEquals(modelArtifactsInfo.weightDataBytes, 4 * (12 + 4 + 8 + 2));
      assertEquals(await namesIn(path), ["model.json", "weights.bin"]);
      const json = JSON.parse(await Deno.readTextFile(`${path}/model.json`));
      assertEquals(json.format, "layers-model");
      assertEquals(json.convertedBy, null);
      assertEquals(json.weightsManifest[0].paths, ["weights.bin"]);
      assertEquals(Object.keys(json).sort(), [
        "convertedBy",
        "format",
        "generatedBy",
        "modelTopology",
        "weightsManifest",
      ]);

      const loaded = await load(path);
      assertEquals(await weightsOf(loaded), await weightsOf(model));
      assertEquals(
        loaded.toJSON(null, false),
        model.toJSON(null, false),
      );
      model.dispose();
      loaded.dispose();
    }),
);

onCpu("a model replaces another", () =>
  withSavedModel(async (folder) => {
    const model = layers.sequential({
      layers: [layers.layers.dense({ units: 1, inputShape: [1] })],
    });
    await model.save(`file://${folder}`);
    const loaded = await load(folder);
    assertEquals(await weightsOf(loaded), await weightsOf(model));
    assertEquals(await namesIn(folder), ["model.json", "weights.bin"]);
    model.dispose();
    loaded.dispose();
  }));

onCpu("a path may be relative", () =>
  withSavedModel(async (folder) => {
    const path = relative(Deno.cwd(), folder);
    for (const form of [path, `./${path}`]) {
      const loaded = await load(form);
      await loaded.save(`file://${form}/copy`);
      loaded.dispose();
      assertEquals(
        await Deno.readFile(`${folder}/copy/weights.bin`),
        await Deno.readFile(`${folder}/weights.bin`),
      );
    }
  }));

onCpu(
  "all that tfjs says of a model comes back",
  () =>
    withFolder(async (folder) => {
      const described: tf.io.ModelArtifacts = {
        modelTopology: { any: "topology" },
        format: "layers-model",
        generatedBy: "a test",
        convertedBy: null,
        trainingConfig: { optimizer_config: { lr: 1 }, loss: "mse" },
        userDefinedMetadata: { note: { deep: 1 } },
        signature: { inputs: {} },
        weightSpecs: [{ name: "x", shape: [3], dtype: "int32" }],
      };
      await handlerOf(folder).save!({
        ...described,
        weightData: [new Int32Array([1, 2]).buffer, new Int32Array([3]).buffer],
      });
      const { weightData, ...loaded } = await handlerOf(`${folder}/model.json`)
        .load!();
      assertEquals(loaded, described);
      assertEquals(weightData, new Int32Array([1, 2, 3]).buffer);
    }),
);

onCpu("a model without weights comes back", () =>
  withFolder(async (folder) => {
    const artifacts = { modelTopology: { any: "topology" } };
    await handlerOf(folder).save!(artifacts);
    assertEquals(await namesIn(folder), ["model.json"]);
    const loaded = await handlerOf(`${folder}/model.json`).load!();
    assertEquals(loaded.modelTopology, artifacts.modelTopology);
    assertEquals(loaded.weightData, undefined);
  }));

onCpu(
  "a topology that is no JSON is refused",
  () =>
    withFolder(async (folder) => {
      await assertRejects(
        () => handlerOf(folder).save!({ modelTopology: new ArrayBuffer(1) }),
        Error,
        "Expected JSON model topology",
      );
      assertEquals(await namesIn(folder), []);
    }),
);

onCpu(
  "weights come from groups and shards of any size",
  () =>
    withFolder(async (folder) => {
      const values = Float32Array.from({ length: 9 }, (_, i) => i / 3);
      const bytes = new Uint8Array(values.buffer);
      const files: Record<string, Uint8Array> = {
        empty: new Uint8Array(),
        first: bytes.subarray(0, 3),
        second: bytes.subarray(3, 8),
        third: bytes.subarray(8, 28),
        halves: new Uint8Array(new Uint16Array([0x3c00, 0xc000]).buffer),
      };
      for (const [name, data] of Object.entries(files)) {
        await Deno.writeFile(`${folder}/${name}`, data);
      }
      await Deno.writeTextFile(
        `${folder}/model.json`,
        JSON.stringify({
          modelTopology: {},
          weightsManifest: [
            {
              paths: ["empty"],
              weights: [{ name: "e", shape: [0], dtype: "bool" }],
            },
            {
              paths: ["first", "second"],
              weights: [{ name: "a", shape: [2], dtype: "float32" }],
            },
            {
              paths: ["third"],
              weights: [{ name: "b", shape: [5, 1], dtype: "float32" }],
            },
            {
              paths: ["halves"],
              weights: [{
                name: "c",
                shape: [2],
                dtype: "float32",
                quantization: { dtype: "float16" },
              }],
            },
          ],
        }),
      );
      const { weightData, weightSpecs } = await handlerOf(
        `${folder}/model.json`,
      )
        .load!();
      const weights = tf.io.decodeWeights(weightData!, weightSpecs!);
      assertEquals(await weights["a"]!.data(), values.slice(0, 2));
      assertEquals(await weights["b"]!.data(), values.slice(2, 7));
      assertEquals([...await weights["c"]!.data()], [1, -2]);
      tf.dispose(weights);
    }),
);

onCpu(
  "weights that are too short or too long are refused",
  () =>
    withSavedModel(async (folder) => {
      const path = `${folder}/weights.bin`;
      const bytes = await Deno.readFile(path);
      for (
        const wrong of [
          bytes.subarray(1),
          new Uint8Array([...bytes, 0]),
          new Uint8Array(),
        ]
      ) {
        await Deno.writeFile(path, wrong);
        await assertRejects(
          () => load(folder),
          RangeError,
          `${path} should have ${bytes.length} bytes for the weights of ${folder}/model.json, got ${wrong.length}`,
        );
      }
      await Deno.remove(path);
      await assertRejects(() => load(folder), Deno.errors.NotFound, path);
    }),
);

onCpu(
  "a model.json that is none is refused",
  () =>
    withSavedModel(async (folder) => {
      const path = `${folder}/model.json`;
      const json = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, json.slice(0, -1));
      await assertRejects(
        () => load(folder),
        SyntaxError,
        `${path} should be JSON`,
      );
      for (
        const wrong of [
          "null",
          "[]",
          "{}",
          '{"modelTopology":{},"weightsManifest":{}}',
          '{"modelTopology":{},"weightsManifest":[null]}',
          '{"modelTopology":{},"weightsManifest":[{"paths":"a","weights":[]}]}',
          '{"modelTopology":{},"weightsManifest":[{"paths":[],"weights":[null]}]}',
        ]
      ) {
        await Deno.writeTextFile(path, wrong);
        await assertRejects(
          () => load(folder),
          TypeError,
          `${path} should have a modelTopology`,
        );
      }
      await Deno.remove(path);
      await assertRejects(() => load(folder), Deno.errors.NotFound, path);
    }),
);

onCpu(
  "a model is not saved where a file is",
  () =>
    withFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/file`, "here");
      const model = smallModel();
      await assertRejects(
        () => model.save(`file://${folder}/file`),
        Deno.errors.AlreadyExists,
        `${folder}/file`,
      );
      model.dispose();
      assertEquals(await Deno.readTextFile(`${folder}/file`), "here");
    }),
);

onCpu("registering twice leaves one handler", async () => {
  const again = "../../lib/io/file_handler.ts?again";
  await import(again);
  assertEquals(tf.io.getSaveHandlers("file://x").length, 1);
  assertEquals(tf.io.getLoadHandlers("file://x").length, 1);
  for (const url of ["http://x", "indexeddb://x", ["file://x"]]) {
    assert(tf.io.getLoadHandlers(url).every((handler) => handler !== null));
    assertEquals(
      tf.io.getLoadHandlers(url).length,
      url === "http://x" ? 1 : 0,
    );
  }
});
