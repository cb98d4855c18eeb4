/** Decays of each channel in the kernels, against the oracle. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { diagonalDecay, explainAttention, lionAttention } from "../../mod.ts";
import { onEachBackend, WITH_KERNELS } from "../backends.ts";
import { sample } from "../sample.ts";
import { assertRight } from "../subjects/assert_right.ts";
import { CHANNELS, LION, type LionCase } from "../subjects/lion.ts";
import { withLimits } from "./webgpu/with_limits.ts";

onEachBackend(
  "a NaN decay of a channel is one in all that it lies before",
  async () => {
    const [length, headDim] = [40, 12];
    const x = tf.ones<tf.Rank.R4>([1, 1, length, headDim]);
    for (const [token, channel] of [[5, 0], [17, 11], [32, 3]] as const) {
      const values = new Float32Array(length * headDim);
      values[token * headDim + channel] = NaN;
      const logDecay = tf.tensor4d(values, [1, 1, length, headDim]);
      const decay = diagonalDecay(logDecay, { convention: "arrival" });
      const y = lionAttention(x, x, x, { decay, causal: true });
      const rows = await y.array();
      rows[0]![0]!.forEach((row, i) =>
        row.forEach((value) => assertEquals(Number.isNaN(value), i >= token))
      );
      tf.dispose([logDecay, y]);
    }
    x.dispose();
  },
  WITH_KERNELS,
);

/**
 * Tiles of eight tokens, alone, in runs of two, four and more, and cut short by
 * the chunk or by the sequence.
 */
const SIZES = [
  { length: 1, headDim: 8, valueDim: 3, chunkSizes: [1, 64] },
  { length: 8, headDim: 1, valueDim: 4, chunkSizes: [3, 8] },
  // Decays of all kinds, those of 0 too.
  { length: 45, headDim: 12, valueDim: 4, chunkSizes: [8, 20], heads: 6 },
  { length: 67, headDim: 18, valueDim: 5, chunkSizes: [13, 67] },
  { length: 11, headDim: 128, valueDim: 16, chunkSizes: [10] },
  { length: 140, headDim: 4, valueDim: 1, chunkSizes: [64, 140] },
];

const VARIANTS = [
  { causal: false, normalize: true, padded: false, packed: true },
  { causal: true, normalize: true, padded: true, packed: false },
  { causal: false, normalize: false, padded: true, packed: false },
  { causal: true, normalize: false, padded: false, packed: true },
];

onEachBackend(
  "kernels of decays of each channel equal the oracle, whatever the chunks",
  (backend) => {
    const cases = SIZES.flatMap(({ chunkSizes, ...size }, s) =>
      // Both directions and one, with each of the other options.
      [s % 2 * 2, s % 2 * 2 + 1].flatMap((i) => {
        const c: LionCase = {
          ...{ batch: 1, heads: 1, ...size, ...VARIANTS[i]! },
          decay: CHANNELS[(s + i) % CHANNELS.length]!,
        };
        return chunkSizes
          .map((chunkSize) => [c, { form: "chunkwise", chunkSize }] as const);
      })
    );
    return assertRight(LION, sample(backend, cases), backend);
  },
  { only: WITH_KERNELS, sampled: true },
);

onEachBackend(
  "decayed rows that fit no buffer together take passes",
  async (backend) => {
    const c: LionCase = {
      ...{ batch: 2, heads: 3, length: 40, headDim: 6, valueDim: 5 },
      ...{ decay: "source of channels", ...VARIANTS[0]! },
    };
    // Of two sequences, both directions and three chunks: the queries, keys and decays of 16
    // tokens, and the decays over the chunk and its blocks, in two vec4s.
    const maxStorageBufferBindingSize = 2 * 2 * 3 * (3 * 16 + 1 + 4) * 2 * 16;
    await withLimits({ maxStorageBufferBindingSize }, async () => {
      const x = tf.zeros<tf.Rank.R4>([2, 3, 40, 6]);
      const decay = diagonalDecay(x);
      const { reason } = explainAttention(x, x, x, { decay, chunkSize: 16 });
      x.dispose();
      // Five launches of each pass, after copies of q, k, v and both directions' decays.
      assert(reason.startsWith("webgpu, 20 launches"), reason);
      const way = { form: "chunkwise", chunkSize: 16 };
      await assertRight(LION, [[c, way]], backend);
    });
  },
  ["webgpu"],
);
