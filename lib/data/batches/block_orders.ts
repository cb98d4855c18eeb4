import type { Dataset } from "./dataset.ts";
import { seeded, shuffle } from "./random.ts";

/**
 * A dataset whose examples lie in blocks, such as the row groups of a Parquet
 * file: neighbours are cheap to read together.
 */
export interface BlockDataset<E> extends Dataset<E> {
  /** The block of each example. */
  readonly locality: Uint32Array;
  /** How many blocks the dataset keeps in memory, where it keeps some. */
  readonly localitiesKept?: number | undefined;
}

/**
 * The order of examples in each epoch: the blocks are shuffled, and then the
 * examples of some blocks at a time. It follows from the seed and the epoch
 * alone; the last order that was asked for is kept.
 */
export function blockOrders(
  locality: Uint32Array,
  seed: number,
  blocksAtOnce: number,
): (epoch: number) => Uint32Array {
  const { sorted, firsts } = sortedByBlock(locality);
  const all = new Uint32Array(new Set(locality));
  let known: { epoch: number; order: Uint32Array } | undefined;
  return (epoch) => {
    if (known?.epoch === epoch) return known.order;
    const blocks = all.slice();
    shuffle(blocks, seeded("blocks", seed, epoch));
    const order = new Uint32Array(locality.length);
    let begin = 0;
    for (let i = 0; i < blocks.length; i += blocksAtOnce) {
      let end = begin;
      for (const block of blocks.subarray(i, i + blocksAtOnce)) {
        order.set(sorted.subarray(firsts[block], firsts[block + 1]), end);
        end += firsts[block + 1]! - firsts[block]!;
      }
      shuffle(order.subarray(begin, end), seeded("block", seed, epoch, i));
      begin = end;
    }
    known = { epoch, order };
    return order;
  };
}

/** The examples by their blocks, and where each block begins among them. */
function sortedByBlock(
  locality: Uint32Array,
): { sorted: Uint32Array; firsts: Uint32Array } {
  const count = locality.reduce((most, block) => Math.max(most, block + 1), 0);
  const firsts = new Uint32Array(count + 1);
  for (const block of locality) firsts[block + 1]!++;
  for (let block = 0; block < count; block++) {
    firsts[block + 1]! += firsts[block]!;
  }
  const ends = firsts.slice();
  const sorted = new Uint32Array(locality.length);
  for (const [example, block] of locality.entries()) {
    sorted[ends[block]!++] = example;
  }
  return { sorted, firsts };
}
