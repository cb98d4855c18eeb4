import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  type Batch,
  batchesInOrder,
  byteTokenizer,
  collateCausal,
  collateMasked,
  collateTokens,
  datasetOf,
  maskTokens,
  packTokens,
  padTokens,
} from "../../lib/data/mod.ts";
import { onCpu } from "../io/files.ts";
import { uniform } from "../random.ts";

const tokenizer = byteTokenizer();
const { pad, mask, cls, sep } = tokenizer.specials;

/** Reads and disposes of a batch of tokens. */
async function read({ inputs, labels }: Batch) {
  const values = {
    inputs: await Promise.all(inputs.map((input) => input.array())),
    labels: await labels.array(),
  };
  assertEquals(inputs[0]!.dtype, "int32");
  assertEquals(labels.dtype, "int32");
  tf.dispose([...inputs, labels]);
  return values;
}

Deno.test("packTokens() cuts documents with separators", () => {
  const document = fc.array(fc.integer({ min: 5, max: 9 }), { maxLength: 8 });
  fc.assert(
    fc.property(
      fc.array(document, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 7 }),
      (documents, length) => {
        const all = documents.flatMap((ids) => [...ids, sep]);
        const count = Math.floor(all.length / length);
        const pack = () => packTokens(documents, { length, separator: sep });
        if (count === 0) {
          assertThrows(pack, RangeError, `of ${length} tokens`);
          return;
        }
        const sequences = pack();
        assert(sequences.every((ids) => ids.length === length));
        assertEquals(
          sequences.flatMap((ids) => [...ids]),
          all.slice(0, count * length),
        );
      },
    ),
  );
});

Deno.test("maskTokens() hides 80/10/10 of the share, and no special token", () => {
  const size = 200_000;
  const ids = Int32Array.from({ length: size }, (_, i) => i % 261);
  for (const rate of [0.15, 0.3]) {
    const options = { rate, tokenizer, random: uniform(1) };
    const masked = maskTokens(ids, options);
    const counts = { chosen: 0, mask: 0, same: 0 };
    const replacements = new Set<number>();
    masked.labels.forEach((label, i) => {
      const [before, after] = [ids[i]!, masked.ids[i]!];
      if (label === -100) {
        assertEquals(after, before);
        return;
      }
      assertEquals(label, before);
      assert(before > 4);
      counts.chosen++;
      if (after === mask) counts.mask++;
      else if (after === before) counts.same++;
      else replacements.add(after);
    });
    const near = (share: number, expected: number) =>
      assertLess(Math.abs(share - expected), 0.01);
    near(counts.chosen / (size * 256 / 261), rate);
    near(counts.mask / counts.chosen, 0.8);
    // A random token is the same one now and then.
    near(counts.same / counts.chosen, 0.1 + 0.1 / 256);
    assertEquals(Math.min(...replacements), 5);
    assertEquals(replacements.size, 256);

    const again = maskTokens(ids, { ...options, random: uniform(1) });
    assertEquals(again, masked);
  }
  for (const rate of [-0.1, 1.1, NaN]) {
    assertThrows(
      () => maskTokens(ids, { rate, tokenizer, random: uniform(1) }),
      RangeError,
      `rate should be from 0 to 1, got ${rate}`,
    );
  }
});

onCpu("padTokens() fills and cuts", async () => {
  const { ids, mask } = padTokens([[5, 6, 7, 8], [9], []], {
    length: 3,
    pad: 1,
  });
  assertEquals(await ids.array(), [[5, 6, 7], [9, 1, 1], [1, 1, 1]]);
  assertEquals(await mask.array(), [[1, 1, 1], [1, 0, 0], [0, 0, 0]]);
  assertEquals([ids.dtype, mask.dtype], ["int32", "float32"]);
  tf.dispose([ids, mask]);
  assertThrows(() => padTokens([[1]], { length: 0 }), RangeError, "length");
});

onCpu(
  "collateTokens() has a label for each sequence or for each token",
  async () => {
    const random = uniform(1);
    const classes = [{ ids: [5, 6], label: 3 }, { ids: [7], label: 1 }];
    assertEquals(await read(collateTokens()(classes, random)), {
      inputs: [[[5, 6], [7, 0]], [[1, 1], [1, 0]]],
      labels: [3, 1],
    });
    const tokens = [{ ids: [5, 6], labels: [-100, 8] }, {
      ids: [7],
      labels: [9],
    }];
    assertEquals(await read(collateTokens({ length: 3 })(tokens, random)), {
      inputs: [[[5, 6, 0], [7, 0, 0]], [[1, 1, 0], [1, 0, 0]]],
      labels: [[-100, 8, -100], [9, -100, -100]],
    });
  },
);

onCpu("collateCausal() asks for the next token", async () => {
  const batch = collateCausal()([[5, 6, 7], [8, 9]], uniform(1));
  assertEquals(await read(batch), {
    inputs: [[[5, 6], [8, 0]]],
    labels: [[6, 7], [9, -100]],
  });
});

onCpu("collateMasked() evaluates on the same masks each time", async () => {
  const documents = ["one", "two and more", "three", "four"].map((text) => [
    cls,
    ...tokenizer.encode(text),
    sep,
  ]);
  const pass = async () => {
    const batches = batchesInOrder(datasetOf(documents), {
      batchSize: 3,
      collate: collateMasked({ tokenizer, rate: 0.5, length: 10 }),
    });
    const all: Awaited<ReturnType<typeof read>>[] = [];
    for await (const batch of batches) all.push(await read(batch));
    return all;
  };
  const first = await pass();
  assertEquals(await pass(), first);
  const [ids, real] = first[0]!.inputs as [number[][], number[][]];
  const labels = first[0]!.labels as number[][];
  assertEquals(ids[0]!.slice(4), [sep, pad, pad, pad, pad, pad]);
  assertEquals(real[0], [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
  assert(labels.flat().some((label) => label !== -100));
  labels.forEach((row, i) =>
    row.forEach((label, j) => {
      assert(label === -100 || label === documents[i]![j]);
    })
  );
});
