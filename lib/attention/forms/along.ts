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
 * in which ċ is multiplied row by row, or channel by channel. All of it is one call of
 * attention, as a batch. Tokens that read those after them are the same, turned around.
 *
 * Over many tokens, rounding errors of ċ_i - ċ_j would be larger than the difference. So
 * this is done in chunks, and states pass from chunk to chunk, as in the chunkwise form;
 * their paths are summed up by themselves.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { LOWEST_LOG_DECAY } from "../../operations/finite_decay/finite_decay.ts";
import { withoutPadding } from "../../operations/padding/padding.ts";
import { shifted } from "../../operations/shift.ts";
import { logMask, mask } from "../decays/mask.ts";
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
function sumsAlong(
  given: Sources,
  directions: Partial<Sources>,
  attend: Attend,
): tf.Tensor4D {
  const { f, b, ...vectors } = given;
  const { f: fWay, b: bWay, ...ways } = directions;
  if (!f) return sum(attendEach(termsOf(vectors, ways), attend));
  const past = { ...vectors, f };
  if (!b) return causalAlong(past, { ...ways, f: fWay }, attend);
  const some = (logDecay: tf.Tensor | undefined) =>
    fWay || bWay ? { f: logDecay ?? tf.zerosLike(f) } : {};
  const future = turnedAround({ ...vectors, f: b });
  const futureWays = turnedAround({ ...ways, ...some(bWay) });
  const y = causalAlong(
    joined(past, future),
    joined({ ...ways, ...some(fWay) }, futureWays),
    attend,
  );
  const [before, after] = tf.split(y, 2, 0);
  const both: tf.Tensor4D = tf.add(before!, tf.reverse(after!, 2));
  return tf.sub(both, ownAlong(given, directions));
}

/** Attention that each token pays to itself and those before it. */
interface Causal extends Sources {
  readonly f: tf.Tensor;
}

/** The fewest tokens of a chunk. */
const CHUNK = 64;

/** The change of causal attention without division. */
export function causalAlong(
  given: Causal,
  directions: Partial<Sources>,
  attend: Attend,
): tf.Tensor4D {
  const { q, k, v, f } = given;
  if (!directions.f) return sum(attendEach(termsOf(given, directions), attend));
  const [batch, heads, length, headDim] = q.shape, valueDim = v.shape[3];
  // As many chunks as tokens of one, where there are many.
  const wanted = Math.max(CHUNK, 2 ** Math.ceil(Math.log2(length) / 2));
  const size = Math.min(wanted, length), count = Math.ceil(length / size);
  const cut = (x: tf.Tensor): tf.Tensor4D => {
    const columns = x.rank === 3 ? 1 : x.shape[3]!;
    const whole = tf.reshape(x, [batch, heads, length, columns]);
    const none: [number, number] = [0, 0], missing = count * size - length;
    const filled = missing > 0
      ? tf.pad(whole, [none, none, [0, missing], none])
      : whole;
    return tf.reshape(filled, [batch, heads * count, size, columns]);
  };
  const queries = cut(q), keys = cut(k), values = cut(v), decays = cut(f);
  const way = cut(
    tf.mul(directions.f, tf.cast(tf.greater(f, LOWEST_CHANGING), "float32")),
  );
  const plus = (x: tf.Tensor, y: tf.Tensor | undefined) =>
    (y ? tf.add(x, cut(y)) : x) as tf.Tensor4D;

  // Between tokens of a chunk.
  const fromStart = tf.cumsum(way, 2);
  const readers = plus(tf.mul(queries, fromStart), directions.q);
  const inside = { q: queries, k: keys, v: values };
  const logDecay = decays.shape[3] === 1 ? tf.squeeze(decays, [3]) : decays;
  const calls = [
    { ...inside, q: readers },
    { ...inside, k: plus(tf.neg(tf.mul(keys, fromStart)), directions.k) },
    ...directions.v ? [{ ...inside, v: cut(directions.v) }] : [],
  ];
  let y: tf.Tensor = sum(
    attendEach(calls.map((call) => ({ ...call, f: logDecay })), attend),
  );

  // From chunks to later ones, by states.
  if (count > 1) {
    const toEnd = tf.exp(tf.cumsum(decays, 2, true, true));
    const wayToEnd = tf.cumsum(way, 2, true, true);
    const written = tf.matMul(tf.mul(keys, toEnd), values, true);
    const movedKeys = plus(tf.mul(keys, wayToEnd), directions.k);
    let change = tf.matMul(tf.mul(movedKeys, toEnd), values, true);
    if (directions.v) {
      const moved = cut(directions.v);
      change = tf.add(change, tf.matMul(tf.mul(keys, toEnd), moved, true));
    }
    // Where decays are of channels, each row of a state is a sequence by itself.
    const columns = decays.shape[3], sequences = batch * heads;
    const rows = [count, columns, headDim / columns * valueDim];
    const sequencesOf = (x: tf.Tensor, rows: readonly number[]) => {
      const split = tf.reshape(x, [sequences, ...rows]);
      const turned = tf.transpose(split, [0, 2, 1, 3]);
      return tf.reshape(turned, [sequences * columns, count, -1]);
    };
    const perChunk = (x: tf.Tensor) => {
      const passed = sequencesOf(tf.sum(x, 2), [count, columns, 1]);
      return tf.squeeze(passed, [2]) as tf.Tensor2D;
    };
    const passed = tf.maximum(perChunk(decays), LOWEST_LOG_DECAY);
    const weights = mask({ forward: passed, backward: null }, count);
    const paths = logMask({ forward: perChunk(way), backward: null }, count);
    const [own, moved] = [written, change].map((x) => sequencesOf(x, rows));
    const states = tf.matMul(weights, own!);
    const stateChange = tf.add(
      tf.matMul(weights, moved!),
      tf.matMul(tf.mul(weights, paths), own!),
    );
    const before = (x: tf.Tensor) => {
      const later = tf.reshape(shifted(x, 1, 1), [
        ...[sequences, columns, count, headDim / columns * valueDim],
      ]);
      return tf.reshape(tf.transpose(later, [0, 2, 1, 3]), written.shape);
    };
    const decayed = tf.exp(tf.cumsum(decays, 2));
    y = tf.addN([
      y,
      tf.matMul(tf.mul(readers, decayed), before(states)),
      tf.matMul(tf.mul(queries, decayed), before(stateChange)),
    ]);
  }
  const whole = tf.reshape(y, [batch, heads, count * size, valueDim]);
  return tf.slice(whole, [0, 0, 0, 0], [-1, -1, length, -1]) as tf.Tensor4D;
}

const sum = (terms: tf.Tensor4D[]): tf.Tensor4D => tf.addN(terms);

/** Two problems as one, of a batch. */
export function joined<T extends Partial<Sources>>(x: T, y: T): T {
  return Object.fromEntries(
    (Object.keys(x) as (keyof T)[]).flatMap((name) => {
      const first = x[name] as tf.Tensor | undefined;
      return first ? [[name, tf.concat([first, y[name] as tf.Tensor], 0)]] : [];
    }),
  ) as T;
}

/** The calls of attention whose sum is the change, where decays stay as they are. */
function termsOf(given: Sources, { q, k, v }: Partial<Sources>): Sources[] {
  return [
    ...q ? [{ ...given, q }] : [],
    ...k ? [{ ...given, k }] : [],
    ...v ? [{ ...given, v }] : [],
  ];
}

/** Several calls of attention as one, of a batch. */
function attendEach(
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
