/** Tensors that ranks pass to one another, each with a part of the tokens. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { TokenRanks } from "../contract/communicator.ts";

/** Whose tensors lie in this process's memory, where reading them waits for no device. */
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
    }, got ${backend}, whose values can be read asynchronously alone, while a layer exchanges them before it returns; call useBackend({ prefer: ["wasm"] }), or let ranks share the batch`,
  );
}

/**
 * What the rank so many places before this one has, zeros where there is none;
 * all ranks call it with tensors of the same shape. The gradient goes back the
 * same way.
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
  // In plain JavaScript a tensor that was cast has the array that it had.
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

/** Ranks in another order, or some of them, which know what others call them. */
interface NamedRanks extends TokenRanks {
  nameOf(rank: number): number;
}

/** The number of a rank among all. */
export function nameOf(ranks: TokenRanks, rank: number): number {
  return (ranks as Partial<NamedRanks>).nameOf?.(rank) ?? rank;
}

/**
 * The ranks in the opposite order, for tokens that come from the end of a
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
 * The ranks among which this one is, where so many that follow one another share
 * the same sequences.
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
 * What the tokens of a rank do to a state that passes through them: it becomes
 * transition(state) + written.
 */
export interface StateMap {
  /** What the tokens add to the state. */
  readonly written: tf.Tensor;
  /**
   * What describes the transition, in the terms of {@linkcode JoinMaps}, such as
   * a log decay or a matrix; `null` where the state stays what it is.
   */
  readonly transition: tf.Tensor | null;
}

/** The map of two parts of a sequence in a row, of which `first` comes first. */
export type JoinMaps = (first: StateMap, second: StateMap) => StateMap;

/**
 * The state that reaches this rank through the tokens of all ranks before it, or
 * after it: an exclusive scan in as many messages as it takes to double 1 up to
 * the number of ranks, whatever the length of the parts. Differentiable.
 *
 * @param side From which side the state comes.
 * @param map This rank's map; of the same shapes on all ranks.
 * @param join Joins two maps; associative, and a map of zeros adds nothing.
 * @returns Like `map.written`; zeros on the rank at that end.
 */
export function scanAcrossRanks(
  side: "before" | "after",
  map: StateMap,
  join: JoinMaps,
  ranks: TokenRanks,
): tf.Tensor {
  const step = side === "before" ? 1 : -1;
  let found: StateMap | undefined;
  // The map of as many ranks as the distance, of which this rank is the last.
  let last = map;
  for (let distance = 1; distance < ranks.size; distance *= 2) {
    const earlier = shiftMap(last, step * distance, ranks);
    found = found ? join(earlier, found) : earlier;
    if (2 * distance < ranks.size) last = join(earlier, last);
  }
  return found?.written ?? tf.zerosLike(map.written);
}

/** {@linkcode shiftAcrossRanks} of both tensors of a map, in one message. */
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

/** What all ranks have, joined; they get the same. Differentiable. */
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

/** The sum of what all ranks have; they get the same. Differentiable. */
export function sumOfRanks<T extends tf.Tensor>(x: T, ranks: TokenRanks): T {
  return together(x, tf.add, ranks);
}

/** The maximum of what all ranks have, none of it below 0. */
export function maximumOfRanks<T extends tf.Tensor>(
  x: T,
  ranks: TokenRanks,
): T {
  return together(x, tf.maximum, ranks);
}

/** A float32 holds such numbers of so many ranks exactly. */
const DIGIT = 4096;

/** How many tokens the ranks before this one have, and all ranks together. */
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
 * Throws where ranks share the tokens.
 *
 * @param owner What needs all of them.
 * @throws {TypeError} If they are none.
 * @throws {RangeError} If there are such ranks.
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
