/** Exchange of tensors between ranks that each have a part of the tokens. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../base/communicator.ts";

/** Backends whose tensors are in this process's memory, so that reads wait for no device. */
const IN_MEMORY: readonly string[] = ["wasm", "cpu"];

/**
 * Throws unless these are ranks that can pass tensors to one another.
 *
 * @throws {TypeError} If it is no communicator that can exchange.
 * @throws {RangeError} If the backend keeps tensors on a device.
 */
export function assertTokenRanks(communicator: TokenRanks): void {
  const given = communicator as Partial<TokenRanks> | null | undefined;
  if (
    typeof given?.exchange !== "function" ||
    !Number.isInteger(given.rank) || !Number.isInteger(given.size)
  ) {
    throw new TypeError(
      `communicator should have rank, size and exchange, as openMpi() of @lionjs/lion/mpi has, got ${
        given === null ? "null" : typeof given
      }`,
    );
  }
  const backend = tf.getBackend();
  if (IN_MEMORY.includes(backend)) return;
  throw new RangeError(
    `ranks that share the tokens should compute on ${
      IN_MEMORY.join(" or ")
    }, got ${backend}, whose values can only be read asynchronously, while a layer exchanges them before it returns; call useBackend({ prefer: ["wasm"] }), or let ranks share the batch`,
  );
}

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
  ranks: TokenRanks,
): T {
  return shiftAs("values", x, by, ranks);
}

function shiftAs<T extends tf.Tensor>(
  about: string,
  x: T,
  by: number,
  ranks: TokenRanks,
): T {
  const pass = tf.customGrad((x) => ({
    value: exchanged(about, x as tf.Tensor, by, ranks),
    gradFunc: (dy: tf.Tensor) => shiftAs("gradients", dy, -by, ranks),
  }));
  return pass(x) as T;
}

function exchanged(
  about: string,
  x: tf.Tensor,
  by: number,
  ranks: TokenRanks,
): tf.Tensor {
  const { rank, size } = ranks;
  const known = (rank: number) => rank >= 0 && rank < size ? rank : undefined;
  const to = known(rank + by), from = known(rank - by);
  if (to === undefined && from === undefined) return tf.zeros(x.shape);
  const values = ranks.exchange(valuesOf(x), { to, from }, about);
  return tf.tensor(values, x.shape);
}

function valuesOf(x: tf.Tensor): Float32Array {
  const backend = tf.backend() as unknown as {
    readSync(dataId: object): tf.backend_util.TypedArray;
  };
  const values = backend.readSync(x.dataId);
  // In plain JavaScript, a tensor that was cast still has its original array.
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

/** Ranks in another order, or some of all ranks, which know their original numbers. */
interface NamedRanks extends TokenRanks {
  nameOf(rank: number): number;
}

/** Returns the number of a rank among all ranks. */
export function nameOf(ranks: TokenRanks, rank: number): number {
  return (ranks as Partial<NamedRanks>).nameOf?.(rank) ?? rank;
}

/**
 * Reverses the order of ranks, for tokens that are read from the end of a
 * sequence.
 */
export function reversedRanks(ranks: TokenRanks): NamedRanks {
  const { size } = ranks;
  const turned = (rank: number | undefined) =>
    rank === undefined ? undefined : size - 1 - rank;
  return {
    rank: size - 1 - ranks.rank,
    size,
    exchange: (values, { to, from }, about) =>
      ranks.exchange(values, { to: turned(to), from: turned(from) }, about),
    nameOf: (rank) => nameOf(ranks, size - 1 - rank),
  };
}

/**
 * The group of this rank, where groups of `size` consecutive ranks share the
 * same sequences.
 */
export function groupedRanks(ranks: TokenRanks, size: number): NamedRanks {
  const rank = ranks.rank % size, first = ranks.rank - rank;
  const known = (rank: number | undefined) =>
    rank === undefined ? undefined : first + rank;
  return {
    rank,
    size,
    exchange: (values, { to, from }, about) =>
      ranks.exchange(values, { to: known(to), from: known(from) }, about),
    nameOf: (rank) => nameOf(ranks, first + rank),
  };
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
  ranks: TokenRanks,
): tf.Tensor {
  const step = side === "before" ? 1 : -1;
  let found: StateMap | undefined;
  // The joint map of the `distance` ranks that end with this one.
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
  ranks: TokenRanks,
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

/** Joins the tensors of all ranks; each rank gets the same result. Differentiable. */
function together<T extends tf.Tensor>(
  x: T,
  join: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  ranks: TokenRanks,
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
export function sumOfRanks<T extends tf.Tensor>(x: T, ranks: TokenRanks): T {
  return together(x, tf.add, ranks);
}

/** The maximum over the tensors of all ranks, whose values must not be below 0. */
export function maximumOfRanks<T extends tf.Tensor>(
  x: T,
  ranks: TokenRanks,
): T {
  return together(x, tf.maximum, ranks);
}

/** The base of the digits in which ranks exchange counts, so that float32 is exact. */
const DIGIT = 4096;

/** Counts the tokens of the ranks before this one, and of all ranks together. */
export function tokensOfRanks(
  count: number,
  ranks: TokenRanks,
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
      const [low, high] = ranks.exchange(digits, peers, "lengths");
      const earlier = low! + DIGIT * high!;
      found += earlier;
      last += earlier;
    }
    return found;
  };
  const before = from(1);
  return { before, all: before + count + from(-1) };
}

/**
 * Throws if ranks share the tokens.
 *
 * @param owner The name of the layer or function that needs all tokens.
 * @throws {TypeError} If `ranks` is no communicator that can exchange.
 * @throws {RangeError} If ranks share the tokens.
 */
export function assertWhole(
  owner: string,
  ranks: TokenRanks | undefined,
): void {
  if (ranks === undefined) return;
  assertTokenRanks(ranks);
  throw new RangeError(
    `${owner} should have all tokens of a sequence, got a part, as one of ${ranks.size} ranks; let ranks share the batch instead, or choose a mixer such as LION's`,
  );
}
