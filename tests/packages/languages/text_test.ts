/** Texts as the model of languages reads them: letters, hashed runs, places and words. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  hashesOf,
  LANGUAGES,
  lettersOf,
  ORDERS,
  padded,
  rowsOf,
  TABLE_ROWS,
  valuesOf,
  windowMeans,
  wordSpans,
} from "../../../models/languages/text/mod.ts";

Deno.test("letters are composed and in lower case; all else is one space", () => {
  assertEquals(lettersOf("  Où? «L’été» 2024\n—e\u0301té "), "où l'été été");
  assertEquals(lettersOf("हिन्दी می\u200cخواهم"), "हिन्दी می\u200cخواهم");
  assertEquals(lettersOf("12:30 …"), "");
});

Deno.test("a run has the same hash wherever it stands, and codes are all different", () => {
  const [one, other] = [hashesOf("the cat"), hashesOf("a cat")];
  // The runs that end at the last t: t, at, cat and a space before it.
  const ofPlace = (hashes: Uint32Array, place: number) => [
    ...hashes.slice(place * ORDERS, (place + 1) * ORDERS),
  ];
  assertEquals(ofPlace(one, 6), ofPlace(other, 4));
  assert(ofPlace(one, 6)[3] !== ofPlace(one, 2)[3]);
  // There is a place for each letter, also beyond 16 bits, and for the space at the end.
  assertEquals(hashesOf("𐐀b").length, 3 * ORDERS);
  assertEquals([...hashesOf("ab").slice(0, ORDERS)].map((hash) => hash === 0), [
    ...[false, false, true, true],
  ]);
  const rows = rowsOf(hashesOf("some letters"));
  assert(rows.every((row) => row >= -1 && row < TABLE_ROWS));
  assertEquals(new Set(LANGUAGES).size, LANGUAGES.length);
});

Deno.test("the mean of a text's places is that of its runs, and so is that of wide windows", () => {
  const columns = LANGUAGES.length;
  const table = Float32Array.from(
    { length: TABLE_ROWS * columns },
    (_, i) => Math.sin(i),
  );
  const rows = rowsOf(hashesOf("cats")).filter((row) => row >= 0);
  const values = valuesOf(table, "cats");
  const places = values.length / columns;
  assertEquals(places, 5);
  for (const column of [0, columns - 1]) {
    const mean = (numbers: ArrayLike<number>, count: number) => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += numbers[i * columns + column]!;
      return sum / count;
    };
    const byRuns = rows.reduce(
      (sum, row) => sum + table[row * columns + column]! / rows.length,
      0,
    );
    assertAlmostEquals(mean(values, places), byRuns, 1e-5);
    assertAlmostEquals(windowMeans(values)[column]!, byRuns, 1e-5);
  }
  // A window is eight places to each side, as far as there are any.
  const long = valuesOf(table, "a long text of many letters");
  const at = (numbers: Float32Array, place: number) =>
    numbers[place * columns]!;
  for (const place of [0, 3, 13, 27]) {
    let sum = 0, count = 0;
    for (let i = Math.max(0, place - 8); i <= Math.min(27, place + 8); i++) {
      sum += at(long, i);
      count++;
    }
    assertAlmostEquals(at(windowMeans(long), place), sum / count, 1e-5);
  }
});

Deno.test("padding follows a text's places, and the mask tells which these are", () => {
  const columns = LANGUAGES.length;
  const rows = [
    new Float32Array(columns).fill(1),
    new Float32Array(3 * columns),
  ];
  const { values, mask, length } = padded(rows);
  assertEquals([length, values.length], [3, 6 * columns]);
  assertEquals([...mask], [1, 0, 0, 1, 1, 1]);
  assertEquals([values[columns - 1], values[columns]], [1, 0]);
});

Deno.test("words are what spaces are between, each with the space after it", () => {
  assertEquals(wordSpans("où 𐐀b"), [{ from: 0, to: 3 }, { from: 3, to: 6 }]);
  assertEquals(wordSpans(""), []);
});
