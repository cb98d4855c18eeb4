/** What exportOnnx writes besides the graph, and what it refuses before a file exists. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { model as tfModel } from "@tensorflow/tfjs-layers";
import type { ExportOnnxOptions } from "../../lib/onnx/export.ts";
import {
  lionEncoder,
  type LionEncoderOptions,
  lionGpt,
  type Mixer,
  setClassNames,
  useBackend,
} from "../../mod.ts";
import { exportOnnx, onnxBytes, readOnnxWeights } from "../../lib/onnx/mod.ts";
import { onEachBackend } from "../backends.ts";
import { namesIn, withFolder } from "../io/files.ts";
import { errorOf, interpreted, SIZES } from "./exported.ts";
import { Interpreter } from "./interpreter.ts";

const SIZE = {
  ...{ dim: 8, depth: 1, numHeads: 2, seed: 1 },
  ...{ vocabularySize: 20, numClasses: 3 },
} as const;

const encoder = (options: Partial<LionEncoderOptions> = { variant: "s" }) =>
  lionEncoder({ ...SIZE, ...options });

const test = (name: string, run: () => Promise<void>) =>
  onEachBackend(name, run, ["wasm"]);

test("a file has names, axes, weights and metadata", async () => {
  const model = encoder();
  setClassNames(model, ["no", "yes", "perhaps"]);
  await withFolder(async (folder) => {
    const path = `${folder}/model.onnx`;
    const metadata = { author: "me" };
    const exported = await exportOnnx(model, path, { metadata });
    assertEquals(exported.files, [path]);
    const tokens = ["batch_size", "sequence_length"];
    assertEquals(exported.inputs, [
      { name: "input_ids", type: "int64", shape: tokens },
      { name: "attention_mask", type: "int64", shape: tokens },
    ]);
    assertEquals(exported.outputs, [
      { name: "logits", type: "float32", shape: ["batch_size", 3] },
    ]);
    assert(exported.operators.includes("LayerNormalization"));
    assertEquals(await namesIn(folder), ["model.onnx"]);
    const { model: file } = new Interpreter(await Deno.readFile(path));
    const props = new Map(
      file.metadataProps.map(({ key, value }) => [key, value]),
    );
    assertEquals([...props.keys()], [
      ...["lionVersion", "config", "classNames", "author"],
    ]);
    assertEquals(props.get("classNames"), '["no","yes","perhaps"]');
    assertEquals(JSON.parse(props.get("config")!).config.name, "lion_encoder");
    assertEquals(file.opsetImport.map(({ version }) => version), [20n]);
    const weights = await readOnnxWeights(path);
    const own = model.getLayer("blocks.0").getWeights()[2]!;
    const read = weights.get("blocks.0.attn.qkv.weight")!;
    assertEquals(await read.data(), await own.data());
    tf.dispose([...weights.values()]);
  });
  model.dispose();
});

test("equal models give equal bytes, and stored weights fewer", async () => {
  const [one, other] = [encoder(), encoder()];
  const bytes = await onnxBytes(one);
  assertEquals(await onnxBytes(other), bytes);
  const apart = await onnxBytes(one, { externalData: true });
  assert(apart.data!.length > 0 && apart.model.length < bytes.model.length);
  const file = new Interpreter(apart.model, apart.data);
  assert(await errorOf(one, file) < 1e-5);
  one.dispose();
  other.dispose();
});

test("a tied table is written once", async () => {
  const { numClasses: _, ...sizes } = SIZE;
  const model = lionGpt({ ...sizes, variant: "s" });
  const file = await interpreted(model);
  const tables = file.model.graph!.initializer
    .filter(({ dims }) => dims.join() === "20,8");
  assertEquals(tables.map(({ name }) => name), [
    "transformer.embeddings.word_embeddings.weight",
  ]);
  model.dispose();
});

test("lengths other than those of the recordings run", async () => {
  const model = encoder({ variant: "mlstm", maxLength: 80 });
  const file = await interpreted(model, { chunkSize: 16 });
  assert(await errorOf(model, file, [...SIZES, [2, 16], [1, 70]]) < 1e-5);
  model.dispose();
});

/** A mixer of one function. */
const mixer = (apply: Mixer["apply"]): Mixer => ({
  ...{ apply, parameters: () => [], operations: () => 0 },
});

type Refused = readonly [
  options: Partial<LionEncoderOptions>,
  error: typeof TypeError | typeof RangeError,
  message: string,
  given?: object,
];

const S = { variant: "s" } as const;

/** Models and options, with the error of each. */
const REFUSED: Readonly<Record<string, Refused>> = {
  "a mixer that reads values": [
    { mixer: mixer((x) => tf.mul(x, tf.max(x).dataSync()[0]!)) },
    TypeError,
    "it reads the values of a tensor",
  ],
  "a mixer that draws random numbers": [
    { mixer: mixer((x) => tf.add(x, tf.randomNormal([1]))) },
    TypeError,
    "it draws random numbers",
  ],
  "a mixer that draws numbers for each token": [
    {
      mixer: mixer((x) =>
        tf.add(x, tf.randomNormal(x.shape, 0, 1, "float32", 3))
      ),
    },
    TypeError,
    "should not be made of values that depend on the length",
  ],
  "a mixer that makes a variable": [
    { mixer: mixer((x) => tf.mul(x, tf.variable(tf.scalar(2), false))) },
    TypeError,
    "it makes a variable",
  ],
  "a kernel without a rule": [
    { mixer: mixer((x) => tf.atan(x)) },
    TypeError,
    "the kernel Atan, which has no rule",
  ],
  "a loop of doubling": [
    {
      mixer: mixer((x) => {
        let y = x;
        for (let n = 1; n < x.shape[1]; n *= 2) y = tf.add(y, x);
        return y;
      }),
    },
    TypeError,
    "but Add runs only at some of the lengths",
  ],
  "a size that is no multiple": [
    {
      mixer: mixer((x) => {
        const half = Math.floor(x.shape[1] / 2);
        const part = tf.slice(x, [0, 0, 0], [-1, half, -1]);
        return tf.add(x, tf.sum(part, 1, true));
      }),
    },
    TypeError,
    "should be a multiple of the batch or the length",
  ],
  "too few positions": [
    { ...S, maxLength: 12 },
    RangeError,
    "should have positions for at least 13 tokens",
  ],
  "too few positions of segments": [
    { ...S, maxLength: 8, segments: true, maxSegments: 2 },
    RangeError,
    "should have positions for at least 13 tokens",
  ],
  "an unknown option": [S, TypeError, 'no option "froms"', { froms: 1 }],
  "an unknown form": [S, RangeError, "form should be", { form: "half" }],
  "another storage": [S, RangeError, "weights should be", { weights: "int4" }],
  "an unknown layer": [S, RangeError, 'did you mean "norm"', {
    layer: "norms",
  }],
  "a chunk of nothing": [S, RangeError, "chunkSize", { chunkSize: 0 }],
  "an output without a name": [S, TypeError, "output", { output: 3 }],
  "metadata that are no texts": [
    ...[S, TypeError, "metadata's a"] as const,
    { metadata: { a: 1 } },
  ],
  "other external data": [
    ...[S, RangeError, "externalData"] as const,
    { externalData: "yes" },
  ],
};

for (
  const [name, [options, error, message, given]] of Object.entries(REFUSED)
) {
  test(`${name} is refused before a file exists`, async () => {
    const before = new Set(Object.values(tf.engine().registeredVariables));
    const model = encoder(options);
    await withFolder(async (folder) => {
      const run = () =>
        exportOnnx(model, `${folder}/model.onnx`, given as ExportOnnxOptions);
      await assertRejects(run, error, message);
      assertEquals(await namesIn(folder), []);
    });
    model.dispose();
    for (const variable of Object.values(tf.engine().registeredVariables)) {
      if (!before.has(variable)) variable.dispose();
    }
  });
}

test("what is no model, and what is no path, is refused", async () => {
  const model = encoder();
  await assertRejects(
    () => onnxBytes({} as typeof model),
    TypeError,
    "onnxBytes's model should be a model",
  );
  const several = tfModel({
    inputs: model.inputs,
    outputs: ["norm", "head"].map((name) =>
      model.getLayer(name).output as typeof model.outputs[0]
    ),
  });
  await assertRejects(
    () => onnxBytes(several),
    TypeError,
    "onnxBytes's model should have one output, got 2",
  );
  await assertRejects(
    () => exportOnnx(model, 3 as unknown as string),
    TypeError,
    "exportOnnx's path",
  );
  model.dispose();
});

onEachBackend("another backend is refused", async () => {
  const model = encoder();
  await assertRejects(
    () => onnxBytes(model),
    RangeError,
    "should run on the backend wasm, whose kernels have rules, got cpu",
  );
  model.dispose();
  await useBackend({ prefer: ["cpu"] });
}, ["cpu"]);
