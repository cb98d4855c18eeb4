/** Decays of each channel in the module, on any number of threads, against the oracle. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { diagonalDecay, explainAttention, useBackend } from "../../../mod.ts";
import { onEachBackend } from "../../backends.ts";
import { assertRight } from "../../subjects/assert_right.ts";
import { CHANNELS, LION } from "../../subjects/lion.ts";

/**
 * Rows of one vector, of pairs of them and of both, with padding and without;
 * chunks that blocks of four and their doubles divide, and others.
 */
const SIZES = [
  { length: 1, headDim: 8, valueDim: 3, chunkSizes: [1, 64] },
  { length: 3, headDim: 12, valueDim: 8, chunkSizes: [2, 3] },
  // Decays of all kinds, those of 0 too.
  { length: 21, headDim: 12, valueDim: 4, chunkSizes: [8], heads: 6 },
  { length: 29, headDim: 64, valueDim: 16, chunkSizes: [16, 29] },
  { length: 67, headDim: 18, valueDim: 5, chunkSizes: [5, 16, 64] },
  // Ten chunks, of which four splits have three, three, three and one.
  { length: 75, headDim: 20, valueDim: 7, chunkSizes: [8, 32] },
];

const VARIANTS = [
  { causal: false, normalize: true, padded: false, packed: true },
  { causal: true, normalize: true, padded: true, packed: false },
  { causal: false, normalize: false, padded: true, packed: false },
  { causal: true, normalize: false, padded: false, packed: true },
];

for (const threads of [1, 2, 3, 4, 7]) {
  onEachBackend(
    `${threads} threads share a sequence whose channels have decays of their own`,
    async (backend) => {
      await useBackend({ prefer: ["wasm"], threads });
      const x = tf.ones<tf.Rank.R4>([1, 1, 9, 2]);
      const logDecay = tf.zeros<tf.Rank.R4>([1, 1, 9, 2]);
      const decay = diagonalDecay(logDecay);
      const { kernel, reason } = explainAttention(x, x, x, { decay });
      tf.dispose([x, logDecay]);
      assertEquals(kernel, "LionChunkwise");
      assert(reason.startsWith(`wasm, ${threads} thread`), reason);
      const runs = SIZES.flatMap(({ chunkSizes, ...size }, s) =>
        VARIANTS.map((variant, i) =>
          [
            {
              ...{ batch: 1, heads: 1, ...size, ...variant },
              decay: CHANNELS[(s + i) % CHANNELS.length]!,
            },
            ...chunkSizes
              .map((chunkSize) => ({ form: "chunkwise", chunkSize })),
          ] as const
        )
      );
      await assertRight(LION, runs, backend);
    },
    ["wasm"],
  );
}
