import { seeded, shuffle } from "./random.ts";

/**
 * The order of examples in each epoch, by seed and epoch alone; the last order that
 * was asked for is kept.
 */
export function epochOrders(
  size: number,
  seed: number,
): (epoch: number) => Uint32Array {
  let known: { epoch: number; order: Uint32Array } | undefined;
  return (epoch) => {
    if (known?.epoch !== epoch) {
      const order = Uint32Array.from({ length: size }, (_, i) => i);
      shuffle(order, seeded("epoch", seed, epoch));
      known = { epoch, order };
    }
    return known.order;
  };
}
