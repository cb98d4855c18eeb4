/** Rotary position embedding (RoPE). @module */
import * as tf from "@tensorflow/tfjs-core";
import { composed } from "@lionjs/tfjs/record";

/**
 * RoPE's base: the slowest columns turn once in about 2π times as many tokens.
 */
const BASE = 10_000;

/**
 * Rotates each pair of columns (n, n + headDim / 2) by the angle
 * `place / scale · 10000^(-2n / headDim)`: products of queries and keys then depend on
 * their distance and its sign. Differentiable in x.
 *
 * Columns are paired across the halves, as in Hugging Face's and LLaMA's
 * weights; the paper pairs neighbours, which is the same function of permuted
 * columns.
 *
 * Source: Su et al. 2021 (arXiv:2104.09864), section 3.2.2; the scale, position
 * interpolation: Chen et al. 2023 (arXiv:2306.15595), section 2.2.
 *
 * @param x `[batch, heads, length, headDim]`, headDim even.
 * @param places The tokens' positions, `[batch, length]`, int32, from 0 to
 * below its `length`; 0, 1, … if undefined.
 * @param scale What positions are divided by.
 * @returns A tensor of the same shape.
 */
export function rotated(
  x: tf.Tensor4D,
  places?: { readonly of: tf.Tensor2D; readonly length: number },
  scale = 1,
): tf.Tensor4D {
  const inputs = { x, places: places?.of };
  return composed("LionRotated", inputs, { base: BASE, scale }, () => {
    const [batch, , length, headDim] = x.shape;
    const pairs = headDim / 2;
    const [cosines, sines] = (["cosines", "sines"] as const).map((name) => {
      const rows = places?.length ?? length;
      const turns = turnsUntil(rows, pairs, scale);
      const values = turns[name].subarray(0, rows * pairs);
      const table = tf.tensor2d(values, [rows, pairs]);
      return places
        ? tf.reshape(tf.gather(table, places.of), [batch, 1, length, pairs])
        : tf.reshape(table, [1, 1, length, pairs]);
    }) as [tf.Tensor4D, tf.Tensor4D];
    const [first, second] = tf.split(x, 2, 3) as [tf.Tensor4D, tf.Tensor4D];
    return tf.concat([
      tf.sub(tf.mul(first, cosines), tf.mul(second, sines)),
      tf.add(tf.mul(second, cosines), tf.mul(first, sines)),
    ], 3) as tf.Tensor4D;
  });
}

/** A table of cosines and sines per position and pair of columns, row-major. */
interface Turns {
  readonly places: number;
  readonly cosines: Float32Array;
  readonly sines: Float32Array;
}

/**
 * The largest table so far for each number of pairs and scale; its number of positions
 * is a power of two.
 */
const known = new Map<string, Turns>();

/**
 * Rotations of `length` or more positions, computed in float64: float32 has few
 * digits left for late tokens' angles, and a GPU's sines are accurate near zero.
 */
function turnsUntil(length: number, pairs: number, scale: number): Turns {
  const key = `${pairs}/${scale}`;
  const before = known.get(key);
  if (before && before.places >= length) return before;
  const places = 2 ** Math.ceil(Math.log2(length));
  const angle = (i: number) =>
    Math.floor(i / pairs) / scale * BASE ** (-(i % pairs) / pairs);
  const size = { length: places * pairs };
  const turns = {
    places,
    cosines: Float32Array.from(size, (_, i) => Math.cos(angle(i))),
    sines: Float32Array.from(size, (_, i) => Math.sin(angle(i))),
  };
  known.set(key, turns);
  return turns;
}
