/** Examples that are generated depend on nothing but what asks for them. @module */
import { assertEquals, assertThrows } from "@std/assert";
import type { Examples, GeneratedOptions, Part } from "../../lib/data/mod.ts";

const PARTS: readonly Part[] = ["train", "validation", "test"];

/** Asserts that an example depends on its place, the seed and the part alone. */
export function assertReproducible(
  make: (options: GeneratedOptions) => Examples<unknown>,
): void {
  const dataset = make({ size: 50 });
  assertEquals(dataset.size, 50);
  const all = Array.from({ length: 50 }, (_, i) => dataset.get(i));
  const again = make({ size: 60, seed: 0, part: "train" });
  for (const i of [49, 0, 17, 17]) assertEquals(again.get(i), all[i]);
  const keys = [0, 1].flatMap((seed) =>
    PARTS.flatMap((part) => {
      const other = make({ size: 50, seed, part });
      return all.map((_, i) => JSON.stringify(other.get(i)));
    })
  );
  assertEquals(new Set(keys).size, 300);

  assertThrows(() => dataset.get(50), RangeError, "below 50, got 50");
  assertThrows(() => make({ size: 0 }), RangeError, "size");
  assertThrows(
    () => make({ size: 1, part: "dev" as Part }),
    RangeError,
    'part should be "train", "validation" or "test", got "dev"',
  );
}
