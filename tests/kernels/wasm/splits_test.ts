/** Sequences that several threads share, against the oracle. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { FORMS } from "../../../lib/attention/forms/form.ts";
import { explainAttention, useBackend } from "../../../mod.ts";
import { onEachBackend } from "../../backends.ts";
import { assertRight } from "../../subjects/assert_right.ts";
import { DECAYS, LION } from "../../subjects/lion.ts";
import { PIECE } from "../../subjects/pieces.ts";
import { differences, solved, untapedOf } from "../../subjects/subject.ts";

/** Few operations are one thread's, in as many splits; the last are not. */
const SIZES = [
  { length: 5, chunkSize: 1 },
  { length: 70, chunkSize: 8 },
  // Ten chunks, of which four splits have three, three, three and one.
  { length: 75, chunkSize: 8 },
  { length: 130, chunkSize: 16, headDim: 40, valueDim: 37 },
];

// One and two are what other tests run with.
for (const threads of [3, 4, 7]) {
  onEachBackend(
    `${threads} threads share one sequence`,
    async (backend, t) => {
      await useBackend({ prefer: ["wasm"], threads });
      const x = tf.ones<tf.Rank.R4>([1, 1, 9, 2]);
      const { reason } = explainAttention(x, x, x);
      x.dispose();
      assert(reason.startsWith(`wasm, ${threads} thread`), reason);
      for (const { length, chunkSize, ...dims } of SIZES) {
        // Three sequences and four threads: two splits each.
        for (const heads of length === 70 ? [1, 2, 3] : [1]) {
          const ways = FORMS.map((form) => ({ form, chunkSize }));
          const runs = DECAYS.flatMap((decay) =>
            [false, true].map((causal) =>
              [{
                ...{ batch: 1, heads, length, ...dims },
                ...{ decay, causal, normalize: !causal, padded: causal },
              }, ...ways] as const
            )
          );
          await t.step(
            `length ${length}, ${heads} heads`,
            () => assertRight(LION, runs, backend),
          );
        }
      }
      await t.step("pieces between states", async () => {
        for (const decay of ["none", "two-sided"] as const) {
          for (const causal of [false, true]) {
            const c = {
              ...{ batch: 1, heads: 1, length: 230, headDim: 40, valueDim: 37 },
              ...{ decay, causal, normalize: true, padded: causal },
              pieces: [130, 100],
            };
            const { problem, expected } = solved(PIECE, c);
            const y = await untapedOf(PIECE, problem);
            const alone = { ...expected, gradients: {} };
            assertEquals(differences(PIECE, problem, y, alone, backend), []);
          }
        }
      });
    },
    ["wasm"],
  );
}
