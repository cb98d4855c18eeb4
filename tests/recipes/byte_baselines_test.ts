import { assertEquals } from "@std/assert";
import {
  byteBaselines,
  naiveBayes,
} from "../../tools/recipes/byte_baselines.ts";

Deno.test("naive Bayes weighs how often there is what a text has", () => {
  const guess = naiveBayes(
    [
      { ids: [1, 1, 2], label: 0 },
      { ids: [1, 2, 2], label: 1 },
      { ids: [2, 2, 3], label: 1 },
    ],
    (ids) => Array.from(ids),
  );
  // By hand: class 0 has 1/3 · (2 + 1)/(3 + 3 + 1), class 1 2/3 · (1 + 1)/(6 + 3 + 1).
  assertEquals(guess([1]), 0);
  assertEquals(guess([2]), 1);
  assertEquals(guess([3]), 1);
  // What was never seen says nothing but its class's share.
  assertEquals(guess([]), 1);
});

Deno.test("pairs of bytes tell apart what bytes do not", () => {
  const texts = [{ ids: [1, 2], label: 0 }, { ids: [2, 1], label: 1 }];
  const test = [{ ids: [2, 1], label: 1 }, { ids: [1, 2], label: 0 }];
  const found = byteBaselines(texts, test);
  assertEquals(found["majority"], { accuracy: 0.5 });
  assertEquals(found["bytes"], { accuracy: 0.5 });
  assertEquals(found["byte pairs"], { accuracy: 1 });
});
