/** Every mixer with a step reads a text in parts as it reads it at once. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { LionBlock } from "../../lib/layers/block.ts";
import {
  ATTENTION_VARIANTS,
  type Mixer,
  type MixerState,
} from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";
import { fillZeros } from "./zero_weights.ts";

const [LENGTH, DIM] = [9, 8];

/** The lengths of the parts. */
const PARTS = [4, 3, 1, 1];

/** Two texts, of which the second has padding on the left of parts. */
const MASKS = [
  [1, 1, 1, 1, 1, 1, 1, 1, 1],
  [0, 1, 1, 1, 0, 0, 1, 0, 1],
];

const CASES = ATTENTION_VARIANTS.filter((name) => name !== "hydra")
  .map((variant) => ({ variant }));

onEachBackend(
  "a block reads the next tokens as it reads all of them",
  async (backend) => {
    for (const { variant } of sampleForms(backend, CASES, () => false)) {
      const block = new LionBlock({
        ...{ variant, numHeads: 2, direction: "forward", seed: 3 },
      });
      const x = tf.tensor3d(array(2 * LENGTH * DIM, uniform(5)), [
        ...[2, LENGTH, DIM] as const,
      ]);
      const mask = tf.tensor2d(MASKS);
      tf.tidy(() => void block.apply(x));
      fillZeros([block]);
      let state: MixerState | undefined, from = 0;
      const parts: tf.Tensor3D[] = [];
      for (const size of PARTS) {
        const step = tf.tidy(() =>
          block.step(
            tf.slice(x, [0, from, 0], [2, size, DIM]),
            state,
            { mask: tf.slice(mask, [0, from], [2, size]) },
          )
        );
        if (state) tf.dispose(Object.values(state));
        ({ state } = step);
        parts.push(step.y);
        from += size;
      }
      const read = tf.tidy(() => tf.concat(parts, 1));
      const rows = await read.array();
      for (const [text, tokens] of MASKS.entries()) {
        const places = [...tokens.keys()].filter((i) => tokens[i] === 1);
        const alone = tf.tidy(() => {
          const own = tf.slice(x, [text, 0, 0], [1, LENGTH, DIM]);
          return block.apply(tf.gather(own, places, 1)) as tf.Tensor3D;
        });
        const [whole] = await alone.array();
        assertEquals(whole!.length, places.length);
        const largest = Math.max(...whole!.flat().map(Math.abs));
        whole!.forEach((row, i) =>
          row.forEach((y, n) => {
            const error = Math.abs(y - rows[text]![places[i]!]![n]!);
            assert(
              error < 1e-5 * largest,
              `${variant}: ${error} at token ${i} of text ${text}`,
            );
          })
        );
        alone.dispose();
      }
      block.dispose();
      tf.dispose([x, mask, read, ...parts, ...Object.values(state!)]);
    }
  },
  { sampled: true },
);

/** Passes on what it keeps in its state. */
const passing: Mixer = {
  parameters: () => [],
  apply: (x) => x,
  passFirst: (x) => x,
  step(x) {
    const kept = tf.mul(x, 2) as tf.Tensor3D;
    return { y: x, state: { kept }, first: kept };
  },
  operations: () => 0,
};

onEachBackend("a block's state outlives what the block passes on", async () => {
  const block = new LionBlock({ mixer: passing, direction: "forward" });
  const x = tf.ones<tf.Rank.R3>([1, 2, DIM]);
  tf.tidy(() => void block.apply(x));
  const { y, state, first } = tf.tidy(() =>
    block.step(x, undefined, { mask: undefined })
  );
  first!.dispose();
  assertEquals((await state["kept"]!.data()).length, 2 * DIM);
  tf.dispose([x, y, ...Object.values(state)]);
  block.dispose();
});

onEachBackend("a block refuses a step without what its mixer reads", () => {
  const options = { variant: "rwkv7", layer: [1, 2], numHeads: 2 } as const;
  const block = new LionBlock({ ...options, direction: "forward" });
  const x = tf.ones<tf.Rank.R3>([1, 2, DIM]);
  tf.tidy(() => void block.apply([x, x]));
  assertThrows(
    () => tf.tidy(() => void block.step(x, undefined, { mask: undefined })),
    TypeError,
    "should get as first what the model's first block passes on",
  );
  block.dispose();
  x.dispose();
});
