import { assertEquals, assertThrows } from "@std/assert";
import { assertOptions, optionsOf } from "../../lib/base/options.ts";
import { assertInteger } from "../../lib/base/values.ts";

interface Options {
  dropout?: number;
  learningRate?: number;
  warmUpSteps?: number;
}
const NAMES = optionsOf<Options>()("dropout learningRate warmUpSteps");
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
      ["learningRates", "learningRate"],
      ["dropoutRate", "dropout"],
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

Deno.test("assertOptions() guesses no option where none is alike", () => {
  const { message } = assertThrows(() => check({ batchSize: 1 }), TypeError);
  assertEquals(
    message,
    'train has no option "batchSize". Its options are dropout, learningRate, ' +
      "warmUpSteps",
  );
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

Deno.test("optionsOf() joins names, lists of them and tables", () => {
  type More = Options & { seed: number; patience: number; metric?: string };
  const lists = ["seed", "patience metric"] as const;
  const table = optionsOf<More>()(...lists, NAMES);
  assertEquals(
    Object.entries(table).join(" "),
    "seed,true patience,true metric,true " +
      "dropout,true learningRate,true warmUpSteps,true",
  );
});

const options = optionsOf<Options>();
const text: string = "dropout learningRate warmUpSteps";
/** What the type checker refuses, each with its message; nothing runs this. */
const _refused = () => [
  // @ts-expect-error "warmUpSteps is missing"
  options("dropout learningRate"),
  // @ts-expect-error "learningRate is missing" | "warmUpSteps is missing"
  options("dropout"),
  // @ts-expect-error "seed is no option"
  options("dropout learningRate warmUpSteps seed"),
  // @ts-expect-error "warmupSteps is no option"
  options("dropout learningRate warmupSteps"),
  // @ts-expect-error "dropout again is no option"
  options("dropout learningRate warmUpSteps dropout"),
  // @ts-expect-error " is no option"
  options("dropout learningRate  warmUpSteps"),
  // @ts-expect-error "warmUpSteps is no option"
  optionsOf<Omit<Options, "warmUpSteps">>()(NAMES),
  // @ts-expect-error "seed is missing"
  optionsOf<Options & { seed: number }>()(NAMES),
  // @ts-expect-error A string of which the type checker knows no letter.
  options(text),
  // @ts-expect-error No names at all.
  options(),
];

Deno.test("an integer of a wrong kind is a TypeError, and beyond its bounds a RangeError", () => {
  assertInteger("steps", 3, 1, 3);
  for (const steps of [0, 4, 1.5, NaN]) {
    assertThrows(() => assertInteger("steps", steps, 1, 3), RangeError);
  }
  assertThrows(
    () => assertInteger("steps", "3" as unknown as number, 1),
    TypeError,
    "steps should be a number, got string",
  );
});
