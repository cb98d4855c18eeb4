/** RWKV-7 takes the weights of flash-linear-attention's files, and computes the same. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { generate, lionEncoder, lionGpt } from "../../mod.ts";
import {
  loadPyTorchWeights,
  readSafetensors,
  toPyTorchWeights,
  writeSafetensors,
} from "../../lib/io/mod.ts";
import { onEachBackend } from "../backends.ts";
import { withFolder } from "./files.ts";
import {
  rwkv7Logits,
  rwkv7Shapes,
  type Rwkv7Sizes,
  rwkv7StateDict,
  type Saved,
} from "./rwkv7_reference.ts";

const SIZES: Rwkv7Sizes = {
  ...{ vocabulary: 11, dim: 8, heads: 2, layers: 3, hidden: 32 },
  // Those of all models this narrow.
  ranks: [32, 32, 32, 32],
};

const OPTIONS = {
  ...{ vocabularySize: SIZES.vocabulary, dim: SIZES.dim, depth: SIZES.layers },
  ...{ numHeads: SIZES.heads, variant: "rwkv7" as const },
};

const TEXT = [3, 1, 4, 1, 5, 9, 2, 6, 5];

/** Writes a state dict into a file of a folder. */
async function fileOf(
  folder: string,
  dict: ReadonlyMap<string, Saved>,
): Promise<string> {
  const tensors = new Map(
    [...dict].map((
      [name, { shape, values }],
    ) => [name, tf.tensor(values, [...shape])]),
  );
  const file = `${folder}/model.safetensors`;
  await writeSafetensors(file, tensors);
  tf.dispose([...tensors.values()]);
  return file;
}

onEachBackend(
  "RWKV-7 from a file of flash-linear-attention predicts what its modules do",
  () =>
    withFolder(async (folder) => {
      const dict = rwkv7StateDict(SIZES);
      const file = await fileOf(folder, dict);
      const model = lionGpt(OPTIONS);
      const { tensors } = await readSafetensors(file);
      const skipped = await loadPyTorchWeights(model, tensors);
      assertEquals(skipped, { missing: [], unused: [] });
      const expected = rwkv7Logits(dict, SIZES, TEXT);
      const ids = tf.tensor2d([TEXT], [1, TEXT.length], "int32");
      const logits = model.predict(ids) as tf.Tensor3D;
      const [rows] = await logits.array();
      const largest = Math.max(...expected.flat().map(Math.abs));
      expected.forEach((row, i) =>
        row.forEach((x, n) =>
          assertLess(Math.abs(x - rows![i]![n]!), 2e-5 * largest, `${i} ${n}`)
        )
      );
      // Token by token, from the states of shifts and of heads.
      const text = TEXT.slice(0, 4);
      const options = { maxNewTokens: 5, temperature: 0 };
      for (const token of await generate(model, text, options)) {
        const last = rwkv7Logits(dict, SIZES, text).at(-1)!;
        assertEquals(last.indexOf(Math.max(...last)), token);
        text.push(token);
      }
      // And back into a file of the same names and shapes.
      const back = toPyTorchWeights(model);
      assertEquals(
        new Map([...back].map(([name, { shape }]) => [name, shape])),
        rwkv7Shapes(SIZES),
      );
      for (const [name, tensor] of back) {
        assertEquals(await tensor.data(), dict.get(name)!.values, name);
      }
      model.dispose();
      tf.dispose([ids, logits, ...tensors.values(), ...back.values()]);
    }),
);

onEachBackend(
  "its blocks also go into an encoder",
  () =>
    withFolder(async (folder) => {
      const file = await fileOf(folder, rwkv7StateDict(SIZES));
      const { depth, dim, numHeads, variant } = OPTIONS;
      const model = lionEncoder({
        ...{ depth, dim, numHeads, variant, inputDim: 3, numClasses: 2 },
      });
      const { tensors } = await readSafetensors(file);
      const { missing, unused } = await loadPyTorchWeights(model, tensors, {
        rename: (name) =>
          name.replace("model.layers", "blocks").replace("attn_norm", "norm1")
            .replace("ffn_norm", "norm2").replace("model.norm", "norm"),
        allowMissing: ["embeddings", "head"],
        ignore: ["model.embeddings", "lm_head", "blocks.0.pre_norm"],
      });
      assertEquals([missing.length, unused.length], [4, 4]);
      const kept = tensors.get("model.layers.2.attn.v_lora.lora.0.weight")!;
      const own = toPyTorchWeights(model);
      const taken = own.get("blocks.2.attn.v_lora.lora.0.weight")!;
      assertEquals(await taken.data(), await kept.data());
      // Both ways, a sequence and its reverse have the same means.
      const x = tf.randomUniform([1, 5, 3], -1, 1, "float32", 1);
      const answers = tf.tidy(() => {
        const mask = tf.ones([1, 5]);
        const of = (x: tf.Tensor) => model.predict([x, mask]) as tf.Tensor;
        return tf.stack([of(x), of(tf.reverse(x, 1))]);
      });
      const [there, back] = tf.split(answers, 2);
      const [a, b] = await Promise.all([there!.data(), back!.data()]);
      a.forEach((x, n) => assertLess(Math.abs(x - b[n]!), 1e-5));
      assert(a.some((x) => x !== 0));
      model.dispose();
      tf.dispose([
        x,
        answers,
        there!,
        back!,
        ...tensors.values(),
        ...own.values(),
      ]);
    }),
);
