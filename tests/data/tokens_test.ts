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

onCpu("token types are the input after the mask, packed or not", async () => {
  const random = uniform(1);
  const examples = [
    { ids: [5, 6, 7], types: [0, 0, 1], label: 3 },
    { ids: [8], label: 1 },
  ];
  const tokenTypes = true, length = 4;
  assertEquals(await read(collateTokens({ tokenTypes })(examples, random)), {
    inputs: [[[5, 6, 7], [8, 0, 0]], [[1, 1, 1], [1, 0, 0]], [[0, 0, 1], [
      0,
      0,
      0,
    ]]],
    labels: [3, 1],
  });
  const packed = collateTokens({
    ...{ tokenTypes, length, packed: true, maxSegments: 2 },
  })(examples, random);
  assertEquals(packed.inputs[2]!.dtype, "int32");
  assertEquals(await read(packed), {
    inputs: [[[5, 6, 7, 8]], [[1, 1, 1, 1]], [[0, 0, 1, 0]], [[1, 1, 1, 2]]],
    labels: [[3, 1]],
  });
  const input = tokenizer.encodeWithSpecials("a", { pair: "bc" });
  const masked = collateMasked({ tokenizer, rate: 0, tokenTypes });
  assertEquals(await read(masked([input, [5, 6]], random)), {
    inputs: [
      [input.ids, [5, 6, 0, 0, 0, 0]],
      [[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]],
      [[0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]],
    ],
    labels: [Array(6).fill(-100), Array(6).fill(-100)],
  });
});

onCpu("collates name what an example lacks, and batches without tokens", () => {
  const tokens = collateTokens(), causal = collateCausal();
  const masked = collateMasked({ tokenizer, rate: 0.3 });
  const cases: [
    // deno-lint-ignore no-explicit-any
    any,
    unknown[],
    typeof TypeError | typeof RangeError,
    string,
  ][] = [
    [tokens, [{ ids: [1] }], TypeError, "should have labels, an array of num"],
    [
      tokens,
      [{ label: 1 }],
      TypeError,
      "should have ids, an array of numbers, got undefined at 0",
    ],
    [
      tokens,
      [{ ids: "ab", label: 1 }],
      TypeError,
      'should have ids, an array of numbers, got "ab" at 0',
    ],
    [tokens, [null], TypeError, "should have ids"],
    [
      tokens,
      [{ ids: [1], label: 1 }, { ids: [1] }],
      RangeError,
      "labels should be integers of 32 bits, got undefined at 1",
    ],
    [
      tokens,
      [{ ids: [1], label: "cat" }],
      RangeError,
      'labels should be integers of 32 bits, got "cat" at 0',
    ],
    [
      tokens,
      [{ ids: [1], labels: [1] }, { ids: [1], label: 1 }],
      TypeError,
      "should have labels of its tokens, as the one at 0, got a label at 1",
    ],
    [
      collateTokens({ tokenTypes: true }),
      [{ ids: [1], types: [], label: 1 }],
      RangeError,
      "types should be one for each of the 1 tokens of an example, got 0 at 0",
    ],
    [
      tokens,
      [{ ids: [], label: 1 }, { ids: [], label: 0 }],
      RangeError,
      "sequences should have at least one with a token, got 2 that are empty; leave out empty texts",
    ],
    [masked, [[], []], RangeError, "got 2 that are empty"],
    [
      masked,
      [{ text: "a" }],
      TypeError,
      "should have ids, an array of numbers, got undefined at 0",
    ],
    [
      masked,
      ["a"],
      TypeError,
      'should have ids, an array of numbers, got "a" at 0',
    ],
    [
      causal,
      [[], [1]],
      RangeError,
      "a sequence with at least two tokens, got 2 with at most 1",
    ],
    [
      collateCausal({ packed: true, length: 4 }),
      [[1]],
      RangeError,
      "at least two tokens, got 1 with at most 1",
    ],
  ];
  for (const [collate, examples, Kind, message] of cases) {
    // As a stream calls it, which disposes of what is made before an error.
    const call = () => tf.tidy(() => collate(examples, uniform(1)));
    assertThrows(call, Kind, message);
  }
  assertThrows(
    () => collateTokens({ tokenTypes: 2 as never }),
    TypeError,
    "tokenTypes should be true or false, got 2",
  );
});

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

onCpu("a batch may have more sequences than a call has arguments", () => {
  const all = Array<number[]>(300_000).fill([5, 6]);
  const { ids, mask } = padTokens(all);
  assertEquals(ids.shape, [all.length, 2]);
  const { inputs, labels } = collateCausal()(all, Math.random);
  assertEquals(labels.shape, [all.length, 1]);
  tf.dispose([ids, mask, ...inputs, labels]);
});

Deno.test("ids that are no integers of 32 bits are not taken for others", () => {
  for (const wrong of [NaN, 1.5, 2 ** 31, -(2 ** 31) - 1]) {
    const message = `should be integers of 32 bits, got ${wrong} at 1`;
    assertThrows(
      () => packTokens([[5, wrong]], { length: 1, separator: sep }),
      RangeError,
      `documents ${message}`,
    );
    assertThrows(
      () => maskTokens([5, wrong], { rate: 0, random: () => 0, tokenizer }),
      RangeError,
      `ids ${message}`,
    );
  }
  assertThrows(
    () => packTokens([[5]], { length: 1, separator: 2 ** 31 }),
    RangeError,
    "separator",
  );
});
