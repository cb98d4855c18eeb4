/** Numbers that ranks exchange. */
export type RankNumbers = Float32Array | Float64Array | Int32Array | Uint8Array;

/** What becomes of the values that ranks have at one place. */
export type Reduction = "sum" | "max" | "min";

/**
 * Processes that compute together, each of which has a rank. `openMpi` of
 * `@lionjs/lion/mpi` gives one.
 *
 * All ranks call the collective operations (all but `send` and `receive`) in the
 * same order, with arrays of the same kind and length; MPI's throws on all of them
 * where they do not. An array belongs to an operation until its promise settles.
 */
export interface Communicator {
  /** Of this process, from 0. */
  readonly rank: number;
  /** How many ranks there are. */
  readonly size: number;
  /** Replaces the values with what all ranks' come to. @default reduction "sum" */
  allreduce<T extends RankNumbers>(
    values: T,
    reduction?: Reduction,
  ): Promise<T>;
  /** Replaces the values with those of one rank. @default root 0 */
  broadcast<T extends RankNumbers>(values: T, root?: number): Promise<T>;
  /** The values of all ranks one after another; `undefined` but on one rank. @default root 0 */
  gather<T extends RankNumbers>(
    values: T,
    root?: number,
  ): Promise<T | undefined>;
  /** Sums of the lower ranks' values; zeros on rank 0. */
  exscan<T extends RankNumbers>(values: T): Promise<T>;
  /** Waits until all ranks have come here. */
  barrier(): Promise<void>;
  /** Sends values to a rank. @default tag 0 */
  send(values: RankNumbers, to: number, tag?: number): Promise<void>;
  /** Fills values with what a rank has sent under the tag. @default tag 0 */
  receive<T extends RankNumbers>(
    values: T,
    from: number,
    tag?: number,
  ): Promise<T>;
  /**
   * Says why this rank has failed: ranks that stand still, and wait for what it
   * does not send any more, throw it. In an operation of all ranks it still takes
   * part. A communicator without it leaves them waiting.
   */
  failed?(reason: string): void;
}

/** Whom an exchange concerns; a side that is left out is nobody. */
export interface Peers {
  /** The rank that gets the values. */
  readonly to?: number | undefined;
  /** The rank that sends as many. */
  readonly from?: number | undefined;
}

/**
 * Ranks each of which has a part of the tokens of every sequence, the first
 * tokens on rank 0. They exchange inside operations, which do not wait as other
 * functions do: meanwhile the event loop stands still.
 */
export interface TokenRanks extends Pick<Communicator, "rank" | "size"> {
  /**
   * Sends values to one rank while another sends as many; each rank must have
   * its counterpart in the call that it makes at the same place of the program.
   *
   * @param about What the values are, the same on both ranks; where they differ,
   * a communicator that compares it throws.
   * @returns What came; zeros from nobody.
   */
  exchange(values: Float32Array, peers: Peers, about?: string): Float32Array;
}
