/** Exchange of tensors between ranks that each have a part of the tokens. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { ContextGroup } from "@lionjs/base";
import { exchangeValues } from "./context_group.ts";

/**
 * Receives a tensor from the rank that is `by` places before this one, or zeros
 * if there is none; all ranks call it with tensors of the same shape. The
 * gradient goes back the same way.
 *
 * @param x float32
 * @param by From -(size - 1) to size - 1; negative for a rank after this one.
 */
export function shiftAcrossRanks<T extends tf.Tensor>(
  x: T,
  by: number,
  ranks: ContextGroup,
): T {
  return shiftAs("values", x, by, ranks);
}

/** {@linkcode shiftAcrossRanks} with the purpose of its message. */
function shiftAs<T extends tf.Tensor>(
  about: string,
  x: T,
  by: number,
  ranks: ContextGroup,
): T {
  const pass = tf.customGrad((x) => ({
    value: exchanged(about, x as tf.Tensor, by, ranks),
    gradFunc: (dy: tf.Tensor) => shiftAs("gradients", dy, -by, ranks),
  }));
  return pass(x) as T;
}

/**
 * The value of {@linkcode shiftAcrossRanks}, without a gradient.
 *
 * @param about The purpose of the message.
 */
function exchanged(
  about: string,
  x: tf.Tensor,
  by: number,
  ranks: ContextGroup,
): tf.Tensor {
  const { rank, size } = ranks;
  const known = (rank: number) => rank >= 0 && rank < size ? rank : undefined;
  const to = known(rank + by), from = known(rank - by);
  if (to === undefined && from === undefined) return tf.zeros(x.shape);
  const values = exchangeValues(ranks, valuesOf(x), { to, from }, about);
  return tf.tensor(values, x.shape);
}

function valuesOf(x: tf.Tensor): Float32Array {
  const backend = tf.backend() as unknown as {
    readSync(dataId: object): tf.backend_util.TypedArray;
  };
  const values = backend.readSync(x.dataId);
  // On the cpu backend, a tensor that was cast still has its original array.
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

/**
 * The effect of a rank's tokens on a state that passes through them: it becomes
 * transition(state) + written.
 */
export interface StateMap {
  /** The part of the new state that the tokens write. */
  readonly written: tf.Tensor;
  /**
   * A description of the transition that {@linkcode JoinMaps} can join, such as
   * a log decay or a matrix; `null` if the state stays as it is.
   */
  readonly transition: tf.Tensor | null;
}

/** Joins the maps of two consecutive parts of a sequence, `first` and then `second`. */
export type JoinMaps = (first: StateMap, second: StateMap) => StateMap;

/**
 * The state that reaches this rank through the tokens of all ranks before it, or
 * after it: an exclusive scan in as many messages as it takes to double 1 up to
 * the number of ranks, whatever the length of the parts. Differentiable.
 *
 * @param side The side from which the state comes.
 * @param map This rank's map; of the same shapes on all ranks.
 * @param join Joins two maps; associative, and a map of zeros adds nothing.
 * @returns A tensor like `map.written`; zeros on the rank at that end.
 */
export function scanAcrossRanks(
  side: "before" | "after",
  map: StateMap,
  join: JoinMaps,
  ranks: ContextGroup,
): tf.Tensor {
  const step = side === "before" ? 1 : -1;
  let found: StateMap | undefined;
  // The map of the tokens of the `distance` ranks that end with this rank.
  let last = map;
  for (let distance = 1; distance < ranks.size; distance *= 2) {
    const earlier = shiftMap(last, step * distance, ranks);
    found = found ? join(earlier, found) : earlier;
    if (2 * distance < ranks.size) last = join(earlier, last);
  }
  return found?.written ?? tf.zerosLike(map.written);
}

/** Applies {@linkcode shiftAcrossRanks} to both tensors of a map, in one message. */
function shiftMap(
  { written, transition }: StateMap,
  by: number,
  ranks: ContextGroup,
): StateMap {
  if (!transition) {
    return { written: shiftAcrossRanks(written, by, ranks), transition: null };
  }
  const flat = [written, transition].map((x) => tf.reshape(x, [-1]));
  const sizes = flat.map(({ size }) => size);
  const received = tf.split(
    shiftAcrossRanks(tf.concat(flat), by, ranks),
    sizes,
  );
  return {
    written: tf.reshape(received[0]!, written.shape),
    transition: tf.reshape(received[1]!, transition.shape),
  };
}

/**
 * Reduces the tensors of all ranks by `join`; each rank gets the same result.
 * Differentiable.
 */
function together<T extends tf.Tensor>(
  x: T,
  join: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  ranks: ContextGroup,
): T {
  const map = { written: x, transition: null };
  const [before, after] = (["before", "after"] as const).map((side) =>
    scanAcrossRanks(side, map, (first, second) => ({
      written: join(first.written, second.written),
      transition: null,
    }), ranks)
  );
  return join(join(before!, x), after!) as T;
}

/** Adds up the tensors of all ranks; each rank gets the same result. Differentiable. */
export function sumOfRanks<T extends tf.Tensor>(x: T, ranks: ContextGroup): T {
  return together(x, tf.add, ranks);
}

/** The maximum over the tensors of all ranks, whose values must not be below 0. */
export function maximumOfRanks<T extends tf.Tensor>(
  x: T,
  ranks: ContextGroup,
): T {
  return together(x, tf.maximum, ranks);
}

/** The base of the digits in which ranks exchange counts, so that float32 is exact. */
const DIGIT = 4096;

/** Counts the tokens of the ranks before this one, and of all ranks together. */
export function tokensOfRanks(
  count: number,
  ranks: ContextGroup,
): { readonly before: number; readonly all: number } {
  const { rank, size } = ranks;
  const from = (step: 1 | -1): number => {
    let found = 0, last = count;
    for (let distance = step; Math.abs(distance) < size; distance *= 2) {
      const known = (rank: number) =>
        rank >= 0 && rank < size ? rank : undefined;
      const peers = {
        to: known(rank + distance),
        from: known(rank - distance),
      };
      if (peers.to === undefined && peers.from === undefined) continue;
      const digits = Float32Array.of(last % DIGIT, Math.floor(last / DIGIT));
      const [low, high] = exchangeValues(ranks, digits, peers, "lengths");
      const earlier = low! + DIGIT * high!;
      found += earlier;
      last += earlier;
    }
    return found;
  };
  const before = from(1);
  return { before, all: before + count + from(-1) };
}
