import type { OneHotAttrs } from "@tensorflow/tfjs-core";
import type { Values } from "./host_kernel.ts";

/**
 * Fills an array with one-hot vectors; an index out of range has no one.
 *
 * @param rows Filled, of any type: `depth` numbers per index.
 */
export function fillOneHot(
  rows: Values,
  indices: Values,
  { depth, onValue, offValue }: OneHotAttrs,
): void {
  rows.fill(offValue);
  indices.forEach((index, row) => {
    if (index >= 0 && index < depth) rows[row * depth + index] = onValue;
  });
}
