/** Classes, words and texts in one call are what the model's own output says. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  byteTokenizer,
  collateTexts,
  evalTransform,
  imageInput,
  tokenizerOf,
  trainTokenizer,
} from "../../lib/data/mod.ts";
import { fromPretrained, savePretrained } from "../../lib/hub/mod.ts";
import { toPyTorchWeights } from "../../lib/io/mod.ts";
import {
  classify,
  fill,
  generate,
  lionBert,
  lionEncoder,
  lionGpt,
  lionViT,
  setClassNames,
} from "../../mod.ts";
import { RED_PIXEL } from "../data/images/red_pixel.ts";
import { onCpu, withFolder } from "../io/files.ts";

const SMALL = { dim: 8, depth: 1, numHeads: 2, variant: "s", seed: 1 } as const;
const BYTES = { ...SMALL, vocabularySize: 261, maxLength: 16 };
const tokenizer = byteTokenizer();

const reader = () => {
  const model = lionEncoder({ ...BYTES, numClasses: 3 });
  setClassNames(model, ["bad", "fair", "good"]);
  return model;
};

onCpu(
  "texts have the classes that the model's logits for their batch say",
  async () => {
    const model = reader();
    const texts = ["fine", "a text that is longer than the model reads"];
    const { inputs, labels } = collateTexts({ tokenizer, length: 16 })(
      texts.map((text) => ({ text, label: 0 })),
      () => 0,
    );
    const shares = tf.tidy(() =>
      tf.softmax(model.predict(inputs) as tf.Tensor)
    );
    const wanted = await shares.array() as number[][];
    const found = await classify(model, texts, { tokenizer });
    found.forEach((classes, i) => {
      assertEquals(classes.length, 3);
      const [first, second, third] = classes.map(({ probability }) =>
        probability
      );
      assert(first! >= second! && second! >= third!);
      for (const { index, label, probability } of classes) {
        assertEquals(label, ["bad", "fair", "good"][index]);
        assertAlmostEquals(probability, wanted[i]![index]!, 1e-6);
      }
    });
    // One text alone, in batches of one, and by tensors: the same.
    const alone = await classify(model, texts[0]!, { tokenizer, top: 1 });
    assertEquals(alone.length, 1);
    assertEquals(alone[0]!.index, found[0]![0]!.index);
    const single = await classify(model, texts, { tokenizer, batchSize: 1 });
    const byTensors = await classify(model, inputs);
    for (const other of [single, byTensors]) {
      other.flat().forEach(({ probability }, i) =>
        assertAlmostEquals(probability, found.flat()[i]!.probability, 1e-6)
      );
    }
    const several = await classify(model, texts[0]!, {
      tokenizer,
      multiLabel: true,
    });
    assert(several.every(({ probability }) => probability < 0.9));
    assertEquals(await classify(model, [], { tokenizer }), []);
    tf.dispose([...inputs, labels, shares]);
    model.dispose();
  },
);

onCpu(
  "pictures are classified as evalTransform and imageBatches prepare them",
  async () => {
    const model = lionViT({
      ...{ ...SMALL, imageSize: 4, patchSize: 2, numClasses: 2 },
    });
    const transform = evalTransform({ size: 4 });
    const input = await imageInput([RED_PIXEL, new Blob([RED_PIXEL])], {
      transform,
    });
    assertEquals(input.shape, [2, 4, 4, 3]);
    const shares = tf.tidy(() => tf.softmax(model.predict(input) as tf.Tensor));
    const [[share]] = await shares.array() as [[number]];
    for (const found of await classify(model, [RED_PIXEL, RED_PIXEL])) {
      const { probability } = found.find(({ index }) => index === 0)!;
      assertAlmostEquals(probability, share, 1e-6);
    }
    // A preprocessing of one's own is used: another mean, another answer.
    const other = await classify(model, RED_PIXEL, {
      preprocessing: { transform, mean: 0, deviation: 0.1 },
    });
    assert(
      Math.abs(other.find(({ index }) => index === 0)!.probability - share) >
        1e-6,
    );
    await assertRejects(
      () => classify(model, [RED_PIXEL, RED_PIXEL.subarray(0, 50)]),
      SyntaxError,
      "images[1]: ",
    );
    await assertRejects(
      () => imageInput([], { transform }),
      RangeError,
      "images should be one or more",
    );
    tf.dispose([input, shares]);
    model.dispose();
  },
);

onCpu("what cannot be classified is named", async () => {
  const model = reader();
  for (
    const [input, words] of [
      ["text", "classify's tokenizer should be the one"],
      [7, "classify's input should be a text"],
      [RED_PIXEL, "classify's model should read pictures"],
    ] as const
  ) {
    await assertRejects(
      () => classify(model, input as string),
      TypeError,
      words,
    );
  }
  model.dispose();
  const bert = lionBert(BYTES);
  await assertRejects(
    () => classify(bert, "text", { tokenizer }),
    TypeError,
    "should be a classifier",
  );
  bert.dispose();
});

onCpu("a gap has the likeliest tokens of the place of its mask", async () => {
  const model = lionBert(BYTES);
  const { cls, sep, mask } = tokenizer.specials;
  const ids = [cls, ...tokenizer.encode("a "), mask, ...tokenizer.encode("c")];
  const row = (values: number[]) => tf.tensor2d([values], undefined, "int32");
  const inputs = [
    row([...ids, sep]),
    tf.ones([1, 6]),
    tf.zeros([1, 6], "int32"),
  ];
  const logits = model.predict(inputs) as tf.Tensor;
  const shares = tf.softmax(logits);
  const [wanted] = await shares.array() as number[][][];
  const [gap, ...others] = await fill(model, "a [MASK]c", {
    tokenizer,
    top: 9,
  });
  assertEquals([gap!.length, others.length], [9, 0]);
  for (const { id, token, probability } of gap!) {
    assertAlmostEquals(probability, wanted![3]![id]!, 1e-6);
    assertEquals(token, tokenizer.decode([id]));
  }
  assertEquals(
    (await fill(model, "__", { tokenizer, gap: "_", top: 1 })).length,
    2,
  );
  await assertRejects(
    () => fill(model, "no gap", { tokenizer }),
    RangeError,
    'should have a gap, "[MASK]"',
  );
  await assertRejects(
    () => fill(model, "[MASK] longer than that", { tokenizer }),
    RangeError,
    "at most the model's 16 tokens",
  );
  tf.dispose([...inputs, logits, shares]);
  model.dispose();
});

onCpu(
  "a gap stands for the space of its word where words begin with theirs",
  async () => {
    const learned = tokenizerOf(
      trainTokenizer(["the cat and the dog and the cat and a cat"], {
        vocabularySize: 280,
      }),
    );
    assertEquals(learned.encode(" a").length, learned.encode("a").length);
    const model = lionBert({ ...BYTES, vocabularySize: 280 });
    const options = { tokenizer: learned, top: 2 };
    assertEquals(
      await fill(model, "the [MASK] and", options),
      await fill(model, "the[MASK] and", options),
    );
    model.dispose();
  },
);

onCpu(
  "texts are continued by texts, as their tokens are by tokens",
  async () => {
    const model = lionGpt(BYTES);
    const options = { tokenizer, maxNewTokens: 5, temperature: 0 };
    const texts = ["ab", "c"];
    const tokens = await generate(
      model,
      texts.map((text) => tokenizer.encode(text)),
      { maxNewTokens: 5, temperature: 0 },
    );
    const wanted = tokens.map((ids) => tokenizer.decode(ids));
    assertEquals(await generate(model, texts, options), wanted);
    assertEquals(
      await generate({ model, tokenizer }, "ab", {
        maxNewTokens: 5,
        temperature: 0,
      }),
      wanted[0],
    );
    const { tokens: text, state } = await generate(model, "ab", {
      ...options,
      returnState: true,
    });
    assertEquals(text, wanted[0]);
    state.dispose();
    await assertRejects(
      () => generate(model, "ab"),
      TypeError,
      "generate's tokenizer should be",
    );
    await assertRejects(
      () => generate(model, ["ab", 1] as unknown as string[], options),
      RangeError,
      "prompt[0]",
    );
    model.dispose();
  },
);

onCpu(
  "a model is saved as this process made it, and again as it was opened",
  () =>
    withFolder(async (folder) => {
      const model = reader();
      await savePretrained(`${folder}/a`, { model, tokenizer });
      const opened = await fromPretrained(`${folder}/a`);
      const text = "fine";
      const wanted = await classify(model, text, { tokenizer });
      assertEquals(await classify(opened, text), wanted);
      await savePretrained(`${folder}/b`, opened);
      const again = await fromPretrained(`${folder}/b`);
      assertEquals(await classify(again, text), wanted);
      const [before, after] = [model, again.model].map((one) =>
        toPyTorchWeights(one)
      );
      for (const [name, tensor] of before!) {
        assertEquals(await after!.get(name)!.data(), await tensor.data());
      }
      tf.dispose([...before!.values(), ...after!.values()]);
      for (const one of [model, opened.model, again.model]) one.dispose();
    }),
);
