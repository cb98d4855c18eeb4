/** What is rounding passes, and what is more does not. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../mod.ts";
import type { Batch } from "../../lib/data/batches/stream.ts";
import { train } from "../../lib/training/mod.ts";
import { uniform } from "../random.ts";
import { weightsOf } from "../training/tiny.ts";
import { assertRounded, moveWeights, rounded } from "./rounding.ts";
import { unevenData, unevenModel, unevenOptions } from "./uneven.ts";

Deno.test("numbers move by a rounding, to either side", () => {
  const random = uniform(1);
  const values = Float32Array.from({ length: 99 }, () => 10 * random() - 5);
  const moved = rounded(values, random);
  const steps = values.map((x, i) => Math.sign(moved[i]! - x));
  assertEquals(new Set(steps), new Set([-1, 0, 1]));
  for (const [i, x] of values.entries()) {
    assertEquals(Math.abs(moved[i]! - x) <= 2 ** -22 * Math.abs(x), true);
  }
});

Deno.test("an error is as large as sums in another order make it, or as what has moved", () => {
  const values = [100, 0], terms = 16;
  // 16 · 2^-24 of the largest number, 100, are 9.5e-5.
  const passes = (error: number, moved: number[][]) =>
    assertRounded([100 + error, 0], { values, moved, terms }, "x");
  passes(9e-5, []);
  assertThrows(() => passes(1e-4, []), Error, "x: 100.0001 at 0, not 100");
  // Four times 0.01, wherever in the array.
  passes(0.04, [[100, 0.01], [100, 0]]);
  assertThrows(() => passes(0.041, [[100, 0.01], [100, 0]]), Error, "x: ");
  for (const wrong of [NaN, Infinity]) {
    assertThrows(() => passes(wrong, []), Error, "x: ");
    assertThrows(() => passes(0, [[wrong, 0]]), Error, "x: what has moved");
  }
  assertThrows(
    () => assertRounded([1], { values, moved: [], terms }, "x"),
    Error,
    "x",
  );
});

/** Without the last of the first batch's labels, as if the rank that has it were not heard. */
async function withoutOne(batch: Batch): Promise<Batch> {
  const labels = [...await batch.labels.data()];
  batch.labels.dispose();
  labels[labels.length - 1] = -100;
  return { ...batch, labels: tf.tensor1d(labels, "int32") };
}

Deno.test("a share of one batch that is lost is more than rounding", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const random = uniform(1);
  const trained = async ({ isMoved = false, isLost = false }) => {
    const model = unevenModel();
    if (isMoved) await moveWeights(model, random);
    const { stepsPerEpoch, from } = unevenData();
    const data = {
      stepsPerEpoch,
      async *from(start: number) {
        let position = start;
        for await (const batch of from(start)) {
          yield isLost && position === 0 ? await withoutOne(batch) : batch;
          position++;
        }
      },
    };
    await train(model, data, unevenOptions({ steps: 10 }));
    const weights = (await weightsOf(model)).flat();
    model.dispose();
    return weights;
  };
  const values = await trained({});
  const moved = [await trained({ isMoved: true })];
  const expected = { values, moved, terms: 10 };
  assertRounded(await trained({}), expected, "all");
  const lost = await trained({ isLost: true });
  assertThrows(() => assertRounded(lost, expected, "lost"), Error, "lost: ");
});
