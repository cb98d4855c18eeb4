/**
 * Exported models in ONNX Runtime, for Node and for pages, and in transformers.js.
 *
 * Their packages are in no manifest, since they take 600 MB: npm puts them into a folder
 * of `out`, where they stay.
 *
 * @module
 */
import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { createRequire } from "node:module";
import * as tf from "@tensorflow/tfjs-core";
import { type LayersModel, loadLayersModel } from "@tensorflow/tfjs-layers";
import {
  generate,
  lionBert,
  lionEncoder,
  lionGpt,
  lionViT,
  useBackend,
} from "../../mod.ts";
import {
  collateTokens,
  datasetOf,
  padTokens,
  shuffledBatches,
  type Tokenizer,
  type TokenizerFile,
  tokenizerOf,
  trainTokenizer,
} from "../../lib/data/mod.ts";
import { ATTENTION_VARIANTS } from "../../lib/layers/mod.ts";
import "../../lib/io/mod.ts";
import type { ExportOnnxOptions } from "../../lib/onnx/export.ts";
import { exportOnnx, saveTransformersJs } from "../../lib/onnx/mod.ts";
import { crossEntropy, train } from "../../lib/training/mod.ts";
import { outFolder } from "../../tools/out_folder.ts";
import { serveLocally } from "../../tools/server/loopback.ts";
import { fileAnswer } from "../../tools/server/static_files.ts";
import { withFolder } from "../io/files.ts";
import { writeReviews } from "../own_data/own_files.ts";
import { CHROMIUM, KEEPS_BROWSER, launch } from "../platforms/chromium.ts";
import {
  ROOT,
  skipBecause,
  succeed,
  whyNoNpm,
  writeFiles,
} from "../platforms/shell.ts";
import { TYPE } from "./arrays.ts";
import { callsOf, type Sizes, stir } from "./exported.ts";

const PACKAGES = {
  "onnxruntime-node": "1.30.0",
  "onnxruntime-web": "1.30.0",
  "@huggingface/transformers": "4.3.1",
};

/** Node's version, of which npm has a package. */
const NODE = "node@24";

/** The largest error, in parts of the largest value. */
const TOLERANCE = 1e-5;

/** Lengths at the ends of chunks of 16 and 64 tokens, the last far behind. */
const LENGTHS: readonly Sizes[] = [
  ...[[1, 1], [2, 15], [3, 16], [2, 17], [1, 63], [2, 64], [1, 65]] as const,
  ...[[2, 127], [1, 128], [2, 129], [1, 1000]] as const,
];

const SIZE = { dim: 16, depth: 1, numHeads: 2, seed: 1 } as const;
const TEXT = { ...SIZE, vocabularySize: 20 } as const;

const noNpm = skipBecause("runtimes of ONNX", await whyNoNpm());

/** Where the packages are, which are installed the first time. */
async function installed(): Promise<string> {
  const { pathname } = outFolder("onnx");
  const folder = pathname.replace(/\/$/, "");
  await Deno.mkdir(folder, { recursive: true });
  const manifest = JSON.stringify({
    type: "module",
    dependencies: PACKAGES,
  });
  const file = `${folder}/package.json`;
  const known = await Deno.readTextFile(file).catch(() => "");
  if (known !== manifest) {
    await writeFiles(folder, { "package.json": manifest });
    // A script of onnxruntime-node's would fetch CUDA's libraries.
    const options = ["--ignore-scripts", "--no-audit", "--no-fund"];
    try {
      await succeed("npm", ["install", ...options], folder);
    } catch (error) {
      await Deno.remove(file);
      throw error;
    }
  }
  for await (const { name } of Deno.readDir(`${ROOT}tests/onnx/programs`)) {
    const program = `${ROOT}tests/onnx/programs/${name}`;
    await Deno.copyFile(program, `${folder}/${name}`);
  }
  return folder;
}

/** Runs a program in Node; returns what it answers. */
async function node<T>(folder: string, ...args: string[]): Promise<T> {
  const command = ["-y", "-p", NODE, "node", ...args];
  const printed = await succeed("npx", command, folder);
  return JSON.parse(printed.trim().split("\n").at(-1)!);
}

/** A file, and what is to be computed with it. */
interface Case {
  readonly name: string;
  readonly model: LayersModel;
  readonly options?: ExportOnnxOptions;
  readonly sizes?: readonly Sizes[];
}

/** Models of a mixer: bidirectional with padding, packed, and causal, in all forms. */
function casesOf(variant: typeof ATTENTION_VARIANTS[number]): Case[] {
  const encoder = lionEncoder({ ...TEXT, numClasses: 3, variant });
  const packed = lionEncoder({
    ...{ ...TEXT, numClasses: 3, variant, maxLength: 1000 },
    ...{ segments: true, maxSegments: 3 },
  });
  const cases: Case[] = [
    { name: `${variant} chunkwise`, model: encoder },
    {
      name: `${variant} contrib`,
      ...{ model: encoder, options: { form: "contrib" } },
    },
    {
      // Its matrix of all pairs is for short sequences.
      name: `${variant} full`,
      ...{ model: encoder, options: { form: "full" } },
      sizes: LENGTHS.filter(([, length]) => length < 1000),
    },
    { name: `${variant} packed`, model: packed },
  ];
  if (variant === "hydra") return cases;
  const causal = lionGpt({ ...TEXT, variant, maxLength: 1000 });
  return [...cases, { name: `${variant} causal`, model: causal }];
}

/** Writes files and what is to be computed with them. */
async function writeCases(folder: string, cases: Case[]): Promise<void> {
  const files = [];
  for (const model of new Set(cases.map(({ model }) => model))) stir(model);
  for (const { name, model, options, sizes = LENGTHS } of cases) {
    const file = `${name.replaceAll(" ", "_")}.onnx`;
    const path = `${folder}/${file}`;
    const { inputs } = await exportOnnx(model, path, options);
    const names = inputs.map(({ name }) => name);
    const calls = [];
    for (const each of sizes) {
      const { feeds, wanted } = await callsOf(model, names, each);
      const given = Object.entries(feeds).map(([name, value]) => [name, {
        isInteger: value.type === TYPE.int64,
        ...{ dims: value.shape, values: [...value.data] },
      }]);
      calls.push({ feeds: Object.fromEntries(given), wanted });
    }
    files.push({ name: file, calls });
  }
  await Deno.writeTextFile(`${folder}/calls.json`, JSON.stringify(files));
  for (const model of new Set(cases.map(({ model }) => model))) model.dispose();
}

/** Throws if one of the files is not right in a runtime. */
async function assertErrors(
  runtime: string,
  folder: string,
  most: (name: string) => number = () => TOLERANCE,
): Promise<void> {
  const errors = await node<Record<string, number | string>>(
    await installed(),
    ...["runtime.mjs", runtime, folder],
  );
  const wrong = Object.entries(errors).filter(([name, error]) =>
    typeof error === "string" || error > most(name)
  );
  assertEquals(wrong, []);
  const worst = Math.max(...Object.values(errors) as number[]);
  console.log(`${runtime}: ${Object.keys(errors).length} files, ${worst}`);
}

for (const variant of ATTENTION_VARIANTS) {
  Deno.test({
    name: `${variant} in ONNX Runtime is what the library computes`,
    ignore: noNpm,
    fn: () =>
      withFolder(async (folder) => {
        await useBackend({ prefer: ["wasm"] });
        await writeCases(folder, casesOf(variant));
        await assertErrors("onnxruntime-node", folder);
      }),
  });
}

Deno.test({
  name: "models of all kinds, and weights in fewer bits, in ONNX Runtime",
  ignore: noNpm,
  fn: () =>
    withFolder(async (folder) => {
      await useBackend({ prefer: ["wasm"] });
      const wide = { ...TEXT, dim: 64, vocabularySize: 200, numClasses: 3 };
      const encoder = lionEncoder({ ...wide, variant: "s" });
      const sizes = LENGTHS.slice(0, 6);
      await writeCases(folder, [
        {
          name: "bert",
          model: lionBert({ ...TEXT, variant: "s", maxLength: 1000 }),
        },
        {
          name: "vit",
          model: lionViT({
            ...{ ...SIZE, variant: "s", imageSize: 16, patchSize: 4 },
            ...{ numClasses: 3, order: "snake" },
          }),
          sizes: [[1, 1], [3, 1]],
        },
        {
          name: "alternate",
          model: lionEncoder({
            ...{ ...TEXT, depth: 2, numClasses: 3, variant: "s" },
            ...{ direction: "alternate", output: "tokens" },
          }),
        },
        ...(["f32", "f16", "int8"] as const).flatMap((weights) =>
          [true, false].map((externalData): Case => ({
            name: `${weights} ${externalData ? "apart" : "inside"}`,
            ...{ model: encoder, options: { weights, externalData }, sizes },
          }))
        ),
      ]);
      const most = (name: string) =>
        name.startsWith("f16")
          ? 5e-3
          : name.startsWith("int8")
          ? 0.1
          : TOLERANCE;
      await assertErrors("onnxruntime-node", folder, most);
      const size = async (name: string) =>
        (await Deno.stat(`${folder}/${name}.onnx`)).size;
      assertLess(await size("f16_inside"), await size("f32_inside"));
      assertLess(await size("int8_inside"), await size("f16_inside"));
    }),
});

Deno.test({
  name: "ONNX Runtime's WebAssembly computes the same",
  ignore: noNpm,
  fn: () =>
    withFolder(async (folder) => {
      await useBackend({ prefer: ["wasm"] });
      const variants = ["s", "gla", "gated-delta", "softmax", "vim"] as const;
      const cases = variants.flatMap(casesOf);
      const sizes = LENGTHS.slice(0, 7);
      await writeCases(folder, cases.map((one) => ({ ...one, sizes })));
      await assertErrors("onnxruntime-web", folder);
    }),
});

/** What is imported of ONNX Runtime for Node, as far as it is used here. */
interface Runtime {
  readonly InferenceSession: {
    create(path: string): Promise<{
      run(feeds: Readonly<Record<string, object>>): Promise<{
        readonly logits: {
          readonly data: Float32Array;
          readonly dims: readonly number[];
        };
      }>;
    }>;
  };
  readonly Tensor: new (
    type: "int64",
    values: BigInt64Array,
    shape: readonly number[],
  ) => object;
}

Deno.test({
  name: "a teacher in ONNX Runtime teaches what it teaches here",
  ignore: noNpm,
  // ONNX Runtime keeps its threads.
  sanitizeResources: false,
  fn: () =>
    withFolder(async (folder) => {
      await useBackend({ prefer: ["wasm"] });
      const make = (seed: number) =>
        lionEncoder({ ...TEXT, seed, numClasses: 3, variant: "s" });
      const model = make(2);
      stir(model, 0.3);
      const path = `${folder}/teacher.onnx`;
      await exportOnnx(model, path);
      const load = createRequire(`${await installed()}/package.json`);
      const { InferenceSession, Tensor }: Runtime = load("onnxruntime-node");
      const session = await InferenceSession.create(path);
      const int64 = async (x: tf.Tensor) =>
        new Tensor(
          "int64",
          BigInt64Array.from(await x.data(), BigInt),
          x.shape,
        );
      const elsewhere = async ([ids, mask]: readonly tf.Tensor[]) => {
        const { logits } = await session.run({
          input_ids: await int64(ids!),
          attention_mask: await int64(mask!),
        });
        return tf.tensor(logits.data, [...logits.dims]);
      };
      const examples = Array.from({ length: 12 }, (_, i) => ({
        ids: Array.from({ length: 3 + i % 4 }, (_, j) => (7 * i + j) % 20),
        label: i % 3,
      }));
      const losses = [];
      for (const teacher of [model, elsewhere]) {
        const student = make(3);
        const data = shuffledBatches(datasetOf(examples), {
          ...{ batchSize: 4, seed: 1, collate: collateTokens() },
        });
        const result = await train(student, data, {
          ...{ steps: 6, loss: crossEntropy(), progress: false },
          distillation: { teacher, labels: "soft", weight: 1 },
        });
        losses.push(result.losses);
        student.dispose();
      }
      const [here, there] = losses as [readonly number[], readonly number[]];
      here.forEach((loss, i) => assertAlmostEquals(there[i]!, loss, 1e-5));
      model.dispose();
    }),
});

const TEXTS = [
  "good fine nice film",
  "bad awful boring film",
  "not bad at all",
];

/** Language models whose texts are continued. */
const GENERATORS = [
  "s",
  "lit",
  "d",
  "gla",
  "mamba2",
  "gated-delta",
  "rwkv7",
] as const;

/** What `deno task train --data` makes of short reviews, which ends in seconds. */
async function trainOnReviews() {
  const folder = await Deno.makeTempDir();
  try {
    await writeReviews(`${folder}/reviews.csv`, 40);
    await succeed(Deno.execPath(), [
      ...["task", "train", "--data", `${folder}/reviews.csv`],
      ...["--output", `${folder}/out`, "--dim", "16", "--depth", "1"],
      ...["--heads", "2", "--length", "24", "--rate", "0.01"],
      ...["--batch-size", "8", "--epochs", "2"],
    ], ROOT);
    const file = await Deno.readTextFile(`${folder}/out/tokenizer.json`);
    return {
      model: await loadLayersModel(`file://${folder}/out/model/model.json`),
      tokenizer: JSON.parse(file) as TokenizerFile,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Folders for all pipelines, and what they should answer. */
async function writeFolders(root: string) {
  await useBackend({ prefer: ["wasm"] });
  const tokenizer = trainTokenizer(TEXTS, { vocabularySize: 300 });
  const known = tokenizerOf(tokenizer);
  const { vocabularySize } = known;
  const sizes = { ...SIZE, dim: 32, variant: "s", vocabularySize } as const;
  const weights = ["f32", "f16", "int8"] as const;
  const read = ({ encodeWithSpecials }: Tokenizer) => {
    const { ids, mask } = padTokens(
      TEXTS.map((text) => encodeWithSpecials(text).ids),
    );
    return [ids, mask];
  };
  const listed = async (run: () => tf.Tensor) => {
    const y = tf.tidy(run);
    const values = await y.array();
    y.dispose();
    return values as number[][];
  };
  const trained = await trainOnReviews();
  await saveTransformersJs(`${root}/classify`, {
    ...{ ...trained, task: "text-classification", weights },
  });
  const features = lionEncoder({ ...sizes, numClasses: 8, output: "tokens" });
  await saveTransformersJs(`${root}/features`, {
    ...{ model: features, task: "feature-extraction", tokenizer },
  });
  const words = lionBert({ ...sizes, maxLength: 32 });
  await saveTransformersJs(`${root}/words`, {
    ...{ model: words, task: "fill-mask", tokenizer },
  });
  const vit = lionViT({
    ...{ ...SIZE, variant: "s", imageSize: 16, patchSize: 4, numClasses: 3 },
  });
  await saveTransformersJs(`${root}/images`, {
    ...{ model: vit, task: "image-classification" },
    preprocessing: {
      transform: [{ step: "square", size: 16, interpolation: "bilinear" }],
      ...{ mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] },
    },
  });
  const prompt = "good nice film", count = 20;
  const continued: Record<string, number[]> = {};
  for (const variant of GENERATORS) {
    const model = lionGpt({ ...sizes, variant, depth: 2 });
    stir(model, 0.3);
    await saveTransformersJs(`${root}/${variant}`, {
      ...{ model, task: "text-generation", tokenizer },
    });
    const start = known.encode(prompt);
    const options = { maxNewTokens: count, temperature: 0 };
    continued[variant] = [...start, ...await generate(model, start, options)];
    model.dispose();
  }
  const pixels = Float32Array.from(
    { length: 768 },
    (_, i) => (i * 37 % 256) / 127.5 - 1,
  );
  const wanted = {
    classes: await listed(() =>
      tf.softmax(
        trained.model.predict(
          read(tokenizerOf(trained.tokenizer)),
        ) as tf.Tensor,
      )
    ),
    features: await listed(() => features.predict(read(known)) as tf.Tensor),
    images: await listed(() =>
      tf.softmax(vit.predict(tf.tensor4d(pixels, [1, 16, 16, 3])) as tf.Tensor)
    ),
    continued,
  };
  for (const model of [trained.model, features, words, vit]) model.dispose();
  const asked = {
    ...{ texts: TEXTS, prompt, count, generators: GENERATORS },
    dtypes: ["fp32", "fp16", "q8"],
  };
  return { asked, wanted };
}

type Scores = { readonly label: string; readonly score: number }[];

/** Throws if pipelines have answered something else. */
function assertAnswers(
  // deno-lint-ignore no-explicit-any
  found: any,
  { wanted }: Awaited<ReturnType<typeof writeFolders>>,
): void {
  for (const [dtype, most] of [["fp32", 1e-5], ["fp16", 1e-3], ["q8", 0.02]]) {
    (found[dtype!] as Scores[]).forEach((scores, i) => {
      for (const { label, score } of scores) {
        const probability = wanted.classes[i]![Number(label === "good")]!;
        assertAlmostEquals(score, probability, most as number);
      }
    });
  }
  const [got, expected] = [found.features, wanted.features].map((all) =>
    all.flat(2) as number[]
  );
  got!.forEach((x, i) => assertAlmostEquals(x, expected![i]!, 1e-5));
  for (const row of found.pooled as number[][]) {
    assertAlmostEquals(row.reduce((sum, x) => sum + x * x, 0), 1, 1e-5);
  }
  assertEquals(found.words.length, 3);
  for (const { label, score } of found.images as Scores) {
    const probability = wanted.images[0]![Number(label.at(-1))]!;
    assertAlmostEquals(score, probability, 1e-5);
  }
  for (const variant of GENERATORS) {
    assertEquals(found[variant], wanted.continued[variant], variant);
  }
}

Deno.test({
  name: "transformers.js runs folders in Node",
  ignore: noNpm,
  fn: () =>
    withFolder(async (folder) => {
      const expected = await writeFolders(`${folder}/lion`);
      const asked = JSON.stringify(expected.asked);
      await Deno.writeTextFile(`${folder}/asked.json`, asked);
      const program = ["node_pipelines.mjs", folder];
      assertAnswers(await node(await installed(), ...program), expected);
    }),
});

Deno.test({
  name: "transformers.js runs folders in a page",
  ignore: noNpm || skipBecause(
    "Chromium",
    CHROMIUM ? undefined : "it is not installed; see `deno task setup`",
  ),
  ...KEEPS_BROWSER,
  fn: () =>
    withFolder(async (folder) => {
      const expected = await writeFolders(`${folder}/lion`);
      const packages = await installed();
      const modules = "/modules/node_modules/@huggingface/transformers";
      await writeFiles(folder, {
        "index.html":
          `<!DOCTYPE html><link rel="icon" href="data:,"><script type="module">
import * as transformers from "${modules}/dist/transformers.min.js";
import { answers } from "/modules/pipelines.mjs";
const { env } = transformers;
env.backends.onnx.wasm.wasmPaths = location.origin +
  "${modules}/node_modules/onnxruntime-web/dist/";
env.useBrowserCache = false;
globalThis.run = (asked) => answers(transformers, "/", asked);
</script>`,
      });
      const server = serveLocally(({ url }) => {
        const { pathname } = new URL(url);
        return pathname.startsWith("/modules/")
          ? fileAnswer(packages, pathname.slice("/modules".length))
          : fileAnswer(folder, pathname);
      });
      const browser = await launch();
      try {
        const page = await browser.newPage();
        page.on("pageerror", (error) => console.error(String(error)));
        await page.goto(`http://localhost:${server.addr.port}/index.html`);
        await page.waitForFunction("globalThis.run");
        const asked = JSON.stringify(expected.asked);
        assertAnswers(await page.evaluate(`run(${asked})`), expected);
      } finally {
        await browser.close();
        await server.shutdown();
      }
    }),
});
