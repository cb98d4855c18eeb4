/** The ranks of a context group: checking, reversing and dividing them. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertInteger,
  type ContextGroup,
  type Peers,
  shown,
} from "@lionjs/base";

/** Backends whose tensors are in this process's memory, so that reads wait for no device. */
const IN_MEMORY: readonly string[] = ["wasm", "cpu"];

/**
 * Throws unless these are ranks that can pass tensors to one another.
 *
 * @throws {TypeError} If it is no communicator that can exchange.
 * @throws {RangeError} If its rank is none of its ranks, or the backend keeps tensors on
 * a device.
 */
export function assertContextGroup(communicator: ContextGroup): void {
  const given = communicator as Partial<ContextGroup> | null | undefined;
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
  const { rank, size } = communicator;
  assertInteger("communicator's size", size, 1);
  assertInteger("communicator's rank", rank, 0, size - 1);
  const backend = tf.getBackend();
  if (IN_MEMORY.includes(backend)) return;
  throw new RangeError(
    `ranks that share the tokens should compute on ${
      IN_MEMORY.join(" or ")
    }, got ${backend}, whose values can only be read asynchronously, while a layer exchanges them before it returns; call useBackend({ prefer: ["wasm"] }), or let ranks share the batch`,
  );
}

/**
 * Sends values to a rank, and receives as many.
 *
 * @throws {TypeError} If something else comes.
 */
export function exchangeValues(
  ranks: ContextGroup,
  values: Float32Array,
  peers: Peers,
  about: string,
): Float32Array {
  const received: unknown = ranks.exchange(values, peers, about);
  if (
    received instanceof Float32Array && received.length === values.length
  ) return received;
  throw new TypeError(
    `communicator's exchange should return a Float32Array of as many numbers as it gets, ${values.length}, got ${
      shown(received)
    }`,
  );
}

/** Ranks in another order, or some of all ranks, which know their original numbers. */
interface NamedRanks extends ContextGroup {
  nameOf(rank: number): number;
}

/** Returns the number of a rank among all ranks. */
export function nameOf(ranks: ContextGroup, rank: number): number {
  return (ranks as Partial<NamedRanks>).nameOf?.(rank) ?? rank;
}

/**
 * Reverses the order of ranks, for tokens that are read from the end of a
 * sequence.
 */
export function reversedRanks(ranks: ContextGroup): NamedRanks {
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
export function groupedRanks(ranks: ContextGroup, size: number): NamedRanks {
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
