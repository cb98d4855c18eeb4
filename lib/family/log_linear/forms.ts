/** Forms of log-linear attention, which all give the same result. @module */
import * as tf from "@tensorflow/tfjs-core";
import { selectiveDecay } from "../../attention/decays/decay.ts";
import { mask, strictly } from "../../attention/decays/mask.ts";
import { withBorders } from "../../attention/decays/segment_borders.ts";
import { lionAttention } from "../../attention/lion_attention.ts";
import { endsOf, positionsIn } from "../../operations/segments.ts";
import { levelsOf, levelsOfPairs, placesOf, weightsOfPairs } from "./levels.ts";

/** What a form reads: queries with the scale, and as many levels as there are. */
export interface Leveled {
  /** `[batch, heads, length, headDim]` */
  readonly q: tf.Tensor4D;
  /** `[batch, heads, length, headDim]` */
  readonly k: tf.Tensor4D;
  /** `[batch, heads, length, valueDim]` */
  readonly v: tf.Tensor4D;
  /** `[batch, heads, length]`, finite. */
  readonly logDecay: tf.Tensor3D;
  /** `[batch, heads, length, levels]` */
  readonly levelScales: tf.Tensor4D;
}

/** All pairs of tokens at once. */
export function full(
  { q, k, v, logDecay, levelScales }: Leveled,
  causal: boolean,
  segments: tf.Tensor2D | undefined,
): tf.Tensor4D {
  const [batch, heads, length] = q.shape;
  const whole = { forward: logDecay, backward: causal ? null : logDecay };
  const pair = segments
    ? withBorders(whole, endsOf(segments), { heads, causal })
    : whole;
  const { fromLeft, fromRight } = placesOf(length, segments);
  const isLater = strictly("before", length, { start: 0, size: length });
  const count = levelScales.shape[3];
  const before = levelsOfPairs(fromLeft, fromLeft, count);
  const levels = causal ? before : tf.add(
    tf.mul(before, tf.sub(1, isLater)),
    tf.mul(levelsOfPairs(fromRight, fromRight, count), isLater),
  ) as tf.Tensor3D;
  const scales = tf.reshape(levelScales, [batch * heads, length, -1]);
  const weights = weightsOfPairs(scales as tf.Tensor3D, levels);
  const scores = tf.mul(tf.matMul(q, k, false, true), mask(pair, length));
  return tf.matMul(tf.mul(scores, tf.reshape(weights, scores.shape)), v);
}

/**
 * The causal form in chunks: the pairs of a chunk at once, and above them, for
 * each level, what the second of two blocks reads of the state of the first.
 * Blocks of the next level are two of these.
 */
export function chunkwise(
  { q, k, v, logDecay, levelScales }: Leveled,
  chunkSize: number,
): tf.Tensor4D {
  const [batch, heads, length, headDim] = q.shape, valueDim = v.shape[3];
  const whole = 2 ** Math.ceil(Math.log2(length));
  const size = Math.min(2 ** Math.floor(Math.log2(chunkSize)), whole);
  const chunks = batch * heads * whole / size;
  const cut = (x: tf.Tensor, columns: number): tf.Tensor3D =>
    tf.reshape(
      tf.pad(tf.reshape(x, [batch * heads, length, columns]), [
        [0, 0],
        [0, whole - length],
        [0, 0],
      ]),
      [chunks, size, columns],
    );
  const queries = cut(q, headDim), keys = cut(k, headDim);
  const values = cut(v, valueDim),
    scales = cut(levelScales, levelScales.shape[3]);
  const steps = cut(logDecay, 1);

  const within = levelsOf(size);
  const { fromLeft } = placesOf(size, undefined);
  const weights = weightsOfPairs(
    tf.slice(scales, [0, 0, 0], [-1, -1, within]),
    levelsOfPairs(fromLeft, fromLeft, within),
  );
  const passed = mask(
    { forward: tf.squeeze(steps, [2]), backward: null },
    size,
  );
  const scores = tf.mul(tf.matMul(queries, keys, false, true), passed);
  let y = tf.matMul(tf.mul(scores, weights), values) as tf.Tensor3D;

  let states = tf.matMul(
    tf.mul(keys, tf.exp(tf.cumsum(steps, 1, true, true))),
    values,
    true,
  ) as tf.Tensor3D;
  // From the start of each token's block to the token.
  let starts = tf.cumsum(steps, 1) as tf.Tensor3D;
  let blocks = chunks, block = size;
  for (let level = within; block < whole; level++) {
    blocks /= 2;
    const inPairs = (x: tf.Tensor3D) =>
      tf.split(tf.reshape(x, [blocks, 2, -1, x.shape[2]]), 2, 1)
        .map((half) => tf.squeeze(half, [1])) as [tf.Tensor3D, tf.Tensor3D];
    const [first, second] = inPairs(states);
    const [firstStarts, secondStarts] = inPairs(starts);
    const [, readers] = inPairs(tf.reshape(queries, [-1, block, headDim]));
    const [, own] = inPairs(
      tf.reshape(
        tf.slice(scales, [0, 0, level], [-1, -1, 1]),
        [-1, block, 1],
      ),
    );
    const weighted = tf.mul(readers, tf.mul(own, tf.exp(secondStarts)));
    const read = tf.matMul(weighted, first);
    y = tf.add(
      tf.reshape(y, [blocks, 2 * block, valueDim]),
      tf.pad(read, [[0, 0], [block, 0], [0, 0]]),
    );
    const last = (x: tf.Tensor3D): tf.Tensor3D =>
      tf.slice(x, [0, block - 1, 0], [-1, 1, -1]);
    states = tf.add(second, tf.mul(first, tf.exp(last(secondStarts))));
    starts = tf.concat([
      firstStarts,
      tf.add(secondStarts, last(firstStarts)),
    ], 1);
    block *= 2;
  }
  const all = tf.reshape(y, [batch, heads, whole, valueDim]);
  return tf.slice(all, [0, 0, 0, 0], [-1, -1, length, -1]) as tf.Tensor4D;
}

/**
 * The causal form of packed sequences, whose blocks begin anywhere: for each
 * level, attention inside pairs of blocks, in which the tokens of the second
 * read those of the first.
 */
export function packed(
  { q, k, v, logDecay, levelScales }: Leveled,
  segments: tf.Tensor2D,
): tf.Tensor4D {
  const length = q.shape[2], places = positionsIn(segments);
  const decay = selectiveDecay(logDecay, { convention: "arrival" });
  const [own, ...others] = tf.split(levelScales, levelScales.shape[3], 3);
  let y = tf.mul(tf.mul(tf.sum(tf.mul(q, k), 3, true), own!), v) as tf.Tensor4D;
  others.slice(0, levelsOf(length) - 1).forEach((scales, i) => {
    const block = 2 ** i;
    const place = tf.mod(places, 2 * block);
    const isSecond = tf.cast(tf.greaterEqual(place, block), "float32");
    const ofTokens = (x: tf.Tensor) => tf.reshape(x, [-1, 1, length, 1]);
    const readers = tf.mul(q, tf.mul(scales, ofTokens(isSecond)));
    const sources = tf.mul(k, ofTokens(tf.sub(1, isSecond)));
    const read = lionAttention(readers, sources, v, {
      ...{ decay, causal: true, normalize: false, scale: 1 },
      segments: tf.cumsum(tf.cast(tf.equal(place, 0), "int32"), 1),
    });
    y = tf.add(y, read);
  });
  return y;
}
