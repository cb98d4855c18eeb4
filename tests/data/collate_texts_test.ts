import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../mod.ts";
import {
  byteTokenizer,
  collateCausal,
  collateTexts,
  collateTokens,
} from "../../lib/data/mod.ts";

await useBackend({ prefer: ["cpu"] });

const tokenizer = byteTokenizer();
const { cls, sep, pad } = tokenizer.specials;
const random = () => 0;

Deno.test("records with texts become what collateTokens makes of their tokens", async () => {
  const before = tf.memory().numTensors;
  const rows = [
    { premise: "ab", claim: "c", stance: "for" },
    { premise: "abcdefgh", claim: "ij", stance: "against" },
  ];
  const { inputs, labels, size } = collateTexts({
    ...{ tokenizer, length: 8, classes: ["for", "against"] },
    ...{ text: "premise", pair: "claim", label: "stance", tokenTypes: true },
  })(rows, random);
  const bytes = (text: string) => tokenizer.encode(text);
  const [ids, mask, types] = inputs;
  assertEquals(await ids!.array(), [
    [cls, ...bytes("ab"), sep, ...bytes("c"), sep, pad, pad],
    [cls, ...bytes("abc"), sep, ...bytes("ij"), sep],
  ]);
  assertEquals((await mask!.array() as number[][])[0], [
    1,
    1,
    1,
    1,
    1,
    1,
    0,
    0,
  ]);
  assertEquals((await types!.array() as number[][])[1], [
    0,
    0,
    0,
    0,
    0,
    1,
    1,
    1,
  ]);
  // Classes keep the order that was given.
  assertEquals([await labels.array(), size], [[0, 1], 2]);
  tf.dispose([...inputs, labels]);
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("labels may be numbers", async () => {
  const collate = collateTexts({ tokenizer, length: 4 });
  const { inputs, labels } = collate([{ text: "a", label: 3 }], random);
  assertEquals(await labels.array(), [3]);
  tf.dispose([...inputs, labels]);
});

Deno.test("a field may have one or two texts, and labels may be numbers to approximate", async () => {
  const before = tf.memory().numTensors;
  const collate = collateTexts({
    ...{ tokenizer, length: 6, text: "texts", tokenTypes: true },
    regression: true,
  });
  const rows = [{ texts: ["a", "b"], label: 3.5 }, { texts: ["c"], label: -1 }];
  const { inputs, labels } = collate(rows, random);
  const [a, b, c] = "abc".split("").map((letter) =>
    tokenizer.encode(letter)[0]!
  );
  assertEquals(await inputs[0]!.array(), [
    [cls, a!, sep, b!, sep, pad],
    [cls, c!, sep, pad, pad, pad],
  ]);
  assertEquals((await inputs[2]!.array() as number[][])[0], [0, 0, 0, 1, 1, 0]);
  assertEquals(labels.dtype, "float32");
  assertEquals(await labels.array(), [[3.5], [-1]]);
  tf.dispose([...inputs, labels]);

  const wrong: [record: object, message: string][] = [
    [
      { texts: [], label: 1 },
      "texts should be a text or an array of one or two, got [] at 0",
    ],
    [
      { texts: ["a", "b", "c"], label: 1 },
      "texts should be a text or an array",
    ],
    [{ texts: ["a", 1], label: 1 }, "texts should be a text or an array"],
    [
      { texts: ["a"] },
      "labels for regression should be finite numbers, as float32, got undefined at 0",
    ],
    [{ texts: ["a"], label: 1e39 }, "got 1e+39 at 0"],
    [{ texts: ["a"], label: NaN }, "got NaN at 0"],
    [{ texts: ["a"], label: "3" }, 'got "3" at 0'],
  ];
  for (const [record, message] of wrong) {
    assertThrows(() => collate([record], random), Error, message);
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("a pair of texts is in one field or in two, not in both", () => {
  const collate = collateTexts({
    ...{ tokenizer, length: 6, text: "texts", pair: "claim" },
  });
  assertThrows(
    () => collate([{ texts: ["a", "b"], claim: "c", label: 1 }], random),
    TypeError,
    'texts should be one text where pair is given, got ["a","b"] at 0',
  );
});

Deno.test("a batch that cannot be made leaves no tensors", () => {
  const before = tf.memory().numTensors;
  const ids = [1, 2];
  const labels = [0, 1.5];
  const packed = { packed: true, length: 4 };
  const calls: [() => unknown, string][] = [
    [
      () =>
        collateTokens({ tokenTypes: true })(
          [{ ids, types: labels, label: 1 }],
          random,
        ),
      "types",
    ],
    [() => collateTokens()([{ ids, labels }], random), "labels"],
    [() => collateTokens(packed)([{ ids, labels }], random), "labels"],
    [() => collateTokens(packed)([{ ids, label: 1 }], random), "maxSegments"],
    [() => collateCausal()([[1, 2, 2.5]], random), "labels"],
  ];
  for (const [call, name] of calls) {
    assertThrows(call, RangeError, name);
    assertEquals(tf.memory().numTensors, before);
  }
});

Deno.test("regression is for examples with one number each", () => {
  const more = { regression: true, length: 4 };
  assertThrows(
    () => collateTexts({ tokenizer, classes: ["a", "b"], ...more }),
    RangeError,
    "regression is for labels that are numbers",
  );
  assertThrows(
    () => collateTokens({ packed: true, maxSegments: 2, ...more }),
    RangeError,
    "regression is for examples that are not packed",
  );
  assertThrows(
    () => collateTokens(more)([{ ids: [1], labels: [1] }], random),
    TypeError,
    "examples for regression should have a label",
  );
});

Deno.test("records without what is asked of them are named", () => {
  const collate = collateTexts({ tokenizer, length: 4, classes: ["a", "b"] });
  const cases: [record: unknown, message: string][] = [
    [{ label: "a" }, "text should be a text, got undefined at 0"],
    [{ text: null, label: "a" }, "text should be a text, got null at 0"],
    [{ text: "x", label: "c" }, 'one of "a", "b", got "c"'],
    [{ text: "x" }, 'one of "a", "b", got undefined'],
    [undefined, "text should be a text, got undefined at 0"],
  ];
  for (const [record, message] of cases) {
    assertThrows(
      () => collate([record as Record<string, unknown>], random),
      Error,
      message,
    );
  }
});
