import { assert, assertEquals, assertThrows } from "@std/assert";
import { splitDocuments } from "../../lib/data/mod.ts";

Deno.test("splitDocuments() splits by document alone", () => {
  const documents = Array.from({ length: 500 }, (_, id) => ({ id, text: "a" }));
  const shares = { validation: 0.2, test: 0.3 };
  const split = splitDocuments(documents, shares);
  for (const part of ["train", "validation", "test"] as const) {
    const less = splitDocuments(documents.slice(0, 100).reverse(), shares);
    assertEquals(
      less[part].reverse(),
      split[part].filter(({ id }) => id < 100),
    );
  }
  const other = splitDocuments(documents, { ...shares, seed: 1 });
  assert(other.test.map(({ id }) => id).join() !== split.test.join());

  const together = splitDocuments(documents, { key: ({ text }) => text });
  assertEquals(
    Object.values(together).map(({ length }) => length).sort(),
    [0, 0, 500],
  );
  assertThrows(
    () => splitDocuments(documents, { validation: 0.5, test: 0.5 }),
    RangeError,
    "validation and test should be 0 or more, together below 1, got 0.5 and 0.5",
  );
});
