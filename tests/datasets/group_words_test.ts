import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  GROUP_SIZES,
  type GroupName,
  groupWords,
} from "../../lib/datasets/mod.ts";
import { assertReproducible } from "../data/reproducible.ts";

const NAMES = Object.keys(GROUP_SIZES) as GroupName[];

Deno.test("groupWords() makes an example of its place, seed and part alone", () => {
  assertReproducible((options) => groupWords({ group: "S5", ...options }));
});

Deno.test("groups have as many letters and elements as mathematics says", () => {
  assertEquals(GROUP_SIZES, {
    Z2: { letters: 2, elements: 2 },
    Z5: { letters: 5, elements: 5 },
    swaps: { letters: 11, elements: 120 },
    S3: { letters: 6, elements: 6 },
    A5: { letters: 60, elements: 60 },
    S5: { letters: 120, elements: 120 },
  });
});

Deno.test("a label of Z2 and Z5 is the sum of the letters up to it", () => {
  for (const [group, order] of [["Z2", 2], ["Z5", 5]] as const) {
    const words = groupWords({ size: 1, group, length: 300 });
    const { ids, labels } = wordOf(words, 0);
    let sum = 0;
    assertEquals(labels, ids.map((id) => sum = (sum + id) % order));
  }
});

Deno.test("labels multiply as their group does, and all elements are reached", () => {
  for (const group of NAMES) {
    const { elements } = GROUP_SIZES[group];
    const words = groupWords({ size: 40, group, length: 200 });
    // What a letter makes of an element is the same wherever it stands, and no
    // two elements become the same.
    const products = new Map<string, number>();
    const seen = new Set<number>();
    for (let i = 0; i < words.size; i++) {
      const { ids, labels } = wordOf(words, i);
      let before = 0;
      labels.forEach((label, t) => {
        const key = `${ids[t]} after ${before}`;
        assertEquals(products.get(key) ?? label, label, `${group}: ${key}`);
        products.set(key, label);
        seen.add(before = label);
      });
    }
    assertEquals(seen.size, elements, group);
    const images = Map.groupBy(products, ([key]) => key.split(" ")[0]!);
    for (const [letter, pairs] of images) {
      const distinct = new Set(pairs.map(([, label]) => label));
      assertEquals(distinct.size, pairs.length, `${group}: letter ${letter}`);
    }
  }
});

Deno.test("a letter of swaps undoes itself, and the first one does nothing", () => {
  const words = groupWords({ size: 400, group: "swaps", length: 30 });
  let repeated = 0;
  for (let i = 0; i < words.size; i++) {
    const { ids, labels } = wordOf(words, i);
    labels.forEach((label, t) => {
      const before = (back: number) => t >= back ? labels[t - back]! : 0;
      if (ids[t] === 0) assertEquals(label, before(1));
      if (t === 0 || ids[t] !== ids[t - 1]) return;
      assertEquals(label, before(2));
      repeated++;
    });
  }
  assert(repeated > 100);
});

Deno.test("the second product of a pair is the first one of the word reversed", () => {
  // S5 has more products of two than a test can wait for.
  for (const group of NAMES.filter((name) => name !== "S5")) {
    const { elements } = GROUP_SIZES[group];
    const options = { size: 3, group, length: 12 };
    const both = groupWords({ ...options, labels: "both" });
    const before = groupWords(options);
    const { ids, labels } = wordOf(both, 2);
    assertEquals(ids, wordOf(before, 2).ids);
    const first = labels.map((label) => Math.floor(label / elements));
    assertEquals(first, wordOf(before, 2).labels);
    const second = labels.map((label) => label % elements);
    assertEquals(second[0], elementOf(group, ids.toReversed()));
    assertEquals(second.at(-1), elementOf(group, [ids.at(-1)!]));
  }
});

/** A word's letters and labels, as arrays. */
function wordOf(words: ReturnType<typeof groupWords>, index: number) {
  const { ids, labels } = words.get(index);
  return { ids: Array.from(ids), labels: Array.from(labels) };
}

/** The number of a word's product, by the table of products of two. */
function elementOf(group: GroupName, word: readonly number[]): number {
  const words = groupWords({ size: 200, group, length: 200, seed: 7 });
  const products = new Map<string, number>();
  for (let i = 0; i < words.size; i++) {
    const { ids, labels } = wordOf(words, i);
    ids.forEach((id, t) => {
      products.set(`${id} ${t ? labels[t - 1] : 0}`, labels[t]!);
    });
  }
  return word.reduce((before, id) => products.get(`${id} ${before}`)!, 0);
}

Deno.test("groupWords() names what is wrong", () => {
  assertThrows(
    () => groupWords({ size: 1, group: "S4" as GroupName }),
    RangeError,
    'group should be "Z2", "Z5", "swaps", "S3", "A5" or "S5", got "S4"',
  );
  assertThrows(
    () => groupWords({ size: 1, group: "Z2", length: 0 }),
    RangeError,
    "length",
  );
  assertThrows(
    () => groupWords({ size: 1, group: "Z2", labels: "after" as "both" }),
    RangeError,
    'labels should be "before" or "both", got "after"',
  );
});
