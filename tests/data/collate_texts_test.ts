import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../mod.ts";
import { byteTokenizer, collateTexts } from "../../lib/data/mod.ts";

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
