/** The interface by which processes exchange values, whatever connects them. @module */

/** The arrays of numbers that ranks exchange. */
export type RankNumbers = Float32Array | Float64Array | Int32Array | Uint8Array;

/** How the values at the same index on all ranks are combined. */
export type Reduction = "sum" | "max" | "min";

/**
 * A group of processes that compute together, each with a rank. `openMpi` of
 * `@lionjs/lion/mpi` opens one.
 *
 * All ranks call the collective operations (all but `send` and `receive`) in
 * the same order, with arrays of the same kind and length; if they do not, the
 * MPI communicator throws on all of them. Do not read or change an array until
 * the operation's promise settles.
 */
export interface Communicator {
  /** The rank of this process, from 0. */
  readonly rank: number;
  /** The number of ranks. */
  readonly size: number;
  /** Replaces the values with the reduction of all ranks' values. @default reduction "sum" */
  allreduce<T extends RankNumbers>(
    values: T,
    reduction?: Reduction,
  ): Promise<T>;
  /** Replaces the values with those of one rank. @default root 0 */
  broadcast<T extends RankNumbers>(values: T, root?: number): Promise<T>;
  /** Concatenates the values of all ranks on the root; `undefined` on other ranks. @default root 0 */
  gather<T extends RankNumbers>(
    values: T,
    root?: number,
  ): Promise<T | undefined>;
  /** Exclusive scan: the sums of the lower ranks' values; zeros on rank 0. */
  exscan<T extends RankNumbers>(values: T): Promise<T>;
  /** Waits until all ranks have reached this call. */
  barrier(): Promise<void>;
  /** Sends values to a rank. @default tag 0 */
  send(values: RankNumbers, to: number, tag?: number): Promise<void>;
  /** Fills the array with the values that a rank has sent under the tag. @default tag 0 */
  receive<T extends RankNumbers>(
    values: T,
    from: number,
    tag?: number,
  ): Promise<T>;
  /**
   * Tells other ranks why this rank has failed: those that wait for values from
   * it throw the reason. It still takes part in collective operations. Without
   * this method, the other ranks wait forever.
   */
  failed?(reason: string): void;
}

/** The partners of an exchange; leave one out to send or receive nothing. */
export interface Peers {
  /** The rank that receives this rank's values. */
  readonly to?: number | undefined;
  /** The rank that sends as many values to this rank. */
  readonly from?: number | undefined;
}

/**
 * Ranks that share the tokens of every sequence, the first tokens on rank 0.
 * They exchange values inside synchronous operations, which block the event
 * loop.
 */
export interface ContextGroup extends Pick<Communicator, "rank" | "size"> {
  /**
   * Sends values to one rank and receives as many from another; both partners must
   * make the matching call at the same point of the program.
   *
   * @param about A description of the values, the same on both ranks; a communicator
   * that compares descriptions throws if they differ.
   * @returns The values received; zeros if there is no sender.
   */
  exchange(values: Float32Array, peers: Peers, about?: string): Float32Array;
}
