import { assert, assertEquals, assertThrows } from "@std/assert";
import { bars, barsIn } from "../../tools/recipes/tasks/bars.ts";
import { assertReproducible } from "../data/reproducible.ts";

/** An image of rows of dots. */
function imageOf(...rows: readonly string[]): Uint8Array {
  return Uint8Array.from(rows.join(""), (dot) => dot === "#" ? 255 : 0);
}

Deno.test("bars() makes an image of its place, seed and part alone", () => {
  assertReproducible(bars);
});

Deno.test("bars() has as many bright pixels in each image, and each label as often", () => {
  const options = { side: 7, bar: 4, bright: 13 };
  const dataset = bars({ size: 400, ...options });
  const labels = [0, 0, 0, 0];
  for (let i = 0; i < dataset.size; i++) {
    const { pixels, label } = dataset.get(i);
    assertEquals(pixels.length, 49);
    assertEquals(pixels.filter((pixel) => pixel === 255).length, 13);
    assertEquals(pixels.filter((pixel) => pixel === 0).length, 36);
    assertEquals(barsIn(pixels, options), label);
    labels[label]!++;
  }
  // Three deviations of 400 draws with a chance of a quarter.
  for (const count of labels) assert(Math.abs(count - 100) < 27, `${labels}`);
});

Deno.test("barsIn() sees runs along one line alone", () => {
  const task = { side: 4, bar: 3 };
  const label = (...rows: readonly string[]) => barsIn(imageOf(...rows), task);
  // From the end of a row to the next one is no bar.
  assertEquals(label("..##", "##..", "....", "...."), 0);
  assertEquals(label("....", ".###", "....", "...."), 1);
  assertEquals(label("#...", "#...", "#...", "...."), 2);
  assertEquals(label("...#", "...#", "...#", "####"), 3);
  assertEquals(label("#...", "....", "#...", "#..."), 0);
});

Deno.test("bars() names what is impossible, or unknown", () => {
  assertThrows(() => bars({ size: 1, bar: 9 }), RangeError, "bar");
  assertThrows(
    () => bars({ size: 1, bright: 9 }),
    RangeError,
    "bright should be an integer from 10 to 21",
  );
  const unknown: object = { nonsense: 1 };
  assertThrows(() => bars({ size: 1, ...unknown }), TypeError, "nonsense");
});
