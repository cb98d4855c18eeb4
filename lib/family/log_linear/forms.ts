/** Forms of log-linear attention, which all give the same result. @module */
import * as tf from "@tensorflow/tfjs-core";
import { selectiveDecay } from "../../attention/decays/decay.ts";
import { mask, strictly } from "../../attention/decays/mask.ts";
import { withBorders } from "../../attention/decays/segment_borders.ts";
import { lionAttention } from "../../attention/lion_attention.ts";
import { endsOf, positionsIn } from "../../operations/segments.ts";
import { levelsOf, levelsOfPairs, placesOf, weightsOfPairs } from "./levels.ts";

/** The inputs of a form: queries are times the scale, and all levels are needed. */
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

/** Sequences in blocks, all one behind the other. */
interface Blocks {
  /** `[blocks, tokens, headDim]` */
  readonly queries: tf.Tensor3D;
  /** `[blocks, tokens, headDim]` */
  readonly keys: tf.Tensor3D;
  /** `[blocks, tokens, valueDim]` */
  readonly values: tf.Tensor3D;
  /** `[blocks, tokens, levels]` */
  readonly scales: tf.Tensor3D;
  /** Log decays, `[blocks, tokens, 1]`. */
  readonly steps: tf.Tensor3D;
}

/**
 * The causal form in chunks: the pairs of a chunk at once, and above them, for
 * each level, what the second of two blocks reads of the state of the first.
 */
export function chunkwise(
  { q, k, v, logDecay, levelScales }: Leveled,
  chunkSize: number,
): tf.Tensor4D {
  const [batch, heads, length] = q.shape, valueDim = v.shape[3];
  const whole = 2 ** Math.ceil(Math.log2(length));
  const size = Math.min(2 ** Math.floor(Math.log2(chunkSize)), whole);
  const cut = (x: tf.Tensor4D): tf.Tensor3D =>
    tf.reshape(
      tf.pad(x, [[0, 0], [0, 0], [0, whole - length], [0, 0]]),
      [batch * heads * whole / size, size, x.shape[3]],
    );
  const chunks: Blocks = {
    ...{ queries: cut(q), keys: cut(k), values: cut(v) },
    ...{ scales: cut(levelScales), steps: cut(tf.expandDims(logDecay, 3)) },
  };
  const all = tf.reshape(
    addOthers(withinChunks(chunks), chunks, whole),
    [batch, heads, whole, valueDim],
  );
  return tf.slice(all, [0, 0, 0, 0], [-1, -1, length, -1]) as tf.Tensor4D;
}

/** What tokens read in their own chunk, `[chunks, tokens, valueDim]`. */
function withinChunks(
  { queries, keys, values, scales, steps }: Blocks,
): tf.Tensor3D {
  const size = queries.shape[1], levels = levelsOf(size);
  const { fromLeft } = placesOf(size, undefined);
  const weights = weightsOfPairs(
    tf.slice(scales, [0, 0, 0], [-1, -1, levels]),
    levelsOfPairs(fromLeft, fromLeft, levels),
  );
  const decays = { forward: tf.squeeze(steps, [2]), backward: null };
  const scores = tf.mul(
    tf.matMul(queries, keys, false, true),
    mask(decays, size),
  );
  return tf.matMul(tf.mul(scores, weights), values) as tf.Tensor3D;
}

/**
 * Adds what tokens read in other chunks. Two blocks of a level are one of the
 * next level, up to the whole sequence.
 *
 * @param y What they read in their own one, `[chunks, tokens, valueDim]`.
 * @param whole The tokens of a sequence.
 */
function addOthers(
  y: tf.Tensor3D,
  { queries, keys, values, scales, steps }: Blocks,
  whole: number,
): tf.Tensor3D {
  const [chunks, size] = queries.shape, valueDim = values.shape[2];
  let states = tf.matMul(
    tf.mul(keys, tf.exp(tf.cumsum(steps, 1, true, true))),
    values,
    true,
  ) as tf.Tensor3D;
  // Log decays from the start of a token's block up to the token.
  let starts = tf.cumsum(steps, 1) as tf.Tensor3D;
  let level = levelsOf(size), pairs = chunks / 2;
  for (let block = size; block < whole; block *= 2) {
    const halves = (x: tf.Tensor): [tf.Tensor3D, tf.Tensor3D] => {
      const columns = x.shape.at(-1)!;
      return tf.split(tf.reshape(x, [pairs, 2, -1, columns]), 2, 1)
        .map((half) => tf.squeeze(half, [1])) as [tf.Tensor3D, tf.Tensor3D];
    };
    const [first, second] = halves(states);
    const [firstStarts, secondStarts] = halves(starts);
    const [, readers] = halves(queries);
    const [, shares] = halves(tf.slice(scales, [0, 0, level], [-1, -1, 1]));
    const read = tf.matMul(
      tf.mul(readers, tf.mul(shares, tf.exp(secondStarts))),
      first,
    );
    y = tf.add(
      tf.reshape(y, [pairs, 2 * block, valueDim]),
      tf.pad(read, [[0, 0], [block, 0], [0, 0]]),
    );
    const toEnd = (starts: tf.Tensor3D): tf.Tensor3D =>
      tf.slice(starts, [0, block - 1, 0], [-1, 1, -1]);
    states = tf.add(second, tf.mul(first, tf.exp(toEnd(secondStarts))));
    starts = tf.concat([
      firstStarts,
      tf.add(secondStarts, toEnd(firstStarts)),
    ], 1);
    level++;
    pairs /= 2;
  }
  return y;
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
  others.forEach((scales, i) => {
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
