import type { Dataset } from "./dataset.ts";
import { seeded, shuffle } from "./random.ts";

/**
 * A dataset whose examples lie in blocks, such as the row groups of a Parquet
 * file: neighbours are cheap to read together.
 */
export interface BlockDataset<E> extends Dataset<E> {
  /** The index of each example's block. */
  readonly locality: Uint32Array;
  /** Number of blocks that the dataset keeps in memory, if it keeps any. */
  readonly localitiesKept?: number | undefined;
}

/** The order of examples in each epoch, of which the last one asked for is kept. */
type Orders = (epoch: number) => Uint32Array;

function keepingLast(orderOf: Orders): Orders {
  let known: { epoch: number; order: Uint32Array } | undefined;
  return (epoch) => {
    if (known?.epoch !== epoch) known = { epoch, order: orderOf(epoch) };
    return known.order;
  };
}

/** Orders in which any example may follow any other, by seed and epoch alone. */
export function epochOrders(size: number, seed: number): Orders {
  return keepingLast((epoch) => {
    const order = Uint32Array.from({ length: size }, (_, i) => i);
    shuffle(order, seeded("epoch", seed, epoch));
    return order;
  });
}

/**
 * Orders for which the blocks are shuffled, and then the examples of some blocks at a
 * time, by seed and epoch alone.
 */
export function blockOrders(
  locality: Uint32Array,
  seed: number,
  blocksAtOnce: number,
): Orders {
  const { sorted, firsts } = sortedByBlock(locality);
  const all = new Uint32Array(new Set(locality));
  return keepingLast((epoch) => {
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
    return order;
  });
}

/** The examples sorted by block, and the place in them at which each block begins. */
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

/** Number of batches among which examples are sorted by length. */
const BATCHES_SORTED = 64;

/**
 * Orders whose batches are of examples of like lengths: of some batches at a time, the
 * examples are sorted by length, and the batches shuffled, by seed and epoch alone.
 */
export function ordersByLength(
  orderOf: Orders,
  lengths: ArrayLike<number>,
  batchSize: number,
  seed: number,
): Orders {
  return keepingLast((epoch) => {
    const order = orderOf(epoch).slice();
    // What fills no batch is left out of the epoch, whatever its length.
    const end = order.length - order.length % batchSize;
    for (let i = 0; i < end; i += BATCHES_SORTED * batchSize) {
      const some = order.subarray(
        i,
        Math.min(end, i + BATCHES_SORTED * batchSize),
      );
      const sorted = some.slice().sort((a, b) => lengths[a]! - lengths[b]!);
      const firsts = Array.from(
        { length: some.length / batchSize },
        (_, batch) => batch * batchSize,
      );
      shuffle(firsts, seeded("lengths", seed, epoch, i));
      firsts.forEach((first, batch) =>
        some.set(sorted.subarray(first, first + batchSize), batch * batchSize)
      );
    }
    return order;
  });
}
