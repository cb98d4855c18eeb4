import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { relative } from "node:path";
import "../../lib/io/mod.ts";
import { uniform } from "../random.ts";
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

/** The one file of weights of a folder. */
async function weightsFileIn(folder: string): Promise<string> {
  const [json, name, ...others] = await namesIn(folder);
  assertEquals([json, others], ["model.json", []]);
  assert(/^weights-[0-9a-f]{16}\.bin$/.test(name!), name);
  return name!;
}

/** Changes what a folder's `model.json` says, as a person would. */
async function editModel(
  folder: string,
  change: (model: Record<string, unknown>) => void,
): Promise<void> {
  const path = `${folder}/model.json`;
  const model = JSON.parse(await Deno.readTextFile(path));
  delete model.sha256;
  change(model);
  await Deno.writeTextFile(path, JSON.stringify(model));
}

onCpu(
  "a model comes back with its weights and topology",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/new/folder`;
      const model = smallModel();
      const { modelArtifactsInfo } = await model.save(`file://${path}`);
      assertEquals(modelArtifactsInfo.weightDataBytes, 4 * (12 + 4 + 8 + 2));
      const weights = await weightsFileIn(path);
      const json = JSON.parse(await Deno.readTextFile(`${path}/model.json`));
      assertEquals(json.format, "layers-model");
      assertEquals(json.convertedBy, null);
      assertEquals(json.weightsManifest[0].paths, [weights]);
      assertEquals(Object.keys(json).sort(), [
        "convertedBy",
        "format",
        "generatedBy",
        "modelTopology",
        "sha256",
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
    await weightsFileIn(folder);
    model.dispose();
    loaded.dispose();
  }));

onCpu(
  "a model replaces one with weights.bin, and leaves other files",
  () =>
    withSavedModel(async (folder) => {
      const old = await weightsFileIn(folder);
      await Deno.rename(`${folder}/${old}`, `${folder}/weights.bin`);
      await editModel(folder, (model) => {
        Object.assign(Object(model["weightsManifest"])[0], {
          paths: ["weights.bin"],
        });
      });
      const model = await load(folder);
      await Deno.mkdir(`${folder}/notes`);
      await model.save(`file://${folder}`);
      // The same weights have the same name.
      assertEquals(await namesIn(folder), ["model.json", "notes", old]);
      await model.save(`file://${folder}`);
      assertEquals(await namesIn(folder), ["model.json", "notes", old]);
      model.dispose();
    }),
);

onCpu("a path may be relative", () =>
  withSavedModel(async (folder) => {
    const weights = await weightsFileIn(folder);
    const path = relative(Deno.cwd(), folder);
    for (const form of [path, `./${path}`]) {
      const loaded = await load(form);
      await loaded.save(`file://${form}/copy`);
      loaded.dispose();
      assertEquals(
        await Deno.readFile(`${folder}/copy/${weights}`),
        await Deno.readFile(`${folder}/${weights}`),
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
      const path = `${folder}/${await weightsFileIn(folder)}`;
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
      await assertRejects(() => load(folder), Error, path);
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
      await assertRejects(() => load(folder), Error, path);
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
        Error,
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

onCpu(
  "a model whose weights are elsewhere is refused",
  () =>
    withSavedModel(async (folder) => {
      const name = await weightsFileIn(folder);
      await Deno.mkdir(`${folder}/model/parts`, { recursive: true });
      await Deno.copyFile(`${folder}/${name}`, `${folder}/model/parts/${name}`);
      await Deno.rename(`${folder}/model.json`, `${folder}/model/model.json`);
      const useFile = (file: unknown) =>
        editModel(`${folder}/model`, (model) => {
          Object.assign(Object(model["weightsManifest"])[0], { paths: [file] });
        });
      for (
        const file of [
          `../${name}`,
          `parts/../../${name}`,
          `..\\${name}`,
          `${folder}/${name}`,
          `\\\\host\\${name}`,
          `C:\\${name}`,
          `file://${folder}/${name}`,
          "",
          7,
          null,
        ]
      ) {
        await useFile(file);
        await assertRejects(
          () => load(`${folder}/model`),
          RangeError,
          `${folder}/model/model.json should have its weights in its own folder, got ${
            JSON.stringify(file)
          }`,
        );
      }
      await useFile(`parts/${name}`);
      (await load(`${folder}/model`)).dispose();
    }),
);

onCpu(
  "whoever reads a model while it is saved gets one that was",
  () =>
    withFolder(async (folder) => {
      const models = Array.from({ length: 3 }, smallModel);
      const saved = await Promise.all(
        models.map(async (model) => JSON.stringify(await weightsOf(model))),
      );
      await models[0]!.save(`file://${folder}`);
      const seen = new Set<string>();
      let saving = true;
      const writer = (async () => {
        for (let i = 0; i < 60; i++) {
          await models[i % models.length]!.save(`file://${folder}`);
        }
        saving = false;
      })();
      const readers = Array.from({ length: 3 }, async () => {
        while (saving) {
          const loaded = await load(folder);
          seen.add(JSON.stringify(await weightsOf(loaded)));
          loaded.dispose();
        }
      });
      await Promise.all([writer, ...readers]);
      assert(seen.size > 1);
      for (const weights of seen) assert(saved.includes(weights));
      await weightsFileIn(folder);
      models.forEach((model) => model.dispose());
    }),
);

onCpu(
  "a process that is killed while it saves leaves a model that is whole",
  () =>
    withFolder(async (folder) => {
      const script = `
      import "./lib/io/mod.ts";
      import * as tf from "@tensorflow/tfjs-core";
      for (let i = 0;; i = (i + 1) % 256) {
        const [handler] = tf.io.getSaveHandlers("file://${folder}");
        await handler.save({
          modelTopology: { number: i },
          weightSpecs: [{ name: "x", shape: [1000], dtype: "bool" }],
          weightData: new Uint8Array(1000).fill(i).buffer,
        });
        console.log(i);
      }
    `;
      const random = uniform(3);
      for (let kill = 0; kill < 10; kill++) {
        const child = new Deno.Command(Deno.execPath(), {
          args: ["eval", "--no-check", script],
          cwd: new URL("../..", import.meta.url),
          stdout: "piped",
        }).spawn();
        const reader = child.stdout.getReader();
        await reader.read();
        await new Promise((resolve) => setTimeout(resolve, 30 * random()));
        child.kill("SIGKILL");
        await child.status;
        await reader.cancel();
        const { modelTopology, weightData } = await handlerOf(
          `${folder}/model.json`,
        ).load!();
        const { number } = modelTopology as { number: number };
        const bytes = new Uint8Array(weightData as ArrayBuffer);
        assertEquals(bytes, new Uint8Array(1000).fill(number));
      }
    }),
);

onCpu(
  "no damage of a saved model goes unnoticed",
  () =>
    withSavedModel(async (folder) => {
      const whole = await load(folder);
      const expected = JSON.stringify([
        whole.toJSON(null, false),
        await weightsOf(whole),
      ]);
      whole.dispose();
      const names = await namesIn(folder);
      const random = uniform(9);
      const tries = Number(Deno.env.get("LION_FUZZ") ?? 1000);
      let refused = 0;
      for (let i = 0; i < tries; i++) {
        const path = `${folder}/${names[i % names.length]}`;
        const bytes = await Deno.readFile(path);
        const at = Math.floor(random() * bytes.length);
        const changed = bytes.slice();
        changed[at]! += 1 + Math.floor(255 * random());
        await Deno.writeFile(
          path,
          random() < 0.2 ? bytes.subarray(0, at) : changed,
        );
        try {
          const loaded = await load(folder);
          // A space more in the JSON, or a checksum of another name.
          assertEquals(
            JSON.stringify([
              loaded.toJSON(null, false),
              await weightsOf(loaded),
            ]),
            expected,
          );
          loaded.dispose();
        } catch (error) {
          refused++;
          assert(`${error}`.includes(folder), `${error}`);
        }
        await Deno.writeFile(path, bytes);
      }
      assert(refused > 0.95 * tries, `${refused} of ${tries}`);
      console.log(`${tries} damages, accidents: 0`);
    }),
);

onCpu(
  "a folder in place of its model.json is an error that names the file",
  async () => {
    await withSavedModel(async (folder) => {
      for (const path of [folder, `${folder}/`]) {
        await assertRejects(
          () => layers.loadLayersModel(`file://${path}`),
          TypeError,
          `file://${path} should be the model.json of a model, got a folder; load file://${folder}/model.json`,
        );
      }
    });
  },
);
