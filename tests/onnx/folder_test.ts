/** Folders for transformers.js: graphs, configs and texts that continue. @module */
import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  generate,
  lionBert,
  lionEncoder,
  lionGpt,
  lionViT,
  setClassNames,
} from "../../mod.ts";
import { tokenizerOf, trainTokenizer } from "../../lib/data/mod.ts";
import { fromPretrained, savePretrained } from "../../lib/hub/mod.ts";
import type { SaveTransformersJsOptions } from "../../lib/onnx/folder/save_transformers_js.ts";
import { onnxBytes, saveTransformersJs } from "../../lib/onnx/mod.ts";
import { onEachBackend } from "../backends.ts";
import { namesIn, withFolder } from "../io/files.ts";
import { filled, type NdArray, TYPE, zeros } from "./arrays.ts";
import { Interpreter } from "./interpreter.ts";

const TEXTS = ["good fine nice film", "bad awful boring film"];
const tokenizer = trainTokenizer(TEXTS, { vocabularySize: 280 });
const { vocabularySize, encode, specials } = tokenizerOf(tokenizer);
const SIZES = { dim: 16, depth: 2, numHeads: 2, seed: 1 } as const;
const TEXT = { ...SIZES, vocabularySize, variant: "s" } as const;

/** Options that the compiler would not let pass. */
// deno-lint-ignore no-explicit-any
type Unchecked = any;

const readJSON = async (path: string) =>
  JSON.parse(await Deno.readTextFile(path));

const opened = async (path: string) =>
  new Interpreter(await Deno.readFile(path));

const integers = (rows: number[][]): NdArray =>
  filled(TYPE.int64, [rows.length, rows[0]!.length], (i) => rows.flat()[i]!);

/** The largest difference, in parts of the largest value. */
async function error(got: NdArray, wanted: tf.Tensor): Promise<number> {
  const values = await wanted.data();
  assertEquals(got.shape, wanted.shape);
  const scale = Math.max(1e-3, ...values.map(Math.abs));
  return Math.max(...values.map((x, i) => Math.abs(x - got.data[i]!))) / scale;
}

const IDS = [[2, 9, 30, 7, 3], [2, 11, 3, 0, 0]];
const MASK = IDS.map((row) => row.map((id) => Number(id !== 0)));

function predicted(model: LayersModel): tf.Tensor {
  return tf.tidy(() => {
    const [ids, mask] = [
      tf.tensor2d(IDS, undefined, "int32"),
      tf.tensor2d(MASK),
    ];
    return model.predict([ids, mask]) as tf.Tensor;
  });
}

const feeds = { input_ids: integers(IDS), attention_mask: integers(MASK) };

onEachBackend(
  "a classifier's folder serves transformers.js and fromPretrained()",
  () =>
    withFolder(async (folder) => {
      const options = { ...TEXT, numClasses: 2, maxLength: 20 };
      const model = lionEncoder(options);
      setClassNames(model, ["bad", "good"]);
      const config = {
        ...{ model_type: "lion", architecture: "lionEncoder" } as const,
        options,
      };
      const task = "text-classification" as const;
      const save = () =>
        saveTransformersJs(folder, {
          ...{
            model,
            task,
            tokenizer,
            config,
            weights: ["f32", "f16", "int8"],
          },
        });
      await save();
      const wanted = predicted(model);
      const check = async () => {
        assertEquals(await namesIn(folder), [
          ...["README.md", "config.json", "model.safetensors", "onnx"],
          ...["tokenizer.json", "tokenizer_config.json"],
        ]);
        assertEquals(await namesIn(`${folder}/onnx`), [
          ...["model.onnx", "model_fp16.onnx", "model_quantized.onnx"],
        ]);
        for (
          const [name, most] of [
            ["model", 1e-5],
            ["model_fp16", 2e-3],
            ["model_quantized", 0.1],
          ] as const
        ) {
          const graph = await opened(`${folder}/onnx/${name}.onnx`);
          const { logits } = graph.run(feeds);
          assertLess(await error(logits!, wanted), most);
        }
        const file = await readJSON(`${folder}/config.json`);
        assertEquals(file.model_type, "bert");
        assertEquals(file.id2label, { 0: "bad", 1: "good" });
        assertEquals(file.lion.options, options);
        const tokens = await readJSON(`${folder}/tokenizer_config.json`);
        assertEquals(tokens.pad_token, "[PAD]");
        assertEquals(tokens.model_max_length, 20);
        const readme = await Deno.readTextFile(`${folder}/README.md`);
        assertStringIncludes(readme, "It is no BertForSequenceClassification");
        const read = await fromPretrained(folder);
        assertEquals(read.config, { ...config, ...labels });
        assertEquals(read.tokenizer!.encode("good"), encode("good"));
        const again = predicted(read.model);
        assertEquals(await again.data(), await wanted.data());
        again.dispose();
        read.model.dispose();
      };
      const labels = {
        id2label: { 0: "bad", 1: "good" },
        label2id: { bad: 0, good: 1 },
      };
      await check();
      // In either order, and each once more.
      await savePretrained(folder, { model, config, tokenizer });
      await check();
      await Deno.remove(folder, { recursive: true });
      await savePretrained(folder, { model, config, tokenizer });
      const given = { model, task, weights: ["f32", "f16", "int8"] } as const;
      await saveTransformersJs(folder, given);
      await check();
      // Another model's weights are not what the config would say.
      const other = lionEncoder({ ...options, depth: 1 });
      await assertRejects(
        () => saveTransformersJs(folder, { ...given, model: other }),
        RangeError,
        "folder has the weights of another model",
      );
      await check();
      await Deno.writeTextFile(`${folder}/README.md`, "mine");
      await saveTransformersJs(folder, { model, task, weights: ["int8"] });
      assertEquals(await Deno.readTextFile(`${folder}/README.md`), "mine");
      assertEquals(await namesIn(`${folder}/onnx`), ["model_quantized.onnx"]);
      const { "transformers.js_config": how } = await readJSON(
        `${folder}/config.json`,
      );
      assertEquals(how, { dtype: "q8" });
      tf.dispose(wanted);
      model.dispose();
      other.dispose();
    }),
  ["wasm"],
);

onEachBackend(
  "weights in 8 bits take at most 0.27 of the bytes",
  async () => {
    // Of smaller ones, the graph itself is a part.
    const wide = { dim: 256, depth: 1, numHeads: 4, vocabularySize: 2000 };
    const model = lionEncoder({
      ...{ ...wide, variant: "s", numClasses: 3, maxLength: 64 },
    });
    const [whole, small] = await Promise.all(
      (["f32", "int8"] as const).map((weights) =>
        onnxBytes(model, { weights })
      ),
    );
    assertLess(small!.model.length, 0.27 * whole!.model.length);
    model.dispose();
  },
  ["wasm"],
);

onEachBackend(
  "features, masked words and images have their pipelines' names",
  () =>
    withFolder(async (folder) => {
      const tokens = lionEncoder({ ...TEXT, numClasses: 3, output: "tokens" });
      const pooled = lionEncoder({ ...TEXT, numClasses: 3 });
      const task = "feature-extraction" as const;
      for (
        const [model, layer, width] of [
          [tokens, undefined, 3],
          [pooled, undefined, 16],
          [pooled, "blocks.0", 16],
        ] as const
      ) {
        await saveTransformersJs(folder, {
          ...{ model, task, tokenizer, layer, weights: ["f32"] },
        });
        const graph = await opened(`${folder}/onnx/model.onnx`);
        const { last_hidden_state: y } = graph.run(feeds);
        assertEquals(y!.shape, [2, 5, width]);
        if (model !== tokens) continue;
        const wanted = predicted(tokens);
        assertLess(await error(y!, wanted), 1e-5);
        wanted.dispose();
      }
      const bert = lionBert({ ...TEXT, maxLength: 32 });
      await saveTransformersJs(folder, {
        ...{ model: bert, task: "fill-mask", tokenizer, weights: ["f32"] },
      });
      const words = await opened(`${folder}/onnx/model.onnx`);
      const token_type_ids = integers(IDS.map((row) => row.map(() => 0)));
      const { logits } = words.run({ ...feeds, token_type_ids });
      assertEquals(logits!.shape, [2, 5, vocabularySize]);
      assertEquals(
        (await readJSON(`${folder}/tokenizer_config.json`)).mask_token,
        "[MASK]",
      );
      const vit = lionViT({
        ...{ ...SIZES, variant: "s", imageSize: 8, patchSize: 4 },
        numClasses: 3,
      });
      await saveTransformersJs(`${folder}/vit`, {
        ...{ model: vit, task: "image-classification", weights: ["f32"] },
        preprocessing: {
          transform: [{ step: "square", size: 8, interpolation: "bilinear" }],
          ...{ mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] },
        },
      });
      const images = await opened(`${folder}/vit/onnx/model.onnx`);
      // Channels come first there.
      const pixel_values = filled(TYPE.float, [1, 3, 8, 8], Math.sin);
      const seen = images.run({ pixel_values });
      const wanted = tf.tidy(() => {
        const x = tf.tensor4d(pixel_values.data as Float32Array, [1, 3, 8, 8]);
        return vit.predict(tf.transpose(x, [0, 2, 3, 1])) as tf.Tensor;
      });
      assertLess(await error(seen["logits"]!, wanted), 1e-5);
      const config = await readJSON(`${folder}/vit/config.json`);
      assertEquals(config.model_type, "vit");
      assertEquals(config.id2label[2], "LABEL_2");
      wanted.dispose();
      for (const model of [tokens, pooled, bert, vit]) model.dispose();
    }),
  ["wasm"],
);

onEachBackend(
  "texts continue from states of constant size as generate() continues them",
  () =>
    withFolder(async (folder) => {
      for (const variant of ["s", "gated-delta", "rwkv7", "mlstm"] as const) {
        const model = lionGpt({ ...TEXT, variant, depth: 1 });
        for (const weight of model.trainableWeights) {
          // At their first values all tokens are equally likely.
          const value = weight.read() as tf.Variable;
          const moved = tf.tidy(() =>
            tf.add(value, tf.randomNormal(value.shape, 0, 0.3, "float32", 5))
          );
          value.assign(moved);
          moved.dispose();
        }
        const prompt = encode("good nice");
        const options = { maxNewTokens: 5, temperature: 0 };
        const wanted = await generate(model, prompt, options);
        await saveTransformersJs(folder, {
          ...{ model, task: "text-generation", tokenizer, weights: ["f32"] },
        });
        const graph = await opened(`${folder}/onnx/model.onnx`);
        assertEquals(continued(graph, prompt, 5), wanted);
        const config = await readJSON(`${folder}/config.json`);
        assertEquals(config.model_type, "granitemoehybrid");
        assertEquals(config.num_hidden_layers, 1);
        assertEquals(config.eos_token_id, specials.sep);
        model.dispose();
      }
    }),
  ["wasm"],
);

/** Reads a prompt and then its likeliest tokens, as transformers.js carries caches. */
function continued(
  graph: Interpreter,
  prompt: readonly number[],
  count: number,
): number[] {
  let caches: Record<string, NdArray> = {};
  for (const { name, type } of graph.model.graph!.input) {
    if (!name.startsWith("past_")) continue;
    const shape = type!.value.value!.shape!.dim.map(({ value }) =>
      value.case === "dimValue"
        ? Number(value.value)
        : Number(value.value === "batch_size")
    );
    caches[name] = zeros(TYPE.float, shape);
  }
  let next = [...prompt], read = 0;
  const found: number[] = [];
  while (found.length < count) {
    const outputs = graph.run({
      input_ids: integers([next]),
      position_ids: integers([next.map((_, i) => read + i)]),
      ...caches,
    });
    read += next.length;
    const logits = outputs["logits"]!.data.slice(-vocabularySize);
    const likeliest = logits.indexOf(Math.max(...logits));
    found.push(likeliest);
    next = [likeliest];
    const sizes = Object.entries(caches);
    caches = Object.fromEntries(
      sizes.map(([name]) => [
        name,
        outputs[
          name.replace("past_key_values", "present").replace(
            /^past/,
            "present",
          )
        ]!,
      ]),
    );
    const { shape } = caches["past_key_values.0.key"]!;
    assertEquals(shape, [1, 1, read, 1]);
    for (const [name, before] of sizes) {
      if (name.startsWith("past_key_values")) continue;
      assertEquals(caches[name]!.shape, before.shape);
    }
  }
  return found;
}

onEachBackend(
  "what a pipeline could not run is refused before a file exists",
  () =>
    withFolder(async (folder) => {
      const text = lionEncoder({ ...TEXT, numClasses: 3 });
      const packed = lionEncoder({
        ...{ ...TEXT, numClasses: 3, segments: true, maxSegments: 2 },
      });
      const softmax = lionGpt({ ...TEXT, variant: "softmax" });
      const numbers = lionEncoder({
        ...{ ...SIZES, variant: "s", inputDim: 2, numClasses: 3 },
      });
      const base = { model: text, task: "text-classification", tokenizer };
      const noMask = JSON.parse(
        JSON.stringify(tokenizer).replaceAll("[MASK]", "[OTHER]"),
      );
      const wrong: [Unchecked, typeof TypeError | typeof RangeError, string][] =
        [
          [{ ...base, tasks: 1 }, TypeError, 'has no option "tasks"'],
          [{ ...base, task: "translation" }, RangeError, "task should be"],
          [{ ...base, model: 1 }, TypeError, "saveTransformersJs's model"],
          [{ ...base, weights: [] }, TypeError, "weights should be a list"],
          [{ ...base, weights: ["q4"] }, RangeError, 'got "q4"'],
          [
            { ...base, tokenizer: undefined },
            TypeError,
            "tokenizer should be one",
          ],
          [
            { ...base, preprocessing: {} },
            RangeError,
            "preprocessing is for models of images",
          ],
          [{ ...base, layer: "norm" }, RangeError, "layer is for task"],
          [{ ...base, model: packed }, RangeError, 'got "segments"'],
          [
            { ...base, model: numbers },
            RangeError,
            'should have an input "ids"',
          ],
          [
            { ...base, model: softmax },
            RangeError,
            "an output of two classes or more",
          ],
          [{ ...base, task: "fill-mask" }, RangeError, "an output per token"],
          [
            { ...base, model: softmax, task: "fill-mask", tokenizer: noMask },
            RangeError,
            "a special token for mask",
          ],
          [
            { ...base, model: softmax, task: "text-generation" },
            RangeError,
            "got ones that grow with the text",
          ],
          [
            { ...base, model: text, task: "text-generation" },
            RangeError,
            'got "mask"',
          ],
          [
            { ...base, task: "feature-extraction", layer: "block" },
            RangeError,
            "layer should be the name of one of the model's layers",
          ],
        ];
      for (const [options, kind, message] of wrong) {
        await assertRejects(
          () =>
            saveTransformersJs(
              `${folder}/m`,
              options as SaveTransformersJsOptions,
            ),
          kind,
          message,
        );
        const left = await namesIn(`${folder}/m`).catch(() => []);
        assertEquals(left, [], message);
      }
      assert(specials.mask > 0);
      for (const model of [text, packed, softmax, numbers]) model.dispose();
    }),
  ["wasm"],
);
