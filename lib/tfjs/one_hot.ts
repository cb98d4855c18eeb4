import type { OneHotAttrs } from "@tensorflow/tfjs-core";
import type { Values } from "./host_kernel.ts";

/**
 * Fills an array with one-hot vectors; for an index out of range, no entry is "on".
 *
 * @param rows The array to fill, of any type: `depth` numbers per index.
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
