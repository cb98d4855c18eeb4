/** Batches of one's own: sizes by default, several classes, labels of words, lengths. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  batchesInOrder,
  byteTokenizer,
  collateTexts,
  shuffledBatches,
  tokenizerOf,
  trainTokenizer,
} from "../../lib/data/mod.ts";
import { onCpu } from "../io/files.ts";

const tokenizer = byteTokenizer();

onCpu("a batch has the size of its labels unless it says another", async () => {
  for (const size of [undefined, 7]) {
    const sizes: number[] = [];
    const collate = (rows: number[]) => ({
      inputs: [tf.tensor1d(rows)],
      labels: tf.tensor1d(rows),
      ...size && { size },
    });
    for await (
      const batch of batchesInOrder([1, 2, 3], { batchSize: 2, collate })
    ) {
      sizes.push(batch.size);
      tf.dispose([...batch.inputs, batch.labels]);
    }
    assertEquals(sizes, size ? [7, 7] : [2, 1]);
  }
});

onCpu("texts of several classes have a 1 for each", async () => {
  const classes = ["a", "b", "c"];
  const options = { tokenizer, length: 8, classes, label: "tags" };
  const collate = collateTexts({ ...options, multiLabel: true });
  const { inputs, labels, size } = collate([
    { text: "x", tags: ["c", "a"] },
    { text: "y", tags: [] },
  ], () => 0);
  assertEquals(await labels.array(), [[1, 0, 1], [0, 0, 0]]);
  assertEquals([labels.dtype, size], ["float32", 2]);
  tf.dispose([...inputs, labels]);
  for (
    const [tags, words] of [
      ["a", "tags should be an array of classes"],
      [["d"], 'one of "a", "b", "c"'],
    ] as const
  ) {
    assertThrows(() => collate([{ text: "x", tags }], () => 0), Error, words);
  }
  assertThrows(
    () => collateTexts({ tokenizer, length: 8, multiLabel: true }),
    RangeError,
    "multiLabel needs classes",
  );
  assertThrows(
    () => collateTexts({ ...options, multiLabel: true, words: true }),
    RangeError,
    "got multiLabel and words",
  );
});

onCpu("words have their labels at their first tokens", async () => {
  const learned = tokenizerOf(
    trainTokenizer(["the cat the cat"], { vocabularySize: 280 }),
  );
  const rows = [{ text: ["the", "cats", "x"], label: [1, 2, 0] }];
  const { cls, sep } = learned.specials;
  const parts = ["the", " cats", " x"].map((word) => learned.encode(word));
  for (const length of [20, 4]) {
    const { inputs, labels } = collateTexts({
      ...{ tokenizer: learned, length, words: true },
    })(rows, () => 0);
    const [ids] = await inputs[0]!.array() as number[][];
    const [own] = await labels.array() as number[][];
    const room = length - 2;
    const wantedIds = parts.flat().slice(0, room);
    const wanted = parts.flatMap((tokens, i) =>
      tokens.map((_, j) => j === 0 ? [1, 2, 0][i]! : -100)
    ).slice(0, room);
    const end = wantedIds.length + 2;
    assertEquals(ids!.slice(0, end), [cls, ...wantedIds, sep]);
    assertEquals(own!.slice(0, end), [-100, ...wanted, -100]);
    assertEquals(own!.slice(end), Array(length - end).fill(-100));
    tf.dispose([...inputs, labels]);
  }
  assertThrows(
    () =>
      collateTexts({ tokenizer, length: 9, words: true })(
        [{ text: ["a", "b"], label: [1] }],
        () => 0,
      ),
    TypeError,
    "label should be an array of a class for each of the 2 words, got 1 of them",
  );
});

onCpu(
  "batches by length hold each example once an epoch, with less padding",
  async () => {
    const lengths = Array.from({ length: 103 }, (_, i) => (i * 37) % 101);
    const collate = (rows: readonly number[]) => ({
      inputs: [],
      labels: tf.tensor1d([...rows]),
    });
    const paddingOf = async (byLength: boolean, start: number) => {
      const stream = shuffledBatches([...lengths.keys()], {
        ...{ batchSize: 5, collate, ...byLength && { lengths } },
      });
      assertEquals(stream.stepsPerEpoch, 20);
      const seen: number[] = [];
      let padding = 0, steps = 0;
      for await (const { labels } of stream.from(start)) {
        const rows = [...await labels.data()];
        labels.dispose();
        const own = rows.map((row) => lengths[row]!);
        padding += own.reduce((sum, x) => sum + Math.max(...own) - x, 0);
        seen.push(...rows);
        if (++steps === 20 - start % 20) break;
      }
      return { padding, seen };
    };
    const [by, plain] = [await paddingOf(true, 0), await paddingOf(false, 0)];
    assertEquals(new Set(by.seen).size, 100);
    assertEquals(by.padding * 3 < plain.padding, true, `${by.padding}`);
    // A step's batch is the same wherever the stream begins.
    const later = await paddingOf(true, 13);
    assertEquals(later.seen, by.seen.slice(13 * 5));
    assertThrows(
      () => shuffledBatches([1, 2], { batchSize: 1, collate, lengths: [1] }),
      RangeError,
      "lengths should be one for each of the 2 examples, got 1",
    );
  },
);
