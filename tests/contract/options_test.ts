import { assertEquals, assertThrows } from "@std/assert";
import { assertOptions } from "../../lib/contract/options.ts";

interface Options {
  dropout?: number;
  learningRate?: number;
  warmUpSteps?: number;
}
const NAMES = { dropout: true, learningRate: true, warmUpSteps: true } as const;
const check = (options: unknown) =>
  assertOptions("train", options as Options, NAMES);

Deno.test("assertOptions() takes known options, and none", () => {
  check({});
  check({ dropout: 0.5, warmUpSteps: undefined });
});

Deno.test("assertOptions() names an unknown option and the nearest known one", () => {
  for (
    const [given, nearest] of [
      ["dropOut", "dropout"],
      ["lr", "learningRate"],
      ["learning_rate", "learningRate"],
      ["warmupSteps", "warmUpSteps"],
      ["droput", "dropout"],
    ]
  ) {
    const { message } = assertThrows(
      () => check({ [given!]: 1 }),
      TypeError,
    );
    assertEquals(
      message,
      `train has no option "${given}"; did you mean "${nearest}"? Its ` +
        "options are dropout, learningRate, warmUpSteps",
    );
  }
});

Deno.test("assertOptions() knows no option that objects inherit", () => {
  assertThrows(() => check({ toString: 1 }), TypeError, '"toString"');
});

Deno.test("assertOptions() refuses what is no object", () => {
  for (
    const [given, named] of [
      ["wasm", 'string "wasm"'],
      [null, "null"],
      [[], "an array"],
      [3, "number"],
      [() => {}, "function"],
    ] as const
  ) {
    assertThrows(() => check(given), TypeError, `got ${named}`);
  }
});
