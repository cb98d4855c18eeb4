/** Names of classes become labels, in one order. @module */
import { assertEquals, assertThrows } from "@std/assert";
import { classesOf } from "../../lib/data/mod.ts";

Deno.test("classes are in the order of their code points, whatever order labels have", () => {
  const names = ["B", "a", "b", "Ａ", "🦁", "__proto__", "é"];
  const truth = ["B", "__proto__", "a", "b", "é", "Ａ", "🦁"];
  for (const labels of [names, names.toReversed(), [...names, ...names]]) {
    const { classes, labelOf } = classesOf(labels);
    assertEquals(classes, truth);
    assertEquals(truth.map(labelOf), truth.map((_, i) => i));
  }
});

Deno.test("classesOf() names what is no label", () => {
  const { labelOf } = classesOf(Array.from({ length: 12 }, (_, i) => `c${i}`));
  assertThrows(
    () => labelOf("toString"),
    RangeError,
    '"c7" and 2 others, got "toString"',
  );
  assertThrows(() => labelOf(undefined as never), RangeError, "got undefined");
  const cases: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [[], RangeError, "labels should not be empty, got none"],
    [
      ["a", undefined],
      TypeError,
      "labels should be strings, got undefined at 1",
    ],
    [[null], TypeError, "got null at 0"],
    ["cat", TypeError, "labels should be an array or another iterable"],
  ];
  for (const [labels, Kind, message] of cases) {
    assertThrows(() => classesOf(labels as string[]), Kind, message);
  }
});
