/** Models of packages: what they export, where bundlers moved it, and their names. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { pathToFileURL } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { fromPretrained, savePretrained } from "../../lib/hub/mod.ts";
import { lionEncoder } from "../../mod.ts";
import { onCpu, withFolder } from "../io/files.ts";

const OPTIONS = {
  ...{ inputDim: 2, dim: 4, depth: 1, numHeads: 1, numClasses: 2 },
  variant: "lit",
} as const;

async function answerOf(model: LayersModel): Promise<number[]> {
  const inputs = [tf.ones([1, 3, 2]), tf.ones([1, 3])];
  const answer = model.predict(inputs) as tf.Tensor;
  const values = [...await answer.data()];
  tf.dispose([...inputs, answer]);
  return values;
}

/** Saves a model into a folder; returns what it answers. */
async function save(folder: string): Promise<number[]> {
  const model = lionEncoder({ ...OPTIONS, seed: 3 });
  const config = {
    model_type: "lion",
    architecture: "lionEncoder",
    options: OPTIONS,
  } as const;
  await savePretrained(folder, { model, config });
  const answer = await answerOf(model);
  model.dispose();
  return answer;
}

onCpu(
  "fromPretrained() takes what a package exports, and files that were moved",
  () =>
    withFolder(async (folder) => {
      const answer = await save(folder);
      const url = pathToFileURL(`${folder}/`);
      const task = "test";
      const { model } = await fromPretrained({ url, task });
      assertEquals(await answerOf(model), answer);
      model.dispose();

      const bytes = await Deno.readFile(`${folder}/model.safetensors`);
      const config = await Deno.readTextFile(`${folder}/config.json`);
      const files = {
        "config.json": new URL("https://page.test/assets/config-1.json"),
        "model.safetensors": new URL("https://page.test/assets/model-2.bin"),
      };
      const asked: string[] = [];
      const moved = await fromPretrained(
        { url: new URL("https://page.test/"), task, files },
        {
          fetch: ((at: string | URL) => {
            asked.push(String(at));
            const isConfig = String(at) === files["config.json"].href;
            const isWeights = String(at) === files["model.safetensors"].href;
            return Promise.resolve(
              isConfig || isWeights
                ? new Response(isConfig ? config : bytes)
                : new Response(null, { status: 404 }),
            );
          }) as typeof fetch,
        },
      );
      assertEquals(await answerOf(moved.model), answer);
      // What is not listed is not asked for.
      assertEquals(
        new Set(asked),
        new Set(Object.values(files).map(({ href }) => href)),
      );
      moved.model.dispose();
    }),
);

const PROGRAM = new URL("package_process.ts", import.meta.url).pathname;

onCpu(
  "fromPretrained() finds packages by their names, and never asks the hub for them",
  () =>
    withFolder(async (folder) => {
      await save(`${folder}/node_modules/@lionjs/made-up`);
      const inside = `${folder}/deep/inside`;
      await Deno.mkdir(inside, { recursive: true });
      const load = async (name: string) => {
        const { stdout } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--no-check", PROGRAM, name],
          cwd: inside,
        }).output();
        return new TextDecoder().decode(stdout).trim();
      };
      const model = lionEncoder(OPTIONS);
      assertEquals(await load("@lionjs/made-up"), `${model.countParams()}`);
      model.dispose();
      assertStringIncludes(
        await load("@lionjs/none"),
        'RangeError: fromPretrained\'s first argument should be a package in node_modules, got "@lionjs/none"',
      );
    }),
);
