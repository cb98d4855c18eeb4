/** unmask() fills in what it should, in every order, as loops in float64 do. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  unmask,
  type UnmaskOptions,
  type UnmaskOrder,
} from "../../lib/diffusion/mod.ts";
import { lionEncoder } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { type ToyModel, toyModel } from "./toy_model.ts";

/** How sure a distribution is, the more the larger, by its definition. */
const SURENESS: Record<string, (p: readonly number[]) => number> = {
  margin: (p) => {
    const [first, second] = p.toSorted((a, b) => b - a);
    return first! - second!;
  },
  confidence: (p) => Math.max(...p),
  entropy: (p) => p.reduce((sum, x) => x > 0 ? sum + x * Math.log(x) : sum, 0),
};

/** Opens one place after another, by the definition. */
function reference(
  model: ToyModel,
  ids: readonly number[],
  order: UnmaskOrder,
): { ids: number[]; order: number[] } {
  const row = [...ids], opened: number[] = [];
  while (row.includes(model.maskToken)) {
    const places = row.flatMap((id, i) => id === model.maskToken ? [i] : []);
    const answers = places.map((place) => ({
      place,
      p: model.logProbabilities(row, place).map((x) => Math.exp(x)),
    }));
    const best = order === "left-to-right"
      ? answers[0]!
      : answers.reduce((best, other) =>
        SURENESS[order]!(other.p) > SURENESS[order]!(best.p) ? other : best
      );
    row[best.place] = best.p.indexOf(Math.max(...best.p));
    opened.push(best.place);
  }
  return { ids: row, order: opened };
}

onEachBackend(
  "unmask() opens places in each order as loops in float64 do",
  async () => {
    const model = toyModel({ length: 6, vocabulary: 5, seed: 7 });
    const M = model.maskToken;
    const rows = [[M, M, M, M, M, M], [M, 2, M, 0, M, 1], [0, 1, 2, 3, 0, 1]];
    for (
      const order of [
        "margin",
        "confidence",
        "entropy",
        "left-to-right",
      ] as const
    ) {
      const answer = await unmask(model.apply, rows, { maskToken: M, order });
      const expected = rows.map((row) => reference(model, row, order));
      assertEquals(answer.ids, expected.map(({ ids }) => ids), order);
      assertEquals(answer.order, expected.map(({ order }) => order), order);
      assertEquals(answer.calls, 6);
    }
    const byDefault = await unmask(model.apply, rows, { maskToken: M });
    const margin = { maskToken: M, order: "margin" } as const;
    assertEquals(byDefault, await unmask(model.apply, rows, margin));
    model.dispose();
  },
);

/** A model with the same logits at each place of each row. */
const constant = (logits: readonly (readonly number[])[]) =>
(
  ids: tf.Tensor2D,
): tf.Tensor3D =>
  tf.tile(tf.tensor3d([logits.map((x) => [...x])]), [ids.shape[0], 1, 1]);

onEachBackend(
  "unmask() keeps what is given, and never writes the mask",
  async () => {
    // The mask is the likeliest by far, and the only one that differs from place to place.
    const model = constant([[0, 0, 90], [0, 1, 80], [1, 0, 70]]);
    const options = { maskToken: 2 };
    const { ids, order, calls } = await unmask(model, [[2, 2, 2]], options);
    assertEquals(ids, [[0, 1, 0]]);
    assertEquals(order, [[1, 2, 0]], "a tie of the margins, the lower first");
    assertEquals(calls, 3);
    const hot = { ...options, temperature: 5, seed: 1 };
    const many = await unmask(model, Array(50).fill([2, 0, 2]), hot);
    assert(many.ids.every(([a, b, c]) => a !== 2 && b === 0 && c !== 2));
    const none = await unmask(model, [[0, 1, 1], [1, 1, 1]], options);
    assertEquals(none, {
      ids: [[0, 1, 1], [1, 1, 1]],
      order: [[], []],
      calls: 0,
    });
    assertEquals(await unmask(model, [], options), {
      ...{ ids: [], order: [], calls: 0 },
    });
  },
);

onEachBackend("unmask() opens as many places as it is told", async () => {
  const model = toyModel({ length: 7, vocabulary: 4, seed: 2 });
  const M = model.maskToken, rows = [Array(7).fill(M), [M, 1, M, 1, M, 1, M]];
  const opened = async (options: Omit<UnmaskOptions, "maskToken">) => {
    const counts: number[][] = [];
    let before = rows.map((row) => row.filter((id) => id === M).length);
    const { calls, order } = await unmask(model.apply, rows, {
      maskToken: M,
      ...options,
      onStep({ ids, step }) {
        assertEquals(step, counts.length);
        const left = ids.map((row) => row.filter((id) => id === M).length);
        counts.push(left.map((count, i) => before[i]! - count));
        before = left;
      },
    });
    assertEquals(calls, counts.length);
    assertEquals(order.map((row) => row.toSorted()), [
      [0, 1, 2, 3, 4, 5, 6],
      [0, 2, 4, 6],
    ]);
    return counts;
  };
  assertEquals(await opened({ steps: 3 }), [[3, 2], [3, 2], [1, 0]]);
  assertEquals(await opened({ steps: 1 }), [[7, 4]]);
  assertEquals(await opened({ tokensPerStep: 4 }), [[4, 4], [3, 0]]);
  assertEquals(await opened({ threshold: 0 }), [[7, 4]]);
  assertEquals((await opened({ threshold: 1 })).length, 7);
  assertEquals(await opened({ blockLength: 4, tokensPerStep: 3 }), [
    ...[[3, 2], [1, 2], [3, 0]],
  ]);
  // Half of the tokens so far are hidden again, and as many more open.
  assertEquals((await opened({ remask: 0.5 })).length, 7);
  assertEquals((await opened({ remask: 1, tokensPerStep: 2 })).length, 4);
  const blocks = { maskToken: M, blockLength: 3 };
  const { order } = await unmask(model.apply, rows, blocks);
  for (const row of order) {
    const block = row.map((place) => Math.floor(place / 3));
    assertEquals(block, block.toSorted());
  }
  model.dispose();
});

onEachBackend(
  "unmask() opens all places of which a model is sure",
  async () => {
    const model = constant([[0, 0, 0], [9, 0, 0], [0, 8, 0], [1, 0, 0]]);
    const { order, calls } = await unmask(model, [[2, 2, 2, 2]], {
      maskToken: 2,
      threshold: 0.99,
    });
    assertEquals(order, [[1, 2, 3, 0]]);
    assertEquals(calls, 3);
  },
);

onEachBackend("unmask() hides again what it is least sure of", async () => {
  // Place 0 is 0 as long as place 1 is hidden, and then 1, of which the model is surer.
  const model = (ids: tf.Tensor2D) =>
    tf.tidy(() => {
      const hidden = tf.cast(
        tf.equal(tf.slice(ids, [0, 1], [-1, 1]), 2),
        "float32",
      );
      const first = tf.stack(
        [hidden, tf.mul(tf.sub(1, hidden), 4)],
        2,
      );
      const others = tf.tensor3d([[[0, 1.5], [0, 1]]]);
      return tf.concat([first, others], 1) as tf.Tensor3D;
    });
  const seen: number[][] = [];
  const { ids, order, calls } = await unmask(model, [[2, 2, 2]], {
    maskToken: 2,
    order: "left-to-right",
    remask: 0.5,
    onStep: ({ ids }) => void seen.push([...ids[0]!]),
  });
  assertEquals(seen, [[0, 2, 2], [0, 1, 2], [1, 1, 1]]);
  assertEquals(ids, [[1, 1, 1]]);
  assertEquals(order[0]!.toSorted(), [0, 1, 2]);
  assertEquals(calls, 3);
});

onEachBackend(
  "unmask() draws places and tokens as often as it should",
  async () => {
    const rows = 1000, close = 5 * Math.sqrt(rows) / 2;
    const count = (values: number[], value: number) =>
      values.filter((x) => x === value).length;
    const three = constant([[0, 0], [0, 0], [0, 0]]);
    const anyOrder = { maskToken: 1, order: "random", seed: 3 } as const;
    const { order } = await unmask(
      three,
      Array(rows).fill([1, 1, 1]),
      anyOrder,
    );
    for (const place of [0, 1, 2]) {
      const first = count(order.map(([first]) => first!), place);
      assert(Math.abs(first - rows / 3) < close);
    }
    const logits = [2, 1, 0, -1];
    const draw = async (options: Omit<UnmaskOptions, "maskToken">) => {
      const { ids } = await unmask(
        constant([logits]),
        Array(rows).fill([4]),
        { maskToken: 4, seed: 8, ...options },
      );
      return logits.map((_, id) => count(ids.map(([own]) => own!), id));
    };
    for (const temperature of [0.5, 1, 3]) {
      const weights = logits.map((x) => Math.exp(x / temperature));
      const total = weights.reduce((a, b) => a + b);
      (await draw({ temperature })).forEach((times, id) =>
        assert(Math.abs(times - rows * weights[id]! / total) < close)
      );
    }
    assertEquals((await draw({ temperature: 1, topK: 2 })).slice(2), [0, 0]);
    // The two likeliest have 0.88 of the probability, the likeliest 0.64.
    const nucleus = await draw({ temperature: 1, topP: 0.8 });
    assert(nucleus[1]! > 0);
    assertEquals(nucleus.slice(2), [0, 0]);
    assertEquals(await draw({ temperature: 1, topP: 0.6 }), [rows, 0, 0, 0]);
    assertEquals(await draw({}), [rows, 0, 0, 0]);
    assertEquals(
      await draw({ temperature: 2 }),
      await draw({ temperature: 2 }),
    );
  },
);

/** An encoder without positions, to which all hidden places look alike. */
const encoder = (maxLength: number) =>
  lionEncoder({
    ...{ vocabularySize: 9, numClasses: 9, output: "tokens", maxLength },
    ...{ dim: 8, depth: 1, numHeads: 2, variant: "lit", seed: 4 },
    embeddingStd: 0.5,
  });

let before: Awaited<ReturnType<typeof unmask>>[] | undefined;

onEachBackend(
  "unmask() is the same on each backend, and for a row alone",
  async () => {
    const model = encoder(12),
      rows = [
        [8, 1, 8, 8, 3, 8, 8, 8, 8, 8],
        [2, 8, 8],
        [8, 8, 8, 8, 8],
      ];
    const answers = [];
    for (const order of ["margin", "entropy", "random"] as const) {
      const options = { maskToken: 8, order, seed: "a" };
      const all = await unmask(model, rows, options);
      assertEquals(all, await unmask(model, rows, options));
      const alone = await unmask(model, [rows[0]!], options);
      assertEquals(alone.ids[0], all.ids[0]);
      assertEquals(alone.order[0], all.order[0]);
      answers.push(all);
    }
    before ??= answers;
    assertEquals(answers, before);
    const alike = encoder(0);
    const tied = await unmask(alike, [Array(40).fill(8)], { maskToken: 8 });
    assertEquals(tied.order[0]!.slice(0, 3), [0, 1, 2]);
    model.dispose();
    alike.dispose();
  },
);

onEachBackend(
  "unmask() asks what is allowed, and tells each step",
  async () => {
    const model = constant([[3, 2, 1, 0], [3, 2, 1, 0]]);
    const asked: string[] = [], steps: number[][][] = [];
    const { ids } = await unmask(model, [[3, 3], [3, 0]], {
      maskToken: 3,
      order: "left-to-right",
      allowed(place, row, ids) {
        asked.push(`${row} ${place} ${ids}`);
        return row === 1 ? undefined : ids[0] === 3 ? [2, 1] : [2, 3];
      },
      async onStep({ ids, probabilities }) {
        await Promise.resolve();
        steps.push(ids.map((row) => [...row]));
        if (steps.length > 1) return;
        const [first, other] = probabilities[0]!;
        assertEquals([first![0], first![3]], [0, 0]);
        assert(Math.abs(first![1]! - 1 / (1 + Math.exp(-1))) < 1e-6);
        assert(other !== undefined && probabilities[1]![1] === undefined);
      },
    });
    assertEquals(ids, [[1, 2], [0, 0]]);
    assertEquals(steps, [[[1, 3], [0, 0]], [[1, 2], [0, 0]]]);
    assertEquals(asked, ["0 0 3,3", "0 1 3,3", "1 0 3,0", "0 1 1,3"]);
  },
  { only: ["cpu"] },
);

onEachBackend("unmask() ends when told, and says what is wrong", async () => {
  const controller = new AbortController();
  const model = constant([[3, 2, 1], [3, 2, 1]]);
  const run = (options: object, ids: unknown = [[2, 2]]) => () =>
    unmask(model, ids as number[][], { maskToken: 2, ...options });
  let steps = 0;
  const onStep = () => {
    steps++;
    controller.abort(new Error("enough"));
  };
  const { signal } = controller;
  await assertRejects(run({ signal, onStep }), Error, "enough");
  assertEquals(steps, 1);
  const refused: [object, ErrorConstructor, string][] = [
    [{ order: "rightmost" }, RangeError, 'order should be "margin"'],
    [{ steps: 2, tokensPerStep: 1 }, RangeError, "steps should be left out"],
    [{ remask: 2 }, RangeError, "remask should be from 0 to 1, got 2"],
    [{ allowed: [] }, TypeError, "allowed should be a function"],
    [{ allowed: () => [] }, RangeError, "of those that are allowed"],
    [{ allowed: () => [7] }, RangeError, "allowed's ids of place 0"],
    [{ maskTokens: 1 }, TypeError, 'no option "maskTokens"'],
    [{ temperature: -1 }, RangeError, "temperature should be 0 or more"],
  ];
  for (const [options, kind, text] of refused) {
    await assertRejects(run(options), kind, text);
  }
  await assertRejects(run({}, [[-1]]), RangeError, "ids of tokens, 0 or more");
  await assertRejects(run({}, [2]), TypeError, "ids[0] should be an array");
  const options = { maskToken: 2 };
  await assertRejects(
    () => unmask(constant([[NaN, 0, 0]]), [[2]], options),
    RangeError,
    "logits that are numbers, got NaN for token 0",
  );
  const classifier = lionEncoder({
    ...{ vocabularySize: 3, numClasses: 3, dim: 8, depth: 1, numHeads: 2 },
    variant: "lit",
  });
  await assertRejects(
    () => unmask(classifier, [[2]], options),
    TypeError,
    'lionEncoder({ output: "tokens" })',
  );
  classifier.dispose();
}, { only: ["cpu"] });
