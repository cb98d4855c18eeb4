/** The long sequence of the page to try, and the words that it is told in. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { lionAttention, selectiveDecay, useBackend } from "../../mod.ts";
import { duration } from "../../site/million/words.ts";
import { readLong, timeSoftmax } from "../../site/million/reading.ts";
import { LongSequence } from "../../site/million/sequence.ts";
import { HEAD_DIM } from "../../site/million/sizes.ts";

Deno.test("a row by the formula is that of the whole sequence at once", async () => {
  await useBackend({ prefer: ["wasm"] });
  const [length, piece] = [96, 32];
  const sequence = new LongSequence(length, piece);
  assertEquals(sequence.pieces, 3);
  const { q, k, v, logDecay } = tf.tidy(() => {
    const pieces = [0, 1, 2].map((index) => sequence.piece(index));
    const join = (name: "q" | "k" | "v") =>
      tf.concat(pieces.map((piece) => piece[name]), 2) as tf.Tensor4D;
    // The backward decays are those of the tokens after.
    const backward = tf.concat(pieces.map(({ pair }) => pair.backward!), 2);
    const first = tf.slice(pieces[0]!.pair.forward, [0, 0, 1], [1, 1, 1]);
    const logDecay = tf.concat([
      first,
      tf.slice(backward, [0, 0, 0], [1, 1, length - 1]),
    ], 2);
    return { q: join("q"), k: join("k"), v: join("v"), logDecay };
  });
  const whole = await tf.tidy(() =>
    lionAttention(q, k, v, {
      decay: selectiveDecay(logDecay),
      form: "full",
      kernel: false,
    })
  ).data();
  for (const token of [0, 31, 32, 50, 95]) {
    const row = sequence.plainRow(token, 1 / Math.sqrt(HEAD_DIM), 1e-6);
    row.forEach((value, i) =>
      assertAlmostEquals(value, whole[token * HEAD_DIM + i]!, 1e-5)
    );
  }
});

Deno.test("pieces that pass states on give the rows of the formula", async () => {
  await useBackend({ prefer: ["wasm"] });
  const before = tf.memory().numTensors;
  for (const [length, piece] of [[1024, 1024], [4096, 512], [2, 1]] as const) {
    const done: number[] = [];
    const { checked, difference, milliseconds } = await readLong(
      length,
      (part) => done.push(part),
      piece,
    );
    assertEquals(checked, length === 2 ? 2 : 4);
    assertLess(difference, 1e-4);
    assert(milliseconds > 0);
    assertEquals(done.length, 2 * length / piece - 1);
    assertEquals(done.at(-1), 1);
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("softmax is timed at short lengths alone", async () => {
  await useBackend({ prefer: ["wasm"] });
  const before = tf.memory().numTensors;
  const times = await timeSoftmax(2048);
  assert(times.length >= 1 && times.length <= 2);
  assertEquals(times[0]!.length, 1024);
  for (const { milliseconds } of times) assert(milliseconds > 0);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("durations are told in at most two units", () => {
  const told = [
    [0.42, "0.42 ms"],
    [35.4, "35 ms"],
    [999.7, "1.0 s"],
    [1900, "1.9 s"],
    [42_000, "42 s"],
    [61_000, "1 min 1 s"],
    [3_599_900, "1 h"],
    [9_660_000, "2 h 41 min"],
    [86_400_000 * 3.5, "3 days 12 h"],
    [86_400_000 * 1.001, "1 day"],
  ] as const;
  for (const [milliseconds, words] of told) {
    assertEquals(duration(milliseconds), words);
  }
});
