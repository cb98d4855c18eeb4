/** Layers obey the masks of tfjs's layers, or refuse them; padding is not read. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  input,
  layers,
  type LayersModel,
  model,
  sequential,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import {
  type AttentionVariant,
  lionAttentionLayer,
  lionBlock,
  lionEncoder,
} from "../../mod.ts";
import {
  classToken,
  type LionLayer,
  patchEmbedding,
  positionTable,
  tokenEmbedding,
  tokenPooling,
} from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

const VARIANTS: readonly AttentionVariant[] = ["lit", "d", "s", "softmax"];
const DIM = 8;

/** The largest difference of two tensors, which are disposed of. */
async function difference(a: tf.Tensor, b: tf.Tensor): Promise<number> {
  const largest = tf.tidy(() => tf.max(tf.abs(tf.sub(a, b))));
  const [value] = await largest.data();
  tf.dispose([a, b, largest]);
  return value!;
}

/** Ids to one vector, through layers of ours. */
function pooled(maskZero: boolean, ours: LionLayer[]): LayersModel {
  return sequential({
    layers: [
      layers.embedding({
        inputDim: 9,
        outputDim: DIM,
        maskZero,
        inputShape: [null] as unknown as number[],
        embeddingsInitializer: "randomNormal",
      }),
      ...ours,
      tokenPooling({ kind: "mean" }),
    ],
  });
}

for (const variant of VARIANTS) {
  onEachBackend(
    `padding of embedding({ maskZero }) does not change what ${variant} layers say`,
    async () => {
      for (
        const ours of [
          [lionBlock({ variant, numHeads: 2 })],
          [lionAttentionLayer({ variant, numHeads: 2 })],
          [
            lionBlock({ variant, numHeads: 2, norm: "post" }),
            positionTable({ maxLength: 9 }),
            lionBlock({ variant, numHeads: 2 }),
          ],
        ]
      ) {
        const net = pooled(true, ours);
        const short = tf.tensor2d([[3, 7, 2, 5]]);
        const long = tf.tensor2d([[3, 7, 2, 5, 0, 0, 0]]);
        const [one, other] = [short, long].map((ids) =>
          net.predict(ids) as tf.Tensor
        );
        assert(await difference(one!, other!) < 1e-5);
        tf.dispose([short, long]);
        net.dispose();
      }
    },
  );

  onEachBackend(
    `${variant} layers read no NaN or infinity in padding, forward or backward`,
    async () => {
      const mask = tf.tensor2d([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]);
      const rows = array(2 * 5 * DIM, uniform(3));
      const holding = (value: number) =>
        tf.tensor(
          rows.map((x, i) => i >= 3 * DIM && i < 5 * DIM ? value : x),
          [2, 5, DIM],
        );
      for (
        const layer of [
          lionBlock({ variant, numHeads: 2, seed: 1 }),
          lionAttentionLayer({ variant, numHeads: 2, seed: 1 }),
        ]
      ) {
        const results: tf.Tensor[][] = [];
        for (const value of [0, NaN, Infinity, -Infinity]) {
          const x = tf.tidy(() => tf.variable(holding(value)));
          results.push(tf.tidy(() => {
            layer.apply([x, mask]);
            const variables = [
              x,
              ...layer.trainableWeights.map((w) => w.read() as tf.Variable),
            ];
            const { value, grads } = tf.variableGrads(() => {
              const y = layer.apply([x, mask]) as tf.Tensor;
              const ofTokens = tf.mul(y, tf.expandDims(mask, 2));
              return tf.sum(tf.square(ofTokens)) as tf.Scalar;
            }, variables);
            const [dx, ...others] = variables.map(({ name }) => grads[name]!);
            // What is rounded of a gradient that is zero is no matter here.
            const ofTokens = tf.mul(dx!, tf.expandDims(mask, 2));
            return [value, ofTokens, ...others];
          }));
          x.dispose();
        }
        const [zero, ...others] = results;
        for (const other of others) {
          for (const [i, tensor] of other.entries()) {
            const { isNaN, error } = await compare(zero![i]!, tensor);
            assert(!isNaN && error < 1e-5, `${i}: ${error}`);
          }
        }
        tf.dispose(results);
        layer.dispose();
      }
      mask.dispose();
    },
  );
}

/** How far a tensor is from another, relative to its largest value. */
async function compare(
  expected: tf.Tensor,
  actual: tf.Tensor,
): Promise<{ isNaN: boolean; error: number }> {
  const [a, b] = await Promise.all([expected.data(), actual.data()]);
  const largest = Math.max(1e-3, ...a.map(Math.abs));
  const errors = [...a].map((x, i) => Math.abs(x - b[i]!) / largest);
  return { isNaN: errors.some(Number.isNaN), error: Math.max(...errors) };
}

onEachBackend("masking() of numbers is obeyed", async () => {
  const net = sequential({
    layers: [
      layers.masking({ maskValue: -1, inputShape: [null, 2] as number[] }),
      layers.dense({ units: DIM }),
      lionBlock({ variant: "s", numHeads: 2 }),
      tokenPooling({ kind: "mean" }),
    ],
  });
  const short = tf.tensor3d([[[1, 2], [3, 4]]]);
  const long = tf.tensor3d([[[1, 2], [3, 4], [-1, -1], [-1, -1]]]);
  const [one, other] = [short, long].map((x) => net.predict(x) as tf.Tensor);
  assert(await difference(one!, other!) < 1e-5);
  tf.dispose([short, long]);
  net.dispose();
});

onEachBackend("a mask goes along outside of models too", async () => {
  const embedding = layers.embedding({
    inputDim: 9,
    outputDim: DIM,
    maskZero: true,
  });
  const block = lionBlock({ variant: "d", numHeads: 2 });
  const pool = tokenPooling({ kind: "mean" });
  const answer = (ids: number[]) => {
    const x = tf.tensor2d([ids]);
    const vectors = embedding.apply(x) as tf.Tensor;
    const y = block.apply(vectors) as tf.Tensor;
    const answer = pool.apply(y) as tf.Tensor;
    tf.dispose([x, vectors, y]);
    return answer;
  };
  const [one, other] = [answer([4, 2]), answer([4, 2, 0, 0])];
  assert(await difference(one, other) < 1e-5);
  embedding.dispose();
  block.dispose();
});

onEachBackend(
  "where two masks come, both must have a token",
  async () => {
    const ids = input({ shape: [null] });
    const second = input({ shape: [null] });
    const embedding = layers.embedding({
      inputDim: 9,
      outputDim: DIM,
      maskZero: true,
    });
    const block = lionBlock({ variant: "lit", numHeads: 2 });
    const pool = tokenPooling({ kind: "mean" });
    const y = block.apply([
      embedding.apply(ids) as SymbolicTensor,
      second,
    ]) as SymbolicTensor;
    const net = model({
      inputs: [ids, second],
      outputs: pool.apply([y, second]) as SymbolicTensor,
    });
    const few = [tf.tensor2d([[4, 2]]), tf.ones([1, 2])];
    const more = [tf.tensor2d([[4, 2, 5, 0]]), tf.tensor2d([[1, 1, 0, 1]])];
    const [one, other] = [few, more].map((inputs) =>
      net.predict(inputs) as tf.Tensor
    );
    assert(await difference(one!, other!) < 1e-5);
    tf.dispose([...few, ...more]);
    net.dispose();
  },
);

onEachBackend("a class token is never padding", async () => {
  const net = pooled(true, [
    classToken({ name: "class" }),
    lionBlock({ variant: "s", numHeads: 2, classToken: true }),
  ]);
  const short = tf.tensor2d([[3, 7]]), long = tf.tensor2d([[3, 7, 0]]);
  const [one, other] = [short, long].map((ids) =>
    net.predict(ids) as tf.Tensor
  );
  assert(await difference(one!, other!) < 1e-5);
  tf.dispose([short, long]);
  net.dispose();
});

onEachBackend("a model with a mask is trained, and made again", async () => {
  const net = pooled(true, [lionBlock({ variant: "s", numHeads: 2, seed: 1 })]);
  net.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  const ids = tf.tensor2d([[3, 7, 0], [1, 2, 4]]);
  const target = tf.zeros([2, DIM]);
  const { history } = await net.fit(ids, target, { epochs: 3, verbose: 0 });
  const [first, , last] = history["loss"] as number[];
  assert(last! < first!);
  const again = sequential();
  for (const layer of net.layers) {
    const { constructor } = layer as unknown as {
      constructor: {
        new (config: unknown): typeof layer;
        fromConfig(cls: unknown, config: unknown): typeof layer;
      };
    };
    again.add(constructor.fromConfig(constructor, layer.getConfig()));
  }
  again.setWeights(net.getWeights());
  const [one, other] = [net, again].map((net) => net.predict(ids) as tf.Tensor);
  assertEquals(await difference(one!, other!), 0);
  tf.dispose([ids, target]);
  net.dispose();
  again.dispose();
  net.optimizer.dispose();
});

onEachBackend("a mask of another branch is refused by name", () => {
  const ids = input({ shape: [4] }), values = input({ shape: [4, DIM] });
  const embedded = layers.embedding({
    inputDim: 9,
    outputDim: DIM,
    maskZero: true,
  }).apply(ids);
  // tfjs's own pooling leaves the mask to what comes after it.
  const text = layers.globalAveragePooling1d({}).apply(
    layers.activation({ activation: "relu" }).apply(embedded),
  );
  const block = lionBlock({ name: "other", variant: "d", numHeads: 2 });
  const numbers = layers.flatten().apply(
    block.apply(values) as SymbolicTensor,
  );
  const net = model({
    inputs: [ids, values],
    outputs: layers.concatenate().apply(
      [numbers, text] as SymbolicTensor[],
    ) as SymbolicTensor,
  });
  const inputs = [tf.tensor2d([[1, 2, 0, 0]]), tf.zeros([1, 4, DIM])];
  assertThrows(
    () => net.predict(inputs),
    TypeError,
    "other got a mask that is not its input's",
  );
  tf.dispose(inputs);
  net.dispose();
});

onEachBackend(
  "a mask that a layer between has dropped is refused by name",
  () => {
    const net = sequential({
      layers: [
        layers.embedding({
          inputDim: 9,
          outputDim: DIM,
          maskZero: true,
          inputShape: [4],
        }),
        layers.conv1d({ filters: DIM, kernelSize: 1 }),
        lionBlock({ name: "after", variant: "d", numHeads: 2 }),
      ],
    });
    const ids = tf.tensor2d([[1, 2, 0, 0]]);
    assertThrows(() => net.predict(ids), TypeError, "after got a mask that");
    ids.dispose();
    net.dispose();
  },
);

onEachBackend("patchEmbedding refuses a mask of pixels by name", () => {
  const net = sequential({
    layers: [
      layers.masking({ inputShape: [4, 4, 1] }),
      patchEmbedding({ name: "patches", patchSize: 2, dim: DIM }),
    ],
  });
  const images = tf.zeros([1, 4, 4, 1]);
  assertThrows(
    () => net.predict(images),
    TypeError,
    "patches cuts images into patches, and takes no mask of pixels, got one of shape [1,4,4]",
  );
  images.dispose();
  net.dispose();
});

onEachBackend("a mask of another shape is refused by name", () => {
  const block = lionBlock({ name: "block", variant: "s", numHeads: 2 });
  const x = tf.zeros([2, 5, DIM]);
  tf.dispose(block.apply(x) as tf.Tensor);
  for (const shape of [[2, 4], [5], [2, 5, 1]]) {
    const mask = tf.ones(shape);
    assertThrows(
      () => block.apply([x, mask]),
      TypeError,
      `the mask of block should be [batch, length] = [2, 5], got shape [${shape}]`,
    );
    mask.dispose();
  }
  block.dispose();
  x.dispose();
});

onEachBackend("a mask that was disposed of is refused by name", () => {
  const block = lionBlock({ name: "block", variant: "s", numHeads: 2 });
  const x = tf.zeros([1, 3, DIM]);
  x.kerasMask = tf.ones([1, 3], "bool");
  x.kerasMask.dispose();
  assertThrows(
    () => block.apply(x),
    Error,
    "the mask that came to block with its input is disposed of",
  );
  block.dispose();
  x.dispose();
});

onEachBackend("tokenEmbedding hands a mask on, and its table has none", () => {
  const embedding = tokenEmbedding({ vocabularySize: 5, dim: 4 });
  const ids = tf.zeros([1, 3], "int32"), mask = tf.ones([1, 3]);
  assertEquals(embedding.computeMask(ids, [mask]), [
    mask,
    undefined as unknown as tf.Tensor,
  ]);
  tf.dispose([ids, mask]);
});

onEachBackend(
  "lionEncoder reads no NaN in the padding of numbers, forward or backward",
  async () => {
    for (const variant of VARIANTS) {
      const net = lionEncoder({
        inputDim: 2,
        dim: DIM,
        depth: 2,
        numHeads: 2,
        numClasses: 3,
        maxLength: 6,
        variant,
        seed: 1,
      });
      const mask = tf.tensor2d([[1, 1, 1, 0, 0]]);
      const run = (value: number) =>
        tf.tidy(() => {
          const numbers = [1, 2, 3, 4, 5, 6, ...Array(4).fill(value)];
          const x = tf.tensor3d(numbers, [1, 5, 2]);
          const { value: loss, grads } = tf.variableGrads(() =>
            tf.sum(tf.square(net.apply([x, mask]) as tf.Tensor)) as tf.Scalar
          );
          const named = net.trainableWeights.map((w) =>
            grads[(w.read() as tf.Variable).name]!
          );
          return [loss, ...named];
        });
      const [zero, nan] = [run(0), run(NaN)];
      assertEquals(zero.length, 1 + net.trainableWeights.length);
      for (const [i, tensor] of nan.entries()) {
        const { isNaN, error } = await compare(zero[i]!, tensor);
        assert(!isNaN && error < 1e-5, `${variant} ${i}: ${error}`);
      }
      tf.dispose([zero, nan, mask]);
      net.dispose();
    }
  },
);

onEachBackend(
  "whatever a mask holds, 0 is padding and all else are tokens",
  async () => {
    const ones = tf.tensor2d([[1, 1, 1, 0, 0], [1, 1, 0, 1, 1]]);
    const others = [
      tf.tensor2d([
        [0.5, NaN, 1e-41, 0, -0],
        [-1e-45, Infinity, 0, -Infinity, 256],
      ]),
      tf.tensor2d(
        [[256, -1, 2, 0, 0], [2 ** 24, 7, 0, -256, 1]],
        [2, 5],
        "int32",
      ),
    ];
    const x = tf.tensor3d(array(2 * 5 * DIM, uniform(8)), [2, 5, DIM]);
    const segments = tf.tensor2d(
      [1, 1, 1, 1, 1, 1, 1, 1, 2, 2],
      [2, 5],
      "int32",
    );
    const mean = tokenPooling({ kind: "mean" });
    const means = tokenPooling({ kind: "mean", maxSegments: 2 });
    const prefix = classToken({ seed: 1 });
    const blocks = VARIANTS.map((variant) =>
      lionBlock({ variant, numHeads: 2, seed: 1 })
    );
    const readers: ((mask: tf.Tensor) => tf.Tensor)[] = [
      (mask) => mean.apply([x, mask]) as tf.Tensor,
      (mask) => means.apply([x, mask, segments]) as tf.Tensor,
      (mask) => {
        const after = prefix.computeMask(x, [mask]) as tf.Tensor;
        return mean.apply([
          prefix.apply(x) as tf.Tensor,
          after,
        ]) as tf.Tensor;
      },
      ...blocks.map((block) => (mask: tf.Tensor) =>
        block.apply([x, mask]) as tf.Tensor
      ),
    ];
    for (const [i, read] of readers.entries()) {
      const wanted = tf.tidy(() => read(ones));
      for (const mask of others) {
        const found = tf.tidy(() => read(mask));
        assertEquals(await found.array(), await wanted.array(), `reader ${i}`);
        found.dispose();
      }
      wanted.dispose();
    }
    for (const layer of [mean, means, prefix, ...blocks]) layer.dispose();
    tf.dispose([ones, ...others, x, segments]);
  },
);
