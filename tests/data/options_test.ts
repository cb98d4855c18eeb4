/** Options of data are checked by name and kind. @module */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  batchesInOrder,
  byteTokenizer,
  collateMasked,
  collatePixels,
  collateTokens,
  datasetOf,
  packTokens,
  padTokens,
  type TokenizerFile,
  tokenizerOf,
  trainTokenizer,
} from "../../lib/data/mod.ts";
import { collateDigits, mqar } from "../../lib/datasets/mod.ts";
import { writeSafetensors } from "../../lib/io/mod.ts";
import { onCpu } from "../io/files.ts";

/** Options that the compiler would not let pass. */
// deno-lint-ignore no-explicit-any
type Unchecked = any;

const tokenizer = byteTokenizer();
const numbers = datasetOf([1, 2, 3]);

Deno.test("data functions name options of the wrong kind", () => {
  const cases: [() => unknown, typeof TypeError | typeof RangeError, string][] =
    [
      [
        () => mqar(undefined as Unchecked),
        TypeError,
        "options of mqar should be an object",
      ],
      [
        () => packTokens([[1]], 5 as Unchecked),
        TypeError,
        "options of packTokens should be",
      ],
      [
        () => collateDigits({ augment: "no" as Unchecked }),
        TypeError,
        "augment should be true or false",
      ],
      [
        () => collatePixels({ mean: "0" as Unchecked }),
        TypeError,
        "mean should be",
      ],
      [
        () => collatePixels({ deviation: 0 }),
        RangeError,
        "deviation should be above 0, got 0",
      ],
      [
        () => collateDigits({ deviation: -1 }),
        RangeError,
        "deviation should be above 0, got -1",
      ],
      [
        () => collateTokens({ length: NaN }),
        RangeError,
        "length should be an integer",
      ],
      [
        () => collateTokens({ pad: 0.5 }),
        RangeError,
        "pad should be an integer",
      ],
      [
        () => collateMasked({ rate: NaN, tokenizer }),
        RangeError,
        "rate should be from 0 to 1",
      ],
      [
        () => packTokens([[1]], { length: 1, separator: NaN }),
        RangeError,
        "separator should be",
      ],
      [
        () =>
          batchesInOrder(numbers, { batchSize: 1, collate: 1 as Unchecked }),
        TypeError,
        "collate should be a function that makes a batch of examples, such as collateTokens(), got number",
      ],
    ];
  for (const [call, kind, message] of cases) assertThrows(call, kind, message);
});

onCpu("writeSafetensors() names an unknown option", async () => {
  await assertRejects(
    () => writeSafetensors("x", {}, { dtype: "F16" } as Unchecked),
    TypeError,
    'writeSafetensors has no option "dtype"',
  );
});

onCpu("labels and ids that are no integers are refused", () => {
  const before = tf.memory().numTensors;
  const random = Math.random;
  // A label that is missing, or of a class that was not found.
  for (const label of [NaN, undefined, 1.5, 2 ** 31]) {
    assertThrows(
      () =>
        tf.tidy(() =>
          collateTokens()([{ ids: [1], label: label! }], random) as Unchecked
        ),
      RangeError,
      `labels should be integers of 32 bits, got ${label} at 0`,
    );
    assertThrows(
      () =>
        tf.tidy(() =>
          collateTokens()(
            [{ ids: [1, 2], labels: [0, label!] }],
            random,
          ) as Unchecked
        ),
      RangeError,
      `labels should be integers of 32 bits, got ${label} at 1`,
    );
    assertThrows(
      () => padTokens([[1, label!]]),
      RangeError,
      `ids should be integers of 32 bits, got ${label} at 1`,
    );
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("tokenizerOf() refuses impossible ids, and at once", () => {
  const file = trainTokenizer(["low lower"], { vocabularySize: 262 });
  const added = file.added_tokens!;
  const withAdded = (id: unknown) =>
    ({
      ...file,
      added_tokens: [...added, { id, content: "[NEW]" }],
    }) as Unchecked as TokenizerFile;
  const withWord = (id: unknown) =>
    ({
      ...file,
      model: { ...file.model, vocab: { ...file.model.vocab, new: id } },
    }) as Unchecked as TokenizerFile;
  const begin = performance.now();
  for (const make of [withAdded, withWord]) {
    for (const id of [2 ** 31, 1e300, 65_536, -1, 1.5, "7", null]) {
      assertThrows(
        () => tokenizerOf(make(id)),
        RangeError,
        `should have an id that is an integer from 0 to 65535, got ${
          JSON.stringify(id)
        }`,
      );
    }
    assertThrows(
      () => tokenizerOf(make(7)),
      RangeError,
      "should have an id of its own, got 7, which",
    );
    assertEquals(tokenizerOf(make(300)).vocabularySize, 301);
  }
  assertEquals(performance.now() - begin < 5000, true);
});
