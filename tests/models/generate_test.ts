/** What generation promises beyond the likeliest token. @module */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { generate, lionEncoder, lionGpt } from "../../mod.ts";
import type { GenerateOptions } from "../../lib/models/generate.ts";
import { ATTENTION_VARIANTS } from "../../lib/layers/options/attention_options.ts";
import { mixerOf } from "../../lib/layers/options/variants.ts";
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

  const controller = new AbortController();
  const seen: number[] = [];
  const some = await generate(model, [1], {
    ...options,
    signal: controller.signal,
    onToken: (token) => {
      if (seen.push(token) === 3) controller.abort();
    },
  });
  assertEquals(some, all.slice(0, 3));
  assertEquals(seen, some);
  // A timer can tell it, too, though no token waits for anything.
  const many = { maxNewTokens: 30_000, signal: AbortSignal.timeout(50) };
  assertLess((await generate(model, [1], many)).length, many.maxNewTokens);
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
    await range([], {}, "prompt should hold at least one token");
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
    [
      { stopToken: [1, 11] },
      RangeError,
      "stopToken[1] should be a token of the model, an integer from 0 to 10, got 11",
    ],
    [{ topP: 1.1 }, RangeError, "topP should be from 0 to 1, got 1.1"],
    [{ topP: -0.1 }, RangeError, "topP should be from 0 to 1, got -0.1"],
    [{ topP: NaN }, RangeError, "topP should be finite"],
    [{ topP: "1" }, TypeError, "topP should be a number"],
    [{ returnState: 1 }, TypeError, "returnState should be true or false"],
    [{ state: {} }, TypeError, "state should be one that generate returned"],
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
  for (
    const [prompt, kind, message] of [
      [[[1], []], RangeError, "prompt[1] should hold at least one token"],
      [[[1], [11]], RangeError, "prompt[1][0] should be a token of the model"],
      [[[1], 2], TypeError, "prompt[1] should be a list of tokens, got number"],
    ] as const
  ) {
    await assertRejects(
      () => generate(model, prompt as unknown as number[][]),
      kind,
      message,
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

/** Prompts of different lengths, the shortest not the first. */
const PROMPTS = [[5, 3, 10, 0, 2, 7], [4], [1, 1, 9, 8]];

const WITH_STEP = ATTENTION_VARIANTS.filter((variant) =>
  mixerOf({ variant, numHeads: 2, direction: "forward" }).step
);

for (const variant of WITH_STEP) {
  onEachBackend(
    `texts of a batch go on as they would alone, ${variant}`,
    async () => {
      const model = lionGpt({ ...SIZES, depth: 2, maxLength: 24, variant });
      await withWeights(model, 45);
      const options = { maxNewTokens: 6, temperature: 0 };
      const alone: number[][] = [];
      for (const prompt of PROMPTS) {
        alone.push(await generate(model, prompt, options));
      }
      const seen: number[][] = PROMPTS.map(() => []);
      const onToken = (token: number, text: number) => seen[text]!.push(token);
      const together = await generate(model, PROMPTS, { ...options, onToken });
      assertEquals(together, alone);
      assertEquals(seen, alone);

      // Each ends by itself; the others do not notice.
      const until = (stop: number) =>
        alone.map((tokens) => {
          const end = tokens.indexOf(stop);
          return end < 0 ? tokens : tokens.slice(0, end + 1);
        });
      const isUneven = (stop: number) =>
        new Set(until(stop).map(({ length }) => length)).size > 1;
      const stopToken = alone.flat().find(isUneven)!;
      const ended = until(stopToken);
      const { tokens, state } = await generate(model, PROMPTS, {
        ...options,
        stopToken,
        returnState: true,
      });
      assertEquals(tokens, ended);
      assertEquals(
        state.lengths,
        ended.map(({ length }, i) => PROMPTS[i]!.length + length),
      );

      // From there they go on, with more to read for some of them.
      const more = [[], [3, 2, 6], [7]];
      const further = await generate(model, more, { ...options, state });
      for (const [i, prompt] of PROMPTS.entries()) {
        const all = [...prompt, ...ended[i]!, ...more[i]!];
        assertEquals(further[i], await generate(model, all, options));
      }
      state.dispose();
      model.dispose();
    },
    variant === "s" ? undefined : ["wasm", "cpu"],
  );
}

onEachBackend("what goes on from a state equals the whole", async () => {
  const model = lionGpt({ ...SIZES, depth: 2, variant: "s" });
  await withWeights(model, 46);
  for (const options of [{ temperature: 0 }, { temperature: 2, seed: 3 }]) {
    const whole = await generate(model, [1, 2], {
      ...options,
      maxNewTokens: 9,
    });
    const first = await generate(model, [1, 2], {
      ...options,
      maxNewTokens: 4,
      returnState: true,
    });
    const { temperature } = options;
    const second = await generate(model, [], {
      temperature,
      maxNewTokens: 5,
      state: first.state,
      returnState: true,
    });
    assertEquals([...first.tokens, ...second.tokens], whole);
    assertEquals(second.state.lengths, [11]);
    // The state is as it was.
    const again = { temperature, maxNewTokens: 5, state: first.state };
    assertEquals(await generate(model, [], again), second.tokens);
    // Nothing is read yet of a prompt to which nothing is added.
    const waiting = await generate(model, [1, 2], {
      ...options,
      maxNewTokens: 0,
      returnState: true,
    });
    assertEquals(waiting.state.lengths, [2]);
    const late = { temperature, maxNewTokens: 9, state: waiting.state };
    assertEquals(await generate(model, [], late), whole);

    await assertRejects(
      () => generate(model, [[], []], again),
      RangeError,
      "prompt should be a list of tokens for each of the state's 1 texts, got 2 of them",
    );
    const other = lionGpt({ ...SIZES, variant: "s" });
    await assertRejects(
      () => generate(other, [1], again),
      TypeError,
      "state should belong to this model, got that of another one",
    );
    other.dispose();
    for (const { state } of [first, second, waiting]) state.dispose();
  }
  model.dispose();
}, ["wasm", "cpu"]);

onEachBackend("topP chooses among the likeliest tokens", async () => {
  const model = lionGpt({ ...SIZES, variant: "s" });
  await withWeights(model, 43);
  const ids = tf.tensor2d([[3]], [1, 1], "int32");
  const predicted = model.predict(ids) as tf.Tensor;
  const logits = await predicted.data();
  tf.dispose([ids, predicted]);
  const weights = [...logits].map((x) => Math.exp(x / 5));
  const total = weights.reduce((a, b) => a + b);
  const ranked = [...weights.keys()].sort((a, b) => weights[b]! - weights[a]!);
  const three = ranked.slice(0, 3).reduce((sum, i) => sum + weights[i]!, 0);
  const seen = async (topP: number) => {
    const tokens = new Set<number>();
    for (let seed = 0; seed < 80; seed++) {
      const options = { maxNewTokens: 1, topP, temperature: 5, seed };
      tokens.add((await generate(model, [3], options))[0]!);
    }
    return [...tokens].sort((a, b) => a - b);
  };
  const sorted = (tokens: number[]) => tokens.toSorted((a, b) => a - b);
  assertEquals(await seen(three / total - 1e-4), sorted(ranked.slice(0, 3)));
  assertEquals(await seen(three / total + 1e-4), sorted(ranked.slice(0, 4)));
  for (const topP of [0, 1e-9]) assertEquals(await seen(topP), [ranked[0]!]);
  model.dispose();
}, ["cpu"]);

onEachBackend("texts of a batch choose independently", async () => {
  const model = lionGpt({ ...SIZES, variant: "s" });
  await withWeights(model, 41);
  const options = { maxNewTokens: 12, temperature: 3, seed: 5 };
  const [first, second] = await generate(model, [[1], [1]], options);
  assertEquals(first, await generate(model, [1], options));
  assert(String(first) !== String(second));
  model.dispose();
}, ["cpu"]);

onEachBackend("a token is one kernel of attention a layer", async () => {
  for (const variant of ["lit", "d", "s"] as const) {
    const model = lionGpt({ ...SIZES, depth: 3, variant });
    await withWeights(model, 47);
    const { state } = await generate(model, [1, 2, 3], {
      maxNewTokens: 1,
      returnState: true,
    });
    const { kernels } = await tf.profile(async () => {
      await generate(model, [], { maxNewTokens: 2, state });
      return [];
    });
    const names = kernels.map(({ name }) => name);
    const attention = names.filter((name) => name === "LionChunkwise");
    assertEquals(attention.length, 2 * 3);
    // Nor is it made of operations.
    assert(!names.includes("BatchMatMul") && !names.includes("Exp"), variant);
    state.dispose();
    model.dispose();
  }
}, ["wasm", "webgpu"]);
