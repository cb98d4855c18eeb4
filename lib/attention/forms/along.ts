/**
 * How attention changes along directions of its inputs, made of attention itself.
 *
 * Without division by row sums, attention is linear in q, k and v by themselves, so that its
 * change is attention with one of them replaced by its direction. For the decays, let c be
 * the sum of log decays from the first token, so that M_ij = exp(c_i - c_j). Where these
 * change by ċ, M_ij changes by (ċ_i - ċ_j) M_ij: the first part belongs to the reader, and
 * the second to the source. So for tokens that read those before them
 *
 *     ẏ = A(q̇ + ċ q, k, v) + A(q, k̇ - ċ k, v) + A(q, k, v̇)
 *
 * in which ċ is multiplied row by row, or channel by channel. Tokens that read those after
 * them are the same, turned around. All of it is one call of attention, as a batch.
 *
 * The sums ċ cancel: their rounding errors are as large as those of so many numbers as there
 * are tokens, relative to those on a path.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { splitSums, withOnes } from "./normalizer.ts";

/** The tensors of attention, each with float32 numbers, or some of their directions. */
export interface Sources {
  /** Queries, already scaled, `[batch, heads, length, headDim]`. */
  readonly q: tf.Tensor4D;
  /** Keys, in the shape of q. */
  readonly k: tf.Tensor4D;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: tf.Tensor4D;
  /** Log decays on arrival, `[batch, heads, length]`, or like q if diagonal. */
  readonly f?: tf.Tensor | undefined;
  /** Those of the other direction; none if causal. */
  readonly b?: tf.Tensor | undefined;
}

/** Attention without division, causal where there is an f and no b. */
export type Attend = (sources: Sources) => tf.Tensor4D;

/** A path of decay this long is none in float32: what it does not pass, cannot change. */
const LOWEST_CHANGING = -80;

/**
 * The change of attention along some directions.
 *
 * @param tokens `[batch, length]`, 0 at padding, if there is any.
 * @param epsilon What is added to the row sums, by which outputs are divided; `undefined`
 * where they are not.
 */
export function attentionAlong(
  given: Sources,
  directions: Partial<Sources>,
  tokens: tf.Tensor2D | undefined,
  epsilon: number | undefined,
  attend: Attend,
): tf.Tensor4D {
  const shown = <T extends Partial<Sources>>({ q, k, v, ...decays }: T): T =>
    ({
      ...{
        q: q && withoutPadding(q, tokens),
        k: k && withoutPadding(k, tokens),
      },
      ...{ v: v && withoutPadding(v, tokens), ...decays },
    }) as unknown as T;
  const all = shown(given), ways = shown(directions);
  if (epsilon === undefined) {
    return withoutPadding(sumsAlong(all, ways, attend), tokens);
  }
  const withSums = { ...all, v: withOnes(all.v) };
  const zeros = (v: tf.Tensor4D) => tf.zeros([...v.shape.slice(0, 3), 1]);
  const [y, sum] = splitSums(attend(withSums));
  const [change, sumChange] = splitSums(
    sumsAlong(withSums, {
      ...ways,
      ...ways.v && { v: tf.concat([ways.v, zeros(ways.v)], 3) as tf.Tensor4D },
    }, attend),
  );
  const divisor = tf.add(sum, epsilon);
  const slope = tf.div(
    tf.sub(change, tf.mul(tf.div(y, divisor), sumChange)),
    divisor,
  ) as tf.Tensor4D;
  return withoutPadding(slope, tokens);
}

/** The change of attention without division. */
export function sumsAlong(
  given: Sources,
  directions: Partial<Sources>,
  attend: Attend,
): tf.Tensor4D {
  const { f, b } = given;
  const { b: _, ...forward } = given;
  const past = termsOf(forward, directions);
  const sum = (terms: tf.Tensor4D[]): tf.Tensor4D => tf.addN(terms);
  if (!f || !b) return sum(attendEach(past, attend));
  const future = termsOf(
    turnedAround({ ...forward, f: b }),
    turnedAround({ ...directions, f: directions.b }),
  );
  const all = attendEach([...past, ...future], attend);
  const y = tf.add(
    sum(all.slice(0, past.length)),
    tf.reverse(sum(all.slice(past.length)), 2),
  );
  return tf.sub(y, ownAlong(given, directions));
}

/** The calls of attention whose sum is the change, in the direction of f. */
function termsOf(
  given: Sources,
  { f, ...directions }: Partial<Sources>,
): Sources[] {
  const { q, k, v } = directions;
  const terms: Sources[] = [];
  const moved = f && given.f && movement(given.f, f);
  const times = (x: tf.Tensor4D) => tf.mul(x, moved!) as tf.Tensor4D;
  if (q || moved) {
    const query = !moved ? q! : q ? tf.add(q, times(given.q)) : times(given.q);
    terms.push({ ...given, q: query as tf.Tensor4D });
  }
  if (k || moved) {
    const own = moved && times(given.k);
    const key = !own ? k! : k ? tf.sub(k, own) : tf.neg(own);
    terms.push({ ...given, k: key as tf.Tensor4D });
  }
  if (v) terms.push({ ...given, v });
  return terms;
}

/** ċ, the sum of the directions of log decays up to each token, with an axis for channels. */
export function movement(logDecay: tf.Tensor, direction: tf.Tensor): tf.Tensor {
  const passes = tf.cast(tf.greater(logDecay, LOWEST_CHANGING), "float32");
  const moved = tf.cumsum(tf.mul(direction, passes), 2);
  return moved.rank === 3 ? tf.expandDims(moved, 3) : moved;
}

/** Several calls of attention as one, of a batch. */
export function attendEach(
  calls: readonly Sources[],
  attend: Attend,
): tf.Tensor4D[] {
  const [first] = calls as [Sources];
  const joined = <Name extends keyof Sources>(name: Name) =>
    (first[name] && tf.concat(calls.map((call) => call[name]!), 0)) as Sources[
      Name
    ];
  const { f } = first;
  const y = attend({
    ...{ q: joined("q"), k: joined("k"), v: joined("v") },
    ...f && { f: joined("f") },
  });
  return calls.length === 1 ? [y] : tf.split(y, calls.length, 0);
}

/** The change of what tokens read of themselves, which both directions count. */
export function ownAlong(
  given: Sources,
  { q, k, v }: Partial<Sources>,
): tf.Tensor4D {
  const score = (x: tf.Tensor, y: tf.Tensor) => tf.sum(tf.mul(x, y), 3, true);
  const terms = [
    q && tf.mul(score(q, given.k), given.v),
    k && tf.mul(score(given.q, k), given.v),
    v && tf.mul(score(given.q, given.k), v),
  ].filter((term) => term !== undefined);
  return (terms.length > 0
    ? tf.addN(terms)
    : tf.zerosLike(given.v)) as tf.Tensor4D;
}

/** The tokens in reverse. */
function turnedAround<T extends Partial<Sources>>(sources: T): T {
  return Object.fromEntries(
    Object.entries(sources).map(([name, x]) => [name, x && tf.reverse(x, 2)]),
  ) as unknown as T;
}
