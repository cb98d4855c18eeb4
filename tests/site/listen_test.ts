/** What words of a text hear of each other, in the language model of the page. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { model as modelOf } from "@tensorflow/tfjs-layers";
import { lionBert, useBackend } from "../../mod.ts";
import { MixingLayer } from "../../lib/layers/mod.ts";
import { withPrefix } from "../../lib/layers/lion_layer.ts";
import { WHOLE_SEQUENCE } from "../../lib/layers/sequence.ts";
import { applyLinear } from "../../lib/layers/linear.ts";
import { languageModel } from "../../site/sentence.ts";
import { heardBy, readWith } from "../../site/listen/reader.ts";
import { blockVectors, rowOf } from "../../site/listen/rows.ts";

const WEIGHTS = new URL(
  "../../site/weights/infilling.safetensors",
  import.meta.url,
);

Deno.test("rows times values are what a block's mixer gives", async () => {
  await useBackend({ prefer: ["wasm"] });
  const [dim, numHeads] = [8, 1];
  const model = lionBert({
    ...{ vocabularySize: 20, dim, depth: 3, numHeads, variant: "s" },
    ...{ direction: "alternate", featureMap: "shiftedSilu", normalize: true },
    ...{ tokenTypes: 0, maxLength: 0, embeddingStd: 1, seed: 3 },
  });
  const ids = [3, 1, 4, 1, 5, 9, 2, 6];
  const before = tf.memory().numTensors;
  const found = await blockVectors(model, ids);
  assertEquals(tf.memory().numTensors, before);
  assertEquals(found.map(({ side }) => side), ["before", "after", "before"]);
  const blocks = model.layers.filter((layer) => layer instanceof MixingLayer);
  for (const [at, block] of blocks.entries()) {
    const parameters = withPrefix("attn.", block.parameter);
    const { mixed, values } = tf.tidy(() => {
      const input = [block.input].flat()[0]!;
      const reader = modelOf({ inputs: model.inputs, outputs: input });
      const x = reader.predict([
        tf.tensor2d([ids], undefined, "int32"),
        tf.ones([1, ids.length]),
      ]) as tf.Tensor3D;
      const mixed = block.mixer.apply(x, parameters, {
        ...{ mask: undefined, segments: undefined, causal: true },
        ...{ reversed: false, form: "full", chunkSize: undefined },
        ...{ training: false, epsilon: 1e-12, sequence: WHOLE_SEQUENCE },
      });
      const qkv = applyLinear(x, "qkv.", parameters);
      const values = tf.slice(qkv, [0, 0, 2 * dim], [1, ids.length, dim]);
      return { mixed, values };
    });
    for (let token = 0; token < ids.length; token++) {
      const { first, weights } = rowOf(found[at]!, token);
      assertAlmostEquals(weights.reduce((a, b) => a + b), 1, 1e-6);
      const row = new Float32Array(ids.length);
      weights.forEach((weight, j) => row[first + j] = weight);
      const expected = tf.slice(mixed, [0, token, 0], [1, 1, dim]);
      const got = tf.tidy(() => {
        const sum = tf.matMul(tf.tensor3d(row, [1, 1, ids.length]), values);
        return applyLinear(sum as tf.Tensor3D, "proj.", parameters);
      });
      const wanted = await expected.data();
      (await got.data()).forEach((value, i) =>
        assertAlmostEquals(value, wanted[i]!, 1e-4)
      );
    }
  }
  model.dispose();
});

Deno.test("a word hears both sides, and parts of a text are read once", async () => {
  await useBackend({ prefer: ["wasm"] });
  const trained = await languageModel(await Deno.readFile(WEIGHTS));
  const reader = await readWith(
    trained,
    "The name of the table is used by the extraordinary query.",
  );
  assertEquals(reader.read.words.length, 12);
  assertEquals(reader.read.words.slice(-2), ["query", "."]);
  assertEquals(reader.read.isAfterSpace.slice(-2), [true, false]);
  assert(!reader.read.isCut);
  const { first, before, after } = heardBy(reader, 4);
  const at = (word: number) => [before[word - first], after[word - first]];
  assert(at(3)[0]! > 0 && at(5)[1]! > 0);
  assertEquals([at(3)[1], at(5)[0]], [0, 0]);
  // The rest is what it hears of the separators.
  for (const side of [before, after]) {
    const sum = side.reduce((a, b) => a + b);
    assert(sum > 0.5 && sum < 1.0001, `${sum}`);
  }
  // A word of several pieces hears by all of them.
  assert(heardBy(reader, 9).before.some((share) => share > 0));
  assertThrows(() => heardBy(reader, 12), RangeError, "a word 12");
  const long = await readWith(trained, "the name of the table ".repeat(9000));
  assert(long.read.isCut);
  assertEquals(long.read.tokens, 32_768);
  assertEquals((await readWith(trained, " ")).read.words, []);
  trained.model.dispose();
});
