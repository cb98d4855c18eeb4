/**
 * Attention with a decay for each token in jax-js, in time linear in the length:
 * the same scan in chunks as torch_scan.py.
 *
 * An array is used up by the function that it is given to; `.ref` keeps it for
 * one more.
 *
 * @module
 */
import type { numpy } from "@jax-js/jax";

/** The package; loaded only where it is asked for. */
export type Jax = typeof import("@jax-js/jax");

type Array = numpy.Array;

/** Tokens of a chunk. */
const CHUNK = 64;

/** What the decays of a chunk make of its tokens, and those of all chunks of states. */
type Weights = [
  mask: Array,
  onward: Array,
  back: Array,
  before: Array,
  after: Array,
  between: Array,
];

/** The scan for one shape; it uses its inputs up. */
export interface JaxScan {
  /** From q, k, v `[sequences, length, dim]` and log decays `[sequences, length]`. */
  forward(q: Array, k: Array, v: Array, logDecay: Array): Array;
  /** The output, and the gradients of all inputs. */
  withGradients(
    q: Array,
    k: Array,
    v: Array,
    logDecay: Array,
    dy: Array,
  ): Array[];
  /** Frees what is compiled. */
  dispose(): void;
}

/**
 * Makes the scan for sequences of a length that 64 divides, scaled by 1.
 *
 * It is written to be fast there. Row sums are sums, since a product of 65
 * columns takes forty times as long as one of 64. Compiled as a whole, the
 * forward pass would compute an exponential for each product of a mask, so it is
 * compiled in three parts, whose results are kept; its gradient keeps them anyway.
 */
export function jaxScan(jax: Jax, epsilon: number): JaxScan {
  const { numpy: np, jit, vjp } = jax;

  const inChunks = (x: Array) => {
    const [sequences, length, columns] = x.shape as [number, number, number];
    return x.reshape([sequences, length / CHUNK, CHUNK, columns]);
  };

  const weightsOf = (logDecay: Array): Weights => {
    const [sequences, length] = logDecay.shape as [number, number];
    const chunks = length / CHUNK;
    const decays = logDecay.reshape([sequences, chunks, CHUNK]);
    const through = np.cumsum(decays.ref, -1);
    const total = decays.ref.sum(-1, { keepdims: true });
    const before = through.ref.sub(decays);
    const column = (x: Array) => x.reshape([sequences, chunks, CHUNK, 1]);
    const row = (x: Array) => x.reshape([sequences, chunks, 1, CHUNK]);
    const later = column(before.ref).sub(row(before.ref));
    const earlier = row(through.ref).sub(column(through.ref));
    const isLater = np.tri(CHUNK, CHUNK, 0).greater(0.5);
    const mask = np.exp(np.where(isLater, later, earlier));
    const onward = column(np.exp(total.ref.sub(before.ref)));
    const back = column(np.exp(through.ref));
    const fromStart = column(np.exp(before));
    const toEnd = column(np.exp(total.ref.sub(through)));
    const ofChunks = total.reshape([sequences, chunks]);
    const throughChunks = np.cumsum(ofChunks.ref, -1);
    const gaps = throughChunks.ref.sub(ofChunks)
      .reshape([sequences, chunks, 1])
      .sub(throughChunks.reshape([sequences, 1, chunks]));
    const isAfter = np.tri(chunks, chunks, -1).greater(0.5);
    const between = np.where(
      isAfter.ref,
      np.exp(np.where(isAfter, gaps, 0)),
      0,
    );
    return [mask, onward, back, fromStart, toEnd, between];
  };

  /** Scores within chunks, states of chunks, queries that read both sides, and sums of keys. */
  const prepare = (
    q: Array,
    k: Array,
    values: Array,
    mask: Array,
    onward: Array,
    back: Array,
    before: Array,
    after: Array,
  ): Array[] => {
    const [queries, keys] = [inChunks(q), inChunks(k)];
    const scores = np.matmul(queries.ref, np.matrixTranspose(keys.ref));
    const keyed = np.concatenate([keys.ref.mul(onward), keys.mul(back)], -1);
    const states = np.matmul(np.matrixTranspose(keyed.ref), values);
    const readers = [queries.ref.mul(before), queries.mul(after)];
    return [
      scores.mul(mask),
      states,
      np.concatenate(readers, -1),
      keyed.sum(-2),
    ];
  };

  const read = (
    scores: Array,
    values: Array,
    states: Array,
    readers: Array,
    keySums: Array,
    between: Array,
  ): Array => {
    const [sequences, chunks, tokens, columns] = values.shape as number[] as [
      ...[number, number, number, number],
    ];
    const dim = keySums.shape[2]! / 2;
    /** From chunk to chunk, those of the first half onward and the others back. */
    const carry = (x: Array, axis: number, ...rest: number[]): Array => {
      const [onward, back] = np.split(x, [dim], axis).map((half) =>
        half.reshape([sequences, chunks, -1])
      ) as [Array, Array];
      const halves = [
        np.matmul(between.ref, onward),
        np.matmul(np.matrixTranspose(between.ref), back),
      ].map((half) => half.reshape([sequences, chunks, dim, ...rest]));
      return np.concatenate(halves, 2);
    };
    const carried = carry(states, 2, columns);
    const carriedKeys = carry(keySums, 2)
      .reshape([sequences, chunks, 1, 2 * dim]);
    between.dispose();
    const weights = scores.ref.sum(-1, { keepdims: true })
      .add(readers.ref.mul(carriedKeys).sum(-1, { keepdims: true }));
    const sums = np.matmul(scores, values).add(np.matmul(readers, carried));
    return sums.div(weights.add(epsilon))
      .reshape([sequences, chunks * tokens, columns]);
  };

  const inParts = (
    weigh: typeof weightsOf,
    make: typeof prepare,
    end: typeof read,
  ) =>
  (q: Array, k: Array, v: Array, logDecay: Array): Array => {
    const [mask, onward, back, before, after, between] = weigh(logDecay);
    const values = inChunks(v);
    const [scores, states, readers, keySums] = make(
      ...[q, k, values.ref, mask, onward, back, before, after] as const,
    ) as [Array, Array, Array, Array];
    return end(scores, values, states, readers, keySums, between);
  };

  const compiled = [jit(weightsOf), jit(prepare), jit(read)] as const;
  const differentiated = jit((
    q: Array,
    k: Array,
    v: Array,
    logDecay: Array,
    dy: Array,
  ): Array[] => {
    const whole = inParts(weightsOf, prepare, read);
    const [y, pull] = vjp(whole, [q, k, v, logDecay]);
    return [y, ...pull(dy) as Array[]];
  });
  return {
    forward: inParts(
      compiled[0] as typeof weightsOf,
      compiled[1] as typeof prepare,
      compiled[2] as typeof read,
    ),
    withGradients: differentiated as JaxScan["withGradients"],
    dispose: () =>
      [...compiled, differentiated].forEach((one) => one.dispose()),
  };
}
