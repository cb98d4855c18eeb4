import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  selectiveCopying,
  selectiveCopyingBaselines,
} from "../../tools/recipes/tasks/selective_copying.ts";
import { assertReproducible } from "../data/reproducible.ts";

Deno.test("selectiveCopying() makes an example of its place, seed and part alone", () => {
  assertReproducible(selectiveCopying);
});

Deno.test("selectiveCopying() asks for the symbols in their order", () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 3, max: 20 }),
      (seed, symbols, blanks, vocabularySize) => {
        const length = 2 * symbols + 1 + blanks;
        const { ids, labels } = selectiveCopying({
          size: 1,
          seed,
          symbols,
          length,
          vocabularySize,
        }).get(0);
        const [tokens, asked] = [Array.from(ids), Array.from(labels)];
        const [blank, copy] = [vocabularySize - 2, vocabularySize - 1];
        const place = length - symbols - 1;
        assertEquals(tokens.indexOf(copy), place);
        assertEquals(tokens.lastIndexOf(copy), place);
        assert(tokens.slice(place + 1).every((id) => id === blank));
        const copied = tokens.slice(0, place).filter((id) => id !== blank);
        assertEquals(copied.length, symbols);
        assertEquals(tokens[place - 1], copied.at(-1));
        assertEquals(
          asked,
          [...new Array<number>(place + 1).fill(-100), ...copied],
        );
      },
    ),
  );
});

Deno.test("selectiveCopyingBaselines() are what guessing reaches", () => {
  const { majority } = selectiveCopyingBaselines(
    selectiveCopying({ size: 500 }),
  );
  assertAlmostEquals(majority, 1 / 14, 0.006);
});

Deno.test("selectiveCopying() names what is impossible, or unknown", () => {
  assertThrows(
    () => selectiveCopying({ size: 1, symbols: 16, length: 32 }),
    RangeError,
    "length should be an integer from 33",
  );
  const unknown: object = { nonsense: 1 };
  assertThrows(
    () => selectiveCopying({ size: 1, ...unknown }),
    TypeError,
    'selectiveCopying has no option "nonsense"',
  );
});
