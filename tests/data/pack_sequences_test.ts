/** Sequences in rows: all of them, whole, each beside its own labels. @module */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  byteTokenizer,
  collateCausal,
  collateMasked,
  collateTokens,
  IGNORE_INDEX,
  packSequences,
} from "../../lib/data/mod.ts";
import { onCpu } from "../io/files.ts";
import { assertLinear } from "./growth.ts";

const sequences = fc.array(
  fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 12 }),
  { minLength: 1, maxLength: 20 },
);

onCpu("packSequences() puts every sequence into one row, whole", async () => {
  await fc.assert(
    fc.asyncProperty(
      sequences,
      fc.integer({ min: 1, max: 20 }),
      fc.option(fc.integer({ min: 1, max: 3 })),
      async (given, length, most) => {
        const { rows, ...tensors } = packSequences(given, {
          length,
          ...(most === null ? {} : { maxSegments: most }),
          pad: 7,
        });
        const [ids, mask, segments] = await Promise.all(
          Object.values(tensors).map((x) => x.array() as Promise<number[][]>),
        );
        tf.dispose(Object.values(tensors));
        assertEquals(
          rows.flat().sort((a, b) => a - b),
          given.map((_, i) => i),
        );
        rows.forEach((row, r) => {
          if (most !== null) assert(row.length <= most);
          const parts = row.map((i) => given[i]!.slice(0, length));
          const padding = length - parts.flat().length;
          const fill = <T>(value: T) => Array<T>(padding).fill(value);
          assertEquals(ids![r], [...parts.flat(), ...fill(7)]);
          assertEquals(mask![r], [...parts.flat().map(() => 1), ...fill(0)]);
          assertEquals(segments![r], [
            ...parts.flatMap((part, i) => part.map(() => i + 1)),
            ...fill(0),
          ]);
          // It was the first row with room for its first sequence.
          if (r === 0 || most !== null) return;
          const first = parts[0]!.length;
          for (const earlier of rows.slice(0, r)) {
            const before = earlier.filter((i) => i < row[0]!);
            const taken = before.reduce(
              (sum, i) => sum + Math.min(length, given[i]!.length),
              0,
            );
            assert(taken + first > length);
          }
        });
      },
    ),
  );
});

/** Where each sequence goes, by a look at every row. */
function firstFit(lengths: number[], length: number, most: number): number[][] {
  const rows: { sequences: number[]; free: number }[] = [];
  lengths.forEach((given, i) => {
    const tokens = Math.min(length, given);
    let row = rows.find(({ sequences, free }) =>
      free >= tokens && sequences.length < most
    );
    if (!row) rows.push(row = { sequences: [], free: length });
    row.sequences.push(i);
    row.free -= tokens;
  });
  return rows.map(({ sequences }) => sequences);
}

onCpu("packSequences() packs as a look at every row does", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), {
        ...{ minLength: 1, maxLength: 300, size: "max" },
      }),
      fc.integer({ min: 1, max: 40 }),
      fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      (lengths, length, maxSegments) => {
        const { rows, ...tensors } = packSequences(
          lengths.map((tokens) => new Uint8Array(tokens).fill(1)),
          { length, maxSegments },
        );
        tf.dispose(Object.values(tensors));
        assertEquals(rows, firstFit(lengths, length, maxSegments ?? length));
      },
    ),
  );
});

onCpu("packSequences() takes time that is linear in sequences", async () => {
  const kinds: Record<string, { tokens: number; maxSegments?: number }> = {
    "that each fill a row": { tokens: 8 },
    "that each leave some room": { tokens: 5 },
    "that are alone in a row": { tokens: 1, maxSegments: 1 },
  };
  for (const [kind, { tokens, maxSegments }] of Object.entries(kinds)) {
    await assertLinear(`packing sequences ${kind}`, 2 ** 12, (count) => {
      const sequence = new Uint8Array(tokens).fill(1);
      const sequences = Array(count).fill(sequence);
      return () => {
        const { rows: _, ...tensors } = packSequences(sequences, {
          ...{ length: 8, maxSegments },
        });
        tf.dispose(Object.values(tensors));
      };
    });
  }
});

onCpu("packed labels stand beside their tokens", async () => {
  const examples = [[5, 6, 7], [8, 9], [4]].map((ids) => ({
    ids,
    labels: ids.map((id) => id === 6 ? IGNORE_INDEX : 10 * id),
  }));
  const { inputs, labels, size } = collateTokens({ length: 4, packed: true })(
    examples,
    Math.random,
  );
  assertEquals(size, 3);
  assertEquals(inputs.map(({ dtype }) => dtype), ["int32", "float32", "int32"]);
  assertEquals(await inputs[0]!.array(), [[5, 6, 7, 4], [8, 9, 0, 0]]);
  assertEquals(await labels.array(), [
    [50, IGNORE_INDEX, 70, 40],
    [80, 90, IGNORE_INDEX, IGNORE_INDEX],
  ]);
  tf.dispose([...inputs, labels]);
});

onCpu("collateCausal() asks no token for another document's", async () => {
  const documents = [[5, 6, 7], [8], [9, 4]];
  const { inputs, labels, size } = collateCausal({ length: 4, packed: true })(
    documents,
    Math.random,
  );
  assertEquals([size, inputs.length], [2, 2]);
  assertEquals(await inputs[0]!.array(), [[5, 6, 9, 0]]);
  assertEquals(await inputs[1]!.array(), [[1, 1, 2, 0]]);
  assertEquals(await labels.array(), [[6, 7, 4, IGNORE_INDEX]]);
  tf.dispose([...inputs, labels]);
});

onCpu("collateMasked() packs what it has masked", async () => {
  const tokenizer = byteTokenizer();
  const documents = ["a lion", "two", "cats"].map((text) =>
    tokenizer.encode(text)
  );
  const { inputs, labels } = collateMasked({
    tokenizer,
    rate: 1,
    length: 9,
    packed: true,
  })(documents, () => 0.5);
  const [ids, mask, segments] = await Promise.all(
    inputs.map((x) => x.array()),
  ) as number[][][];
  const read = await labels.array() as number[][];
  const { pad } = tokenizer.specials;
  assertEquals(segments!.map((row) => Math.max(...row)), [2, 1]);
  assertEquals(read[0], [...documents[0]!, ...documents[1]!]);
  assertEquals(ids![1]!.slice(4), Array(5).fill(pad));
  assertEquals(mask![1]!.slice(4), Array(5).fill(0));
  assertEquals(read[1]!.slice(4), Array(5).fill(IGNORE_INDEX));
  tf.dispose([...inputs, labels]);
});

onCpu("packing says what it needs", () => {
  const refused = (run: () => unknown, part: string) =>
    assertThrows(() => tf.tidy(() => void run()), RangeError, part);
  const classified = [{ ids: [1], label: 0 }];
  refused(
    () => packSequences([], { length: 3 }),
    "sequences should not be empty, got none to pack",
  );
  refused(
    () => packSequences([[1], []], { length: 3 }),
    "a sequence to pack should have at least one token, got none at 1",
  );
  refused(() => packSequences([[1]], { length: 0 }), "length should be");
  refused(
    () => packSequences([[1]], { length: 1, maxSegments: 0 }),
    "maxSegments should be",
  );
  refused(
    () => packSequences([[1.5]], { length: 1 }),
    "ids should be integers of 32 bits, got 1.5",
  );
  refused(
    () => collateTokens({ packed: true }),
    "length should say how many tokens a packed row has",
  );
  refused(
    () => collateTokens({ maxSegments: 2 }),
    "maxSegments is for examples that are packed",
  );
  refused(
    () => collateCausal({ length: 2 }),
    "length is for sequences that are packed",
  );
  refused(
    () => collateTokens({ length: 3, packed: true })(classified, Math.random),
    "maxSegments should be the largest number of packed examples in a row",
  );
  refused(
    () =>
      collateTokens({ length: 3, packed: true })(
        [{ ids: [1, 2], labels: [1] }],
        Math.random,
      ),
    "labels should be one for each of the 2 tokens of a packed example, got 1 at 0",
  );
  assertThrows(
    () => collateTokens({ packed: 1 as unknown as boolean }),
    TypeError,
    "packed should be true or false",
  );
});

onCpu("first fit wastes little", () => {
  const lengths = Array.from({ length: 400 }, (_, i) => 1 + i * 37 % 64);
  const { rows, ...tensors } = packSequences(
    lengths.map((length) => new Int32Array(length)),
    { length: 128 },
  );
  tf.dispose(Object.values(tensors));
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  assertLess(rows.length * 128, 1.05 * tokens);
});
