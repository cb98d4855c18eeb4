import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import type { Part } from "../../lib/data/mod.ts";
import { LIST_OPS_TOKENS, listOps, mqar } from "../../lib/datasets/mod.ts";
import { drawTree } from "../../lib/datasets/tasks/list_ops.ts";
import {
  listOpsBaselines,
  mqarBaselines,
} from "../../tools/recipes/tasks/guesses.ts";
import { uniform } from "../random.ts";
import { assertReproducible } from "../data/reproducible.ts";

const SMALL = { maxDepth: 5, minLength: 31, maxLength: 129 };
const PARTS: Part[] = ["train", "validation", "test"];

Deno.test("listOps() makes an example of its place, seed and part alone", () => {
  assertReproducible((options) => listOps({ ...SMALL, ...options }));
});

Deno.test("mqar() makes an example of its place, seed and part alone", () => {
  assertReproducible(mqar);
});

/** The value of a sequence of ListOps, by rewriting its innermost lists. */
function evaluate(ids: ArrayLike<number>): number {
  let text = Array.from(ids, (id) => LIST_OPS_TOKENS[id]).join(" ");
  while (text.includes("[")) {
    const before = text;
    text = text.replace(
      /\[(MIN|MAX|MED|SM) ([\d ]+) X/g,
      (_, operation, list) => {
        const digits: number[] = list.split(" ").map(Number).sort();
        const [low, high] = [digits[0]!, digits.at(-1)!];
        const middle = digits.slice(
          Math.ceil(digits.length / 2) - 1,
          Math.floor(digits.length / 2) + 1,
        );
        const sum = digits.reduce((a, b) => a + b);
        return String(
          {
            MIN: low,
            MAX: high,
            MED: Math.trunc((middle[0]! + middle.at(-1)!) / 2),
            SM: sum % 10,
          }[operation as "MIN"],
        );
      },
    );
    assert(text !== before, text);
  }
  assert(/^\d$/.test(text), text);
  return Number(text);
}

Deno.test("listOps() has trees of the right size with their value", () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.constantFrom(...PARTS),
      fc.record({
        maxDepth: fc.integer({ min: 3, max: 6 }),
        maxArguments: fc.integer({ min: 3, max: 10 }),
        minLength: fc.integer({ min: 3, max: 9 }),
      }),
      (seed, part, sizes) => {
        const limits = { ...sizes, maxLength: 60 };
        const dataset = listOps({ size: 10, seed, part, ...limits });
        for (let i = 0; i < 10; i++) {
          const { ids, label, depth } = dataset.get(i);
          assert(ids.length > sizes.minLength && ids.length < 60);
          assertEquals(evaluate(ids), label);
          let level = 1, deepest = 1;
          for (const id of Array.from(ids)) {
            if (id === 15) level--;
            else if (id > 10) deepest = Math.max(deepest, ++level);
          }
          assertEquals(depth, deepest);
          assert(deepest <= sizes.maxDepth);
        }
      },
    ),
    { numRuns: 30 },
  );
  const full = listOps({ size: 20, part: "test" });
  for (let i = 0; i < 20; i++) {
    const { ids, label } = full.get(i);
    assertEquals(evaluate(ids), label);
  }
});

Deno.test("listOps() has no tree in two parts, or twice", () => {
  const trees = PARTS.map((part, i) => {
    const dataset = listOps({ ...SMALL, size: 2000, part, seed: i });
    return Array.from(
      { length: 2000 },
      (_, i) => Array.from(dataset.get(i).ids).join(),
    );
  });
  assertEquals(new Set(trees.flat()).size, 6000);
  // The smallest trees are drawn again and again, and never in another part.
  const tiny = PARTS.map((part) => {
    const limits = { maxDepth: 2, maxArguments: 2, minLength: 3, maxLength: 5 };
    const dataset = listOps({ ...limits, size: 500, part });
    return new Set(
      Array.from({ length: 500 }, (_, i) => String(dataset.get(i).ids)),
    );
  });
  for (const [i, j] of [[0, 1], [0, 2], [1, 2]] as const) {
    assertEquals(tiny[i]!.intersection(tiny[j]!).size, 0);
  }
});

Deno.test("listOps() has the published statistics", () => {
  const random = uniform(1);
  const limits = {
    maxDepth: 10,
    maxArguments: 10,
    minLength: 500,
    maxLength: 2000,
  };
  const draws = 60_000;
  const trees = Array.from({ length: draws }, () => drawTree(random, limits))
    .filter((tree) => tree !== undefined);
  assertAlmostEquals(trees.length / draws, 0.083, 0.005);
  const lengths = trees.map(({ ids }) => ids.length).sort((a, b) => a - b);
  const mean = lengths.reduce((a, b) => a + b) / lengths.length;
  assertAlmostEquals(mean, 1033, 25);
  const quantiles = { 0.05: 539, 0.25: 701, 0.5: 948, 0.75: 1305, 0.95: 1809 };
  for (const [quantile, expected] of Object.entries(quantiles)) {
    const found = lengths[Math.floor(Number(quantile) * lengths.length)]!;
    assertAlmostEquals(found, expected, 0.05 * expected);
  }
  const share = (label: number, root?: string) => {
    const same = trees.filter(({ ids }) =>
      root === undefined || LIST_OPS_TOKENS[ids[0]!] === root
    );
    return same.filter((tree) => tree.label === label).length / same.length;
  };
  assertAlmostEquals(share(0), 0.169, 0.02);
  assertAlmostEquals(share(9), 0.169, 0.02);
  for (let digit = 1; digit < 9; digit++) {
    assertAlmostEquals(share(digit), 0.08, 0.02);
  }
  assertAlmostEquals(share(0, "[MIN"), 0.56, 0.05);
  assertAlmostEquals(share(9, "[MAX"), 0.57, 0.05);
  assertAlmostEquals(share(4, "[MED"), 0.22, 0.05);

  const baselines = listOpsBaselines(listOps({ size: 2000 }));
  assertAlmostEquals(baselines.majority, 0.169, 0.02);
  assertAlmostEquals(baselines.rootOperation, 0.362, 0.03);
});

Deno.test("listOps() says when there are no such trees", () => {
  const dataset = listOps({
    size: 1,
    maxDepth: 2,
    minLength: 100,
    maxLength: 200,
  });
  assertThrows(
    () => dataset.get(0),
    RangeError,
    "minLength and maxLength should be lengths that trees have, got 100 and 200",
  );
  assertThrows(
    () => listOps({ size: 1, minLength: 10, maxLength: 11 }),
    RangeError,
    "maxLength should be an integer from 12",
  );
});

Deno.test("mqar() asks for each key once, after its pair", () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 0, max: 10 }),
      fc.boolean(),
      (seed, pairs, more, randomNonQueries) => {
        const length = 4 * pairs + 2 * more;
        const vocabularySize = length + 2;
        const dataset = mqar({
          size: 1,
          seed,
          pairs,
          length,
          vocabularySize,
          randomNonQueries,
        });
        const { ids, labels } = dataset.get(0);
        const [tokens, asked] = [Array.from(ids), Array.from(labels)];
        assertEquals([tokens.length, asked.length], [length, length]);
        const keys = tokens.slice(0, 2 * pairs).filter((_, i) => i % 2 === 0);
        const values = tokens.slice(0, 2 * pairs).filter((_, i) => i % 2 === 1);
        assertEquals(new Set(keys).size, pairs);
        assertEquals(new Set(values).size, pairs);
        const half = vocabularySize / 2;
        assert(keys.every((key) => key > 0 && key < half));
        assert(values.every((value) => value >= half));
        const questions = [...asked.keys()].filter((i) => asked[i] !== -100);
        assertEquals(
          questions.map((i) => tokens[i]!).sort(),
          keys.toSorted(),
        );
        for (const i of questions) {
          assert(i >= 2 * pairs && i % 2 === 0);
          assertEquals(asked[i], values[keys.indexOf(tokens[i]!)]);
        }
        const others = tokens.filter((_, i) =>
          i >= 2 * pairs && !questions.includes(i)
        );
        assert(randomNonQueries || others.every((id) => id === 0));
        assert(others.every((id) => id < vocabularySize));
      },
    ),
  );
});

Deno.test("mqar() asks near a pair, by a power law", () => {
  const dataset = mqar({ size: 4000, pairs: 1, length: 18 });
  const counts = new Array<number>(8).fill(0);
  for (let i = 0; i < dataset.size; i++) {
    const place = Array.from(dataset.get(i).labels)
      .findIndex((label) => label !== -100);
    counts[place / 2 - 1]!++;
  }
  const weights = counts.map((_, i) => (i + 1) ** -0.99);
  const total = weights.reduce((a, b) => a + b);
  counts.forEach((count, i) =>
    assertAlmostEquals(count / dataset.size, weights[i]! / total, 0.03)
  );
});

Deno.test("mqarBaselines() are what guessing reaches", () => {
  const pairs = mqarBaselines(mqar({ size: 500, pairs: 8 }));
  assertEquals(pairs.valueOfSequence, 1 / 8);
  assertLess(pairs.anyValue, 1 / 2000);
});

Deno.test("mqar() names what is impossible", () => {
  const size = 1;
  assertThrows(
    () => mqar({ size, pairs: 20, length: 64 }),
    RangeError,
    "length should be an integer from 80",
  );
  assertThrows(
    () => mqar({ size, length: 65 }),
    RangeError,
    "length should be even, got 65",
  );
  assertThrows(
    () => mqar({ size, vocabularySize: 64 }),
    RangeError,
    "vocabularySize should be an integer from 65",
  );
});
