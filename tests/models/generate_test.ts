/** What generation promises beyond the likeliest token. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  generate,
  type GenerateOptions,
  lionEncoder,
  lionGpt,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { withWeights } from "./weights.ts";

const SIZES = { vocabularySize: 11, dim: 8, depth: 1, numHeads: 2 } as const;

onEachBackend("generate() chooses the same for the same seed", async () => {
  const model = lionGpt({ ...SIZES, variant: "s" });
  await withWeights(model, 41);
  const run = (seed: number) =>
    generate(model, [1], { maxNewTokens: 20, seed });
  const first = await run(1);
  assertEquals(first.length, 20);
  assert(first.every((token) => Number.isInteger(token) && token >= 0));
  assertEquals(await run(1), first);
  assert(String(await run(2)) !== String(first));
  model.dispose();
});

onEachBackend("topK 1 and temperature 0 take the likeliest token", async () => {
  const model = lionGpt({ ...SIZES, variant: "d" });
  await withWeights(model, 42);
  const [one, cold] = [{ topK: 1 }, { temperature: 0 }].map((options) =>
    generate(model, [1, 2], { maxNewTokens: 8, ...options })
  );
  assertEquals(await one, await cold);
  model.dispose();
}, ["cpu"]);

onEachBackend("topK chooses among so many tokens", async () => {
  const model = lionGpt({ ...SIZES, variant: "s" });
  await withWeights(model, 43);
  const seen = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const options = { maxNewTokens: 1, topK: 2, temperature: 5, seed };
    seen.add((await generate(model, [3], options))[0]!);
  }
  assertEquals(seen.size, 2);
  model.dispose();
}, ["cpu"]);

onEachBackend("generate() ends at a token, or when told", async () => {
  const model = lionGpt({ ...SIZES, variant: "s" });
  await withWeights(model, 41);
  const options = { maxNewTokens: 20, seed: 1 };
  const all = await generate(model, [1], options);
  const stopToken = all[7]!;
  const ended = all.slice(0, all.indexOf(stopToken) + 1);
  assertEquals(await generate(model, [1], { ...options, stopToken }), ended);

  const told = new AbortController();
  const seen: number[] = [];
  const some = await generate(model, [1], {
    ...options,
    signal: told.signal,
    onToken: (token) => {
      if (seen.push(token) === 3) told.abort();
    },
  });
  assertEquals(some, all.slice(0, 3));
  assertEquals(seen, some);
  assertEquals(await generate(model, [1], { maxNewTokens: 0 }), []);
  model.dispose();
}, ["cpu"]);

onEachBackend(
  "generate() names what it wants, and frees its states",
  async () => {
    const model = lionGpt({ ...SIZES, maxLength: 4, variant: "s" });
    const range = (
      prompt: number[],
      options: Parameters<typeof generate>[2],
      part: string,
    ) =>
      assertRejects(() => generate(model, prompt, options), RangeError, part);
    await range([], {}, "prompt should hold a token or more");
    await range([1], { temperature: -1 }, "temperature should be 0 or more");
    await range(
      [1],
      { topK: 0 },
      "topK should be an integer, 1 or more, or Infinity, got 0",
    );
    await range(
      [1, 2, 3],
      { maxNewTokens: 5 },
      "a sequence should have at most maxLength = 4 tokens, got 5",
    );
    model.dispose();

    const encoder = lionEncoder({ ...SIZES, numClasses: 2, variant: "s" });
    await assertRejects(
      () => generate(encoder, [1]),
      TypeError,
      "generate's model should be made by lionGpt, got lion_encoder",
    );
    encoder.dispose();
  },
  ["cpu"],
);

onEachBackend(
  "generate() names logits that are no numbers, and frees all",
  async () => {
    for (const variant of ["s", "softmax"] as const) {
      const model = lionGpt({ ...SIZES, variant });
      await withWeights(model, 44);
      const norm = model.layers.find(({ name }) => name.endsWith("ln_f"))!;
      const [scale] = norm.weights;
      const bad = tf.fill(scale!.shape as number[], NaN);
      const seen: number[] = [];
      await assertRejects(
        () =>
          generate(model, [1, 2], {
            maxNewTokens: 5,
            onToken: (token) => {
              if (seen.push(token) === 2) scale!.write(bad);
            },
          }),
        RangeError,
        "the model's logits of new token 2, at position 4, should be numbers, got NaN for token 0",
      );
      assertEquals(seen.length, 2);
      bad.dispose();
      model.dispose();
    }
  },
);

onEachBackend("generate() refuses what it cannot mean", async () => {
  const model = lionGpt({ ...SIZES, variant: "s" });
  const before = tf.memory().numTensors;
  const cases: [
    Record<string, unknown>,
    typeof TypeError | typeof RangeError,
    string,
  ][] = [
    [{ maxNewTokens: NaN }, RangeError, "maxNewTokens should be an integer"],
    [{ maxNewTokens: -1 }, RangeError, "maxNewTokens should be an integer"],
    [{ maxNewTokens: 1.5 }, RangeError, "maxNewTokens should be an integer"],
    [{ maxNewTokens: "5" }, TypeError, "maxNewTokens should be a number"],
    [{ temperature: NaN }, RangeError, "temperature should be 0 or more"],
    [{ temperature: Infinity }, RangeError, "temperature should be 0 or more"],
    [{ temperature: "1" }, TypeError, "temperature should be a number"],
    [{ topK: 1.5 }, RangeError, "topK should be an integer"],
    [{ topK: NaN }, RangeError, "topK should be an integer"],
    [
      { stopToken: 11 },
      RangeError,
      "stopToken should be a token of the model, an integer from 0 to 10, got 11",
    ],
    [{ seed: {} }, TypeError, "seed should be a number or a string"],
    [{ onToken: 1 }, TypeError, "onToken should be a function"],
    [{ max_new_tokens: 1 }, TypeError, 'did you mean "maxNewTokens"?'],
    [{ temp: 1 }, TypeError, 'did you mean "temperature"?'],
  ];
  for (const [options, kind, message] of cases) {
    await assertRejects(
      () => generate(model, [1], options as GenerateOptions),
      kind,
      message,
    );
  }
  await assertRejects(
    () => generate(model, [1], "5" as unknown as GenerateOptions),
    TypeError,
    "options of generate should be an object",
  );
  for (const id of [-1, 11, 1.5, NaN]) {
    await assertRejects(
      () => generate(model, [1, id]),
      RangeError,
      `prompt[1] should be a token of the model, an integer from 0 to 10, got ${id}`,
    );
  }
  assertEquals(tf.memory().numTensors, before);
  const thrown = new Error("stop");
  await assertRejects(
    () =>
      generate(model, [1], {
        onToken: () => {
          throw thrown;
        },
      }),
    Error,
    "stop",
  );
  assertEquals(tf.memory().numTensors, before);
  model.dispose();
}, ["cpu"]);
