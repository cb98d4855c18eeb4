/** Decays of each channel of the keys, as a preparation whose rows are written out. @module */
import {
  bordersOf,
  chunksKey,
  type DiagonalChunks,
  slotOf,
} from "./diagonal_layout.ts";
import type { Side } from "./mask.ts";

/**
 * Decays of each channel, read in one way: Qin, Kout and `through` lie in the
 * buffers of `diagonal_layout.ts`, and so does A.
 */
export interface ChannelDecays {
  readonly kind: "channels";
  /** Names it in the keys of shaders. */
  readonly key: string;
  readonly chunks: DiagonalChunks;
  /** The sides from which states come, in the order in which they lie in memory. */
  readonly sides: readonly Side[];
  /** Whether readers and sources are exchanged. */
  readonly isTransposed: boolean;
  /** The rows that read states. */
  readonly read: "queries" | "keys";
  /** The rows that write to them. */
  readonly written: "queries" | "keys";
  /** Where a side's rows and its `through` lie. */
  slotOf(side: Side): 0 | 1;
  /** The same with readers and sources exchanged. */
  transposed(): ChannelDecays;
}

/** The preparation of `f`, and of `b` where chunks are not causal. */
export function channelDecays(chunks: DiagonalChunks): ChannelDecays {
  const forward: ChannelDecays = {
    kind: "channels",
    key: chunksKey(chunks),
    chunks,
    sides: bordersOf(chunks),
    isTransposed: false,
    read: "queries",
    written: "keys",
    slotOf,
    transposed: () => transposed,
  };
  // What keys wrote to the right, cotangents bring back from there.
  const opposite = (side: Side): Side => side === "before" ? "after" : "before";
  const transposed: ChannelDecays = {
    ...forward,
    key: `${forward.key} transposed`,
    sides: forward.sides.map(opposite).reverse(),
    isTransposed: true,
    read: "keys",
    written: "queries",
    slotOf: (side) => slotOf(opposite(side)),
    transposed: () => forward,
  };
  return forward;
}
