/** Layers of packed sequences: what they are given, and what they say of it. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  input,
  layers,
  model,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import { lionAttentionLayer, lionBlock } from "../../mod.ts";
import {
  positionTable,
  tokenEmbedding,
  tokenPooling,
} from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

const DIM = 4;
/** Two, one and three tokens, of which the second and third have one number. */
const SEGMENTS = [5, 5, 2, 5, 5, 5];
const PARTS = [[0, 2], [2, 1], [3, 3]] as const;

const rows = () => tf.tensor3d(array(6 * DIM, uniform(2)), [1, 6, DIM]);
const segments = () => tf.tensor2d(SEGMENTS, [1, 6], "int32");

async function assertClose(got: tf.Tensor, wanted: tf.Tensor): Promise<void> {
  assertEquals(got.shape, wanted.shape);
  const [a, b] = [await got.data(), await wanted.data()];
  a.forEach((value, i) => assert(Math.abs(value - b[i]!) < 1e-5));
  tf.dispose([got, wanted]);
}

// Blocks of all variants, with positions and gradients, are in those of models.
onEachBackend(
  "lionAttentionLayer takes segments with a mask and without",
  async () => {
    const options = { variant: "s", numHeads: 2, seed: 1 } as const;
    const packed = lionAttentionLayer({ ...options, segments: true });
    const single = lionAttentionLayer(options);
    const [x, numbers] = [rows(), segments()];
    tf.tidy(() => {
      packed.apply([x, numbers]);
      single.apply(x);
    });
    single.setWeights(packed.getWeights());
    const mask = tf.tensor2d([1, 1, 1, 1, 0, 1], [1, 6]);
    for (const masked of [false, true]) {
      const read = (y: tf.Tensor) =>
        masked ? tf.mul(y, tf.expandDims(mask, 2)) : y;
      const together = tf.tidy(() =>
        read(
          packed.apply(masked ? [x, mask, numbers] : [x, numbers]) as tf.Tensor,
        )
      );
      const alone = tf.tidy(() =>
        read(tf.concat(
          PARTS.map(([start, size]) => {
            const part = tf.slice(x, [0, start, 0], [1, size, DIM]);
            const kept = tf.slice(mask, [0, start], [1, size]);
            return single.apply(masked ? [part, kept] : part) as tf.Tensor;
          }),
          1,
        ))
      );
      await assertClose(together, alone);
    }
    tf.dispose([x, numbers, mask]);
    packed.dispose();
    single.dispose();
  },
);

onEachBackend("positions begin again with each segment", async () => {
  const x = tf.zeros([1, 6, DIM]);
  const numbers = segments();
  const packed = positionTable({ maxLength: 3, segments: true, seed: 1 });
  const y = packed.apply([x, numbers]) as tf.Tensor;
  const [table] = packed.getWeights();
  const wanted = tf.tidy(() =>
    tf.expandDims(
      tf.gather(table!, tf.tensor1d([0, 1, 0, 0, 1, 2], "int32")),
      0,
    )
  );
  await assertClose(y, wanted);

  const embedding = tokenEmbedding({
    vocabularySize: 9,
    dim: DIM,
    maxLength: 3,
    segments: true,
    seed: 1,
  });
  const ids = tf.ones([1, 6], "int32");
  const [vectors, words] = embedding.apply([ids, numbers]) as tf.Tensor[];
  const [ofWords, ofPositions] = embedding.getWeights();
  const sums = tf.tidy(() => {
    const places = tf.tensor1d([0, 1, 0, 0, 1, 2], "int32");
    const word = tf.slice(ofWords!, [1, 0], [1, DIM]);
    return tf.expandDims(tf.add(tf.gather(ofPositions!, places), word), 0);
  });
  await assertClose(vectors!, sums);
  tf.dispose([x, numbers, ids, words!]);
  packed.dispose();
  embedding.dispose();
});

onEachBackend("positions of long rows are counted", async () => {
  // More than a power of two, and segments of all lengths to 40.
  const lengths = Array.from({ length: 40 }, (_, i) => 1 + i * 7 % 40);
  const numbers = lengths.flatMap((length, i) => Array(length).fill(i % 2));
  const places = lengths.flatMap((length) =>
    Array.from({ length }, (_, i) => i)
  );
  const layer = positionTable({ maxLength: 40, segments: true, seed: 2 });
  const inputs = [
    tf.zeros([1, numbers.length, 1]),
    tf.tensor2d(numbers, [1, numbers.length], "int32"),
  ];
  const y = layer.apply(inputs) as tf.Tensor;
  const wanted = tf.tidy(() =>
    tf.expandDims(
      tf.gather(layer.getWeights()[0]!, tf.tensor1d(places, "int32")),
      0,
    )
  );
  await assertClose(y, wanted);
  tf.dispose(inputs);
  layer.dispose();
});

onEachBackend("pooling has a vector for each segment", async () => {
  const [x, numbers] = [rows(), segments()];
  // The token alone is padding, and has a place all the same.
  const mask = tf.tensor2d([1, 1, 0, 1, 0, 1], [1, 6]);
  const values = await x.array() as number[][][];
  const meanOf = (...tokens: number[]) =>
    Array.from(
      { length: DIM },
      (_, c) =>
        tokens.reduce((sum, t) => sum + values[0]![t]![c]! / tokens.length, 0),
    );
  const empty = Array<number>(DIM).fill(0);
  const cases = [
    ["mean", false, [meanOf(0, 1), meanOf(2), meanOf(3, 4, 5), empty]],
    ["mean", true, [meanOf(0, 1), empty, meanOf(3, 5), empty]],
    ["first", false, [meanOf(0), meanOf(2), meanOf(3), empty]],
  ] as const;
  for (const [kind, masked, wanted] of cases) {
    const layer = tokenPooling({ kind, maxSegments: 4 });
    const inputs = masked ? [x, mask, numbers] : [x, numbers];
    assertEquals(layer.computeOutputShape([1, 6, DIM]), [1, 4, DIM]);
    const y = layer.apply(inputs) as tf.Tensor;
    await assertClose(y, tf.tensor3d([wanted.map((row) => [...row])]));
    layer.dispose();
  }
  tf.dispose([x, numbers, mask]);
});

onEachBackend("segments come beside the mask of a layer of tfjs", async () => {
  const ids = input({ shape: [null], dtype: "int32" });
  const numbers = input({ shape: [null], dtype: "int32" });
  const embedding = layers.embedding({
    inputDim: 9,
    outputDim: DIM,
    maskZero: true,
    embeddingsInitializer: "randomNormal",
  });
  const block = lionBlock({ variant: "s", numHeads: 2, segments: true });
  const pool = tokenPooling({ kind: "mean", maxSegments: 2 });
  let x = embedding.apply(ids) as SymbolicTensor;
  for (const layer of [block, pool]) {
    x = layer.apply([x, numbers]) as SymbolicTensor;
  }
  const net = model({ inputs: [ids, numbers], outputs: x });
  const run = (tokens: number[], segments: number[]) =>
    tf.tidy(() => {
      const shape: [number, number] = [1, tokens.length];
      return net.predict([
        tf.tensor2d(tokens, shape, "int32"),
        tf.tensor2d(segments, shape, "int32"),
      ]) as tf.Tensor;
    });
  await assertClose(
    run([3, 4, 0, 5, 6, 0], [1, 1, 1, 2, 2, 2]),
    run([3, 4, 5, 6], [1, 1, 2, 2]),
  );
  net.dispose();
});

Deno.test("layers say what is wrong with segments", () => {
  tf.tidy(() => {
    const [x, numbers] = [rows(), segments()];
    const options = { variant: "s", numHeads: 2, seed: 1 } as const;
    const refused = (
      run: () => unknown,
      error: typeof TypeError | typeof RangeError,
      part: string,
    ) => assertThrows(() => void run(), error, part);
    refused(
      () => lionBlock({ ...options, segments: true }).apply(x),
      TypeError,
      "has the option segments: true, and should get them as its last input",
    );
    refused(
      () => lionBlock(options).apply([x, tf.ones([1, 6]), numbers]),
      TypeError,
      "should be given 2 inputs at most, got 3; with the option segments: true",
    );
    const ids = tf.zeros([1, 6], "int32"),
      sizes = { vocabularySize: 2, dim: 4 };
    refused(
      // Without tokenTypes, types would have no effect.
      () => tokenEmbedding(sizes).apply([ids, ids]),
      TypeError,
      "should be given 1 input at most, got 2",
    );
    refused(
      () =>
        lionAttentionLayer({ ...options, segments: true })
          .apply([x, tf.zeros([1, 5], "int32")]),
      TypeError,
      "segments should have shape [batch, length] = [1, 6], got [1, 5]",
    );
    refused(
      () =>
        positionTable({ maxLength: 9, segments: true })
          .apply([x, tf.zeros([6], "int32")]),
      TypeError,
      "segments should have shape",
    );
    refused(
      () =>
        lionBlock({ ...options, segments: true, classToken: true })
          .apply([x, numbers]),
      RangeError,
      "classToken is token 0 of a row",
    );
    refused(
      () => tokenPooling({ kind: "mean", maxSegments: 0 }),
      RangeError,
      "maxSegments should be",
    );
    refused(
      () => positionTable({ maxLength: 9, segments: 1 as never }),
      TypeError,
      "segments should be true or false",
    );
  });
});
