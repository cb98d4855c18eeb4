/** Sequences of blocks: tokens read their block on both sides, and all blocks before it. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  blockAttention,
  type BlockState,
} from "../attention/streaming/block_attention.ts";
import type { LionAttentionOptions } from "../attention/lion_attention.ts";
import { type Sequence, WHOLE_SEQUENCE } from "./sequence.ts";

/** The states of all layers after the blocks that a model has read. */
export interface ReadBlocks {
  /** The number of tokens that it has read. */
  readonly tokens: number;
  /** What each layer's blocks leave, in the order in which layers run. */
  readonly layers: readonly BlockState[];
}

/** A run of layers on blocks after others. */
interface BlockReading {
  readonly before: ReadBlocks;
  /** What the layers' blocks leave, if it is kept. */
  readonly left: BlockState[] | undefined;
  /** How many layers have attended. */
  layers: number;
}

const readings = new WeakMap<Sequence, BlockReading>();

/**
 * A sequence whose first tokens layers have read before; layers run in it with the
 * next tokens, in the same order as then.
 *
 * @param before The states of the layers after the first tokens.
 * @param left A list to which the states after these tokens are added, kept beyond
 * `tf.tidy`; their owner is the caller.
 */
export function readingBlocks(
  before: ReadBlocks,
  left?: BlockState[],
): Sequence {
  const sequence: Sequence = {
    ...WHOLE_SEQUENCE,
    lengths: (count) => ({
      before: before.tokens,
      all: before.tokens + count,
    }),
  };
  readings.set(sequence, { before, left, layers: 0 });
  return sequence;
}

/**
 * The sequence of a layer whose attention is causal between blocks.
 *
 * @param sequence The sequence that layers run in.
 * @param owner The layer's name.
 */
export function inBlocks(
  sequence: Sequence,
  blockLength: number,
  owner: string,
): Sequence {
  sequence.assertWhole(owner);
  const reading = readings.get(sequence);
  const refuse = () => {
    throw new TypeError(
      `${owner} should have a mixer of linear attention, to attend in blocks`,
    );
  };
  return {
    ...sequence,
    // Decays have to be known apart from their pairs, of which blocks make others.
    isWhole: false,
    lionAttention(q, k, v, options: LionAttentionOptions = {}) {
      const before = reading?.before.layers[reading.layers++];
      const { y, state: { sum, due } } = blockAttention(
        { q, k, v },
        options,
        blockLength,
        before,
      );
      reading?.left?.push({ sum: keptCopy(sum), due: due && keptCopy(due) });
      return y;
    },
    deltaAttention: refuse,
    transitionAttention: refuse,
  };
}

/** A copy that the layer, which owns what it computes, does not dispose of. */
function keptCopy<T extends tf.Tensor>(x: T): T {
  return tf.keep(tf.clone(x));
}
