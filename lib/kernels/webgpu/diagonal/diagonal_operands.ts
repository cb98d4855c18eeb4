/** Decays of each channel of the keys, as operands whose rows are written out. @module */
import { bordersOf, chunksKey, slotOf } from "../chunkwise/diagonal_layout.ts";
import type { Side } from "../chunkwise/mask.ts";
import type {
  ChannelDecays,
  DiagonalChunks,
} from "../chunkwise/chunk_operands.ts";

/** The operands of `f`, and of `b` where chunks are not causal. */
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
