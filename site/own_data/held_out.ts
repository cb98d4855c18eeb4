/** Which examples are held out. @module */
import { seeded } from "../../lib/data/batches/random.ts";

/** The share of the examples of each class that is held out. */
const SHARE = 0.2;

/**
 * Holds out a fifth of each class, at least one example of a class that has two.
 * Examples with the same key stay together, so that none is learned by heart.
 *
 * @param examples Their classes and keys.
 * @returns Whether each is held out.
 */
export function heldOut(
  examples: readonly { readonly label: number; readonly key: string }[],
): boolean[] {
  const byClass = new Map<number, Set<string>>();
  for (const { label, key } of examples) {
    byClass.set(label, (byClass.get(label) ?? new Set()).add(key));
  }
  const chosen = new Set<string>();
  for (const all of byClass.values()) {
    const keys = [...all].map((key) => ({ key, place: seeded("held", key)() }))
      .sort((a, b) => a.place - b.place);
    const count = keys.length < 2
      ? 0
      : Math.max(1, Math.round(SHARE * keys.length));
    for (const { key } of keys.slice(0, count)) chosen.add(key);
  }
  return examples.map(({ key }) => chosen.has(key));
}
