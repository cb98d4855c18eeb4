/** Attention in blocks is its definition, and unmask() with states is the same without. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { blockAttention } from "../../lib/attention/streaming/block_attention.ts";
import type { Decay } from "../../lib/attention/decays/decay.ts";
import { unmask } from "../../lib/diffusion/mod.ts";
import {
  diagonalDecay,
  fixedDecay,
  lionBert,
  lionEncoder,
  noDecay,
  selectiveDecay,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { saveAndLoad } from "../models/save_and_load.ts";
import { array, uniform } from "../random.ts";

const [BATCH, HEADS, LENGTH, DIM] = [2, 2, 7, 3];
const BLOCK = 3;

/** How the decays of tokens make those of paths, by the names of tests. */
const KINDS: Record<string, { make: (log: tf.Tensor) => Decay; size: number }> =
  {
    none: { make: () => noDecay(), size: 1 },
    "per head": {
      make: (log) => fixedDecay(tf.reshape<tf.Rank.R1>(log, [HEADS])),
      size: HEADS,
    },
    ...Object.fromEntries(
      (["source", "arrival"] as const).map((convention) => [
        `of the ${convention}`,
        {
          make: (log: tf.Tensor) =>
            selectiveDecay(
              tf.reshape<tf.Rank.R3>(log, [BATCH, HEADS, LENGTH]),
              { convention },
            ),
          size: BATCH * HEADS * LENGTH,
        },
      ]),
    ),
    "of channels": {
      make: (log) =>
        diagonalDecay(tf.reshape<tf.Rank.R4>(log, [BATCH, HEADS, LENGTH, DIM])),
      size: BATCH * HEADS * LENGTH * DIM,
    },
  };

/** The weights of pairs of tokens, by the definition: a loss of the output is returned. */
function oracle(
  kind: string,
  [q, k, v, log]: readonly ArrayLike<number>[],
  masked: (row: number, token: number) => boolean,
): { y: number[]; loss: number } {
  const at = (row: number, head: number, token: number, column: number) =>
    ((row * HEADS + head) * LENGTH + token) * DIM + column;
  /** The log decay of a token for a channel. */
  const decayOf = (row: number, head: number, token: number, column: number) =>
    kind === "none"
      ? 0
      : kind === "per head"
      ? log![head]!
      : kind === "of channels"
      ? log![at(row, head, token, column)]!
      : log![(row * HEADS + head) * LENGTH + token]!;
  const isArrival = kind === "of the arrival";
  const y: number[] = [];
  let loss = 0;
  for (let row = 0; row < BATCH; row++) {
    for (let head = 0; head < HEADS; head++) {
      for (let i = 0; i < LENGTH; i++) {
        const sums = Array(DIM).fill(0);
        let total = 0;
        for (let j = 0; j < LENGTH; j++) {
          if (Math.floor(j / BLOCK) > Math.floor(i / BLOCK)) continue;
          if (masked(row, j)) continue;
          let score = 0;
          for (let c = 0; c < DIM; c++) {
            let path = 0;
            const [low, high] = [Math.min(i, j), Math.max(i, j)];
            for (let t = low; t <= high; t++) {
              if (t !== (isArrival ? j : i)) path += decayOf(row, head, t, c);
            }
            score += q![at(row, head, i, c)]! * k![at(row, head, j, c)]! *
              Math.exp(path) / Math.sqrt(DIM);
          }
          total += score;
          for (let c = 0; c < DIM; c++) {
            sums[c] += score * v![at(row, head, j, c)]!;
          }
        }
        for (let c = 0; c < DIM; c++) {
          const value = masked(row, i) ? 0 : sums[c] / (total + 1e-6);
          y.push(value);
          loss += value * Math.cos(at(row, head, i, c));
        }
      }
    }
  }
  return { y, loss };
}

for (const [kind, { make, size }] of Object.entries(KINDS)) {
  onEachBackend(
    `attention in blocks with decays ${kind} is its definition`,
    async () => {
      const count = BATCH * HEADS * LENGTH * DIM;
      const values = [
        ...[1, 2, 3].map((seed) => array(count, uniform(seed), (u) => 0.2 + u)),
        array(size, uniform(4), (u) => -u),
      ];
      const masked = (row: number, token: number) => row === 1 && token >= 5;
      const mask = tf.tensor2d(
        Array.from(
          { length: BATCH * LENGTH },
          (_, i) => masked(Math.floor(i / LENGTH), i % LENGTH) ? 0 : 1,
        ),
        [BATCH, LENGTH],
      );
      const tensors = values.map((x, i) =>
        i < 3 ? tf.tensor4d(x, [BATCH, HEADS, LENGTH, DIM]) : tf.tensor1d(x)
      );
      const weights = tf.tensor4d(
        Array.from({ length: count }, (_, i) => Math.cos(i)),
        [BATCH, HEADS, LENGTH, DIM],
      );
      const run = ([q, k, v, log]: tf.Tensor[]) =>
        blockAttention(
          { q: q!, k: k!, v: v! },
          { decay: make(log!), mask },
          BLOCK,
        ).y;
      const expected = oracle(kind, values, masked);
      const y = tf.tidy(() => run(tensors));
      (await y.data()).forEach((x, i) =>
        assertAlmostEquals(x, expected.y[i]!, 1e-5)
      );
      const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) =>
        // Without decay, its tensor has no part in the output but this.
        tf.add(
          tf.sum(tf.mul(run(given), weights)),
          tf.mul(0, tf.sum(given[3]!)),
        )
      )(tensors);
      for (const [n, own] of values.entries()) {
        const gradient = await grads[n]!.data();
        for (let i = 0; i < own.length; i += 3) {
          const [above, below] = [1e-4, -1e-4].map((step) =>
            oracle(
              kind,
              values.map((x, m) =>
                m === n
                  ? Float64Array.from(x, (y, j) => j === i ? y + step : y)
                  : x
              ),
              masked,
            ).loss
          );
          const numeric = (above! - below!) / 2e-4;
          // Without decay, its tensor has no part in the output.
          if (kind === "none" && n === 3) continue;
          assertAlmostEquals(gradient[i]!, numeric, 2e-4, `${n} ${i}`);
        }
      }
      tf.dispose([mask, ...tensors, weights, y, value, ...grads]);
    },
  );
}

const SIZES = {
  vocabularySize: 9,
  dim: 8,
  numHeads: 2,
  seed: 5,
  embeddingStd: 1,
};
const MASK = 8;

/** Models whose attention is causal between blocks of three tokens. */
const MODELS: Record<string, () => LayersModel> = {
  "lionEncoder, LION-LIT": () =>
    lionEncoder({
      ...SIZES,
      ...{ depth: 2, variant: "lit", output: "tokens", numClasses: 9 },
      ...{ maxLength: 12, blockLength: 3 },
    }),
  "lionEncoder, LION-S, with repeats": () =>
    lionEncoder({
      ...SIZES,
      ...{
        depth: 2,
        repeats: 2,
        variant: "s",
        output: "tokens",
        numClasses: 9,
      },
      blockLength: 3,
    }),
  "lionEncoder, LION-D of channels": () =>
    lionEncoder({
      ...SIZES,
      ...{ depth: 1, variant: "d", diagonalDecay: "hippo", output: "tokens" },
      ...{ numClasses: 9, blockLength: 3 },
    }),
  "lionBert, LION-S": () =>
    lionBert({
      ...SIZES,
      ...{
        depth: 2,
        variant: "s",
        tokenTypes: 0,
        maxLength: 12,
        blockLength: 3,
      },
    }),
};

for (const [name, make] of Object.entries(MODELS)) {
  onEachBackend(`unmask() keeps the states of blocks: ${name}`, async () => {
    const model = make();
    const rows = [
      [1, 2, MASK, MASK, 4, MASK, MASK, MASK, MASK, MASK],
      [MASK, 2, 3, MASK],
      [5, 6, 7, 1, 2, 3, MASK, MASK, MASK, 4],
    ];
    const options = { maskToken: MASK, seed: 1 };
    const plain = (ids: tf.Tensor2D) =>
      model.predict([ids, tf.ones(ids.shape)]) as tf.Tensor3D;
    const kept = await unmask(model, rows, options);
    const whole = await unmask(plain, rows, { ...options, blockLength: 3 });
    assertEquals(kept.ids, whole.ids);
    assertEquals(kept.order, whole.order);
    // Continued from a state, one block after another.
    const row = rows[0]!.slice(0, 9);
    const once = await unmask(model, [row], options);
    const parts = [];
    let state;
    for (const first of [0, 3, 6]) {
      const part = await unmask(model, [row.slice(first, first + 3)], {
        ...options,
        state,
        returnState: true,
      });
      state?.dispose();
      state = part.state!;
      assertEquals(state.tokens, first + 3);
      parts.push(...part.ids[0]!);
    }
    state?.dispose();
    assertEquals(parts, once.ids[0]);
    const loaded = await saveAndLoad(model);
    assertEquals((await unmask(loaded, rows, options)).ids, kept.ids);
    loaded.dispose();
    model.dispose();
  }, { only: ["wasm", "cpu"] });
}

onEachBackend(
  "a block does not see later ones, and all of itself",
  async () => {
    const model = MODELS["lionEncoder, LION-S, with repeats"]!();
    const answer = async (ids: number[]) => {
      const y = tf.tidy(() =>
        model.predict([
          tf.tensor2d([ids], [1, 7], "int32"),
          tf.ones([1, 7]),
        ]) as tf.Tensor3D
      );
      const [rows] = await y.array();
      y.dispose();
      return rows!;
    };
    const before = await answer([1, 2, 3, 4, 5, 6, 7]);
    const after = await answer([1, 2, 3, 4, 5, 7, 7]);
    const changed = before.map((row, i) =>
      row.some((x, c) => x !== after[i]![c])
    );
    assertEquals(changed, [false, false, false, true, true, true, true]);
    model.dispose();
  },
  { only: ["wasm"] },
);

onEachBackend("blocks that cannot be are refused", async () => {
  const make = (more: object) => () =>
    lionEncoder({
      ...{ ...SIZES, depth: 1, numClasses: 9, output: "tokens", variant: "s" },
      ...{ blockLength: 3, ...more },
    } as never);
  const refused: [object, string][] = [
    [{ variant: "softmax" }, 'variant "softmax"'],
    [{ direction: "forward" }, 'direction "forward"'],
    [{ countSelf: "twice" }, 'countSelf "twice"'],
    [{ segments: true }, "segments"],
    [{ blockLength: 0 }, "blockLength should be"],
  ];
  for (const [more, text] of refused) {
    assertThrows(make(more), RangeError, text);
  }
  const model = make({})(), other = make({ blockLength: undefined })();
  const run = (model: LayersModel, more: object, ids = [[MASK, 1, 2]]) => () =>
    unmask(model, ids, { maskToken: MASK, ...more });
  await assertRejects(
    run(model, { blockLength: 2 }),
    RangeError,
    "blockLength should be the model's, 3",
  );
  await assertRejects(
    run(other, { returnState: true }),
    RangeError,
    "for models with the option blockLength",
  );
  await assertRejects(
    run(model, { returnState: true }, [[MASK, 1]]),
    RangeError,
    "rows of whole blocks of 3",
  );
  const { state } = await run(model, { returnState: true })();
  await assertRejects(
    run(model, { state }, [[MASK], [MASK]]),
    RangeError,
    "each of the state's 1, got 2",
  );
  await assertRejects(run(model, { state: {} }), TypeError, "state should be");
  assert(state!.tokens === 3);
  state!.dispose();
  model.dispose();
  other.dispose();
}, { only: ["cpu"] });
