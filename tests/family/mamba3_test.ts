/** What Mamba-3's angles can count. @module */
import { assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { mamba3 } from "../../lib/family/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

/** A state that is written once, at the first token, and turns from then on. */
function turningState(phase: tf.Tensor4D, queries: tf.Tensor4D): tf.Tensor4D {
  const [batch, heads, length] = phase.shape;
  const ofTokens: [number, number, number] = [batch, heads, length];
  const isFirst = tf.equal(tf.range(0, length), 0);
  const written = tf.reshape(tf.cast(isFirst, "float32"), [1, 1, length, 1]);
  return mamba3({
    ...{ x: tf.ones([...ofTokens, 1]), phase, c: queries },
    dt: tf.ones(ofTokens),
    a: tf.zeros(ofTokens),
    b: tf.mul(tf.ones([...ofTokens, 2]), tf.mul(written, [1, 0])),
  }, { causal: true });
}

onEachBackend(
  "mamba3() adds up hundreds of numbers modulo 5, each a turn of its fifths",
  async () => {
    const batch = 3, length = 600, fifth = 2 * Math.PI / 5;
    const numbers = array(
      batch * length,
      uniform(3),
      (u) => Math.floor(5 * (u + 1) / 2) % 5,
    );
    const found = tf.tidy(() => {
      const phase = tf.tensor4d(
        numbers.map((number) => number * fifth),
        [batch, 1, length, 1],
      );
      // A head for each sum, which asks for the state that it makes.
      const angles = tf.mul(tf.range(0, 5), fifth);
      const queries = tf.reshape(
        tf.stack([tf.cos(angles), tf.neg(tf.sin(angles))], 1),
        [1, 5, 1, 2],
      );
      const y = turningState(
        tf.tile(phase, [1, 5, 1, 1]),
        tf.tile(queries, [batch, 1, length, 1]) as tf.Tensor4D,
      );
      return tf.argMax(tf.squeeze(y, [3]), 1);
    });
    const expected = numbers.map((_, i) => {
      const row = Math.floor(i / length) * length;
      // What is written at the first token turns from the second one on.
      return numbers.subarray(row + 1, i + 1).reduce((sum, x) => sum + x, 0) %
        5;
    });
    assertEquals([...await found.data()], [...expected]);
    found.dispose();
  },
);

onEachBackend(
  "mamba3()'s angles keep their digits over thousands of tokens",
  async () => {
    const length = 4000;
    const phase = array(length, uniform(1), (u) => 3 * u);
    let angle = 0;
    const expected = phase.map((x, i) => Math.cos(angle += i ? x : 0));
    const y = tf.tidy(() =>
      turningState(
        tf.tensor4d(phase, [1, 1, length, 1]),
        tf.tile(tf.tensor4d([1, 0], [1, 1, 1, 2]), [1, 1, length, 1]),
      )
    );
    const got = await y.data();
    expected.forEach((x, i) => assertLess(Math.abs(x - got[i]!), 1e-6));
    y.dispose();
  },
);
