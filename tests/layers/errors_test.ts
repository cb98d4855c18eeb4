/** Layers refuse unknown options at once, and impossible ones when they are built. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { input } from "@tensorflow/tfjs-layers";
import { lionAttentionLayer, lionBlock } from "../../mod.ts";
import type { LionAttentionLayerOptions } from "../../lib/layers/attention_layer.ts";
import type { LionBlockOptions } from "../../lib/layers/block.ts";
import {
  ATTENTION_VARIANTS,
  classToken,
  type LionLayer,
  patchEmbedding,
  positionEmbedding,
  positionTable,
  tokenEmbedding,
  tokenPooling,
} from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";

const GOOD = { variant: "s", numHeads: 2 } as const;

/** Options of attention, and what the message should say. */
const ATTENTION: readonly [Record<string, unknown>, string][] = [
  [
    { variant: "linear" },
    'variant should be "lit", "d", "s", "softmax", "gla", "hgrn2", "rwkv6", ' +
    '"mamba2", "mlstm", "delta", "gated-delta", "kda", "rwkv7", "gated-delta-2", ' +
    '"delta-product", "gated-delta-product", "comba", "mamba3", "log-linear", "fox", ' +
    '"path", "hydra" or "vim", got "linear"',
  ],
  [
    { steps: 2 },
    'steps is an option of "delta-product", "gated-delta-product", which variant "s" does not have; leave it out, got 2',
  ],
  [
    { variant: "delta-product", steps: 0 },
    "steps should be an integer of 1 or more, got 0",
  ],
  [
    { variant: "comba", convSize: 1.5 },
    "convSize should be an integer of 0 or more, got 1.5",
  ],
  [
    { variant: "comba", negativeEigenvalues: true },
    'negativeEigenvalues is an option of "delta", "gated-delta", "kda", "gated-delta-2", "rwkv7", which variant "comba" does not have',
  ],
  [
    { variant: "rwkv7", ranks: [8, 8, 0, 8] },
    "ranks[2] should be an integer of 1 or more, got 0",
  ],
  [
    { variant: "rwkv7", layer: [2, 2] },
    "layer should be [index, count], the layer's index and the number of layers, got [2,2]",
  ],
  [
    { variant: "fox", countSelf: "twice" },
    'countSelf "twice" is for linear attention, got variant "fox"',
  ],
  [
    { variant: "hydra", direction: "forward" },
    'variant "hydra" attends to both sides, and weights a token itself by D, got direction "forward"',
  ],
  [
    { variant: "hydra", countSelf: "twice" },
    'got direction "both" and countSelf "twice"; "mamba2" can attend to one side',
  ],
  [{ numHeads: 3 }, "numHeads should divide the layer's 8 columns, got 3"],
  [{ numHeads: 0 }, "numHeads should divide the layer's 8 columns, got 0"],
  [{ numHeads: 1.5 }, "numHeads should divide"],
  [
    { featureMap: "exp" },
    'featureMap should be one of identity, relu, eluPlusOne, shiftedSilu, sigmoid, got "exp"',
  ],
  [{ order: "snake" }, 'order "snake" needs the grid of the tokens'],
  [
    { order: "spiral" },
    'order should be "raster", "snake" or lists of tokens, got "spiral"',
  ],
  [
    { diagonalDecay: "s4" },
    'diagonalDecay should be "hippo" or "random", got "s4"',
  ],
  [
    { variant: "lit", diagonalDecay: "hippo" },
    'diagonalDecay is an option of variants "d" and "s", got variant "lit"',
  ],
  [
    { position: "rope" },
    'position should be "none", "rotary" or "alibi", got "rope"',
  ],
  [
    { position: "alibi" },
    'position is an option of variant "softmax", got position "alibi" for variant "s"',
  ],
  [
    { variant: "softmax", numHeads: 8, position: "rotary" },
    'position "rotary" should have an even number of columns per head, got 1',
  ],
  [
    { variant: "softmax", position: "alibi", rotaryScale: 2 },
    'rotaryScale is an option of position "rotary", got position "alibi"; leave it out',
  ],
  [
    { variant: "softmax", position: "rotary", rotaryScale: 0.5 },
    "rotaryScale should be at least 1, got 0.5",
  ],
  [{ dropout: 1 }, "dropout should be in [0, 1), got 1"],
  [{ dropout: -0.1 }, "dropout should be in [0, 1), got -0.1"],
  [{ dropout: NaN }, "dropout should be in [0, 1), got NaN"],
  [{ epsilon: -1 }, "epsilon should be 0 or more and finite, got -1"],
  [{ form: "fast" }, 'form should be "auto"'],
  [{ chunkSize: 0 }, "chunkSize should be a positive integer, got 0"],
];

/** Options of a block. */
const BLOCK: typeof ATTENTION = [
  [{ mlpRatio: 0.3 }, "mlpRatio should make a whole number of 8 columns"],
  [{ mlpRatio: NaN }, "mlpRatio"],
  [{ mlpRatio: -1 }, "mlpRatio"],
  [{ norm: "both" }, 'norm should be "pre" or "post", got "both"'],
  [{ dropPath: 1 }, "dropPath should be in [0, 1), got 1"],
  [{ dropPath: -0.5 }, "dropPath should be in [0, 1), got -0.5"],
];

const layers = {
  lionAttentionLayer: (change: Record<string, unknown>) =>
    lionAttentionLayer({ ...GOOD, ...change } as LionAttentionLayerOptions),
  lionBlock: (change: Record<string, unknown>) =>
    lionBlock({ ...GOOD, ...change } as LionBlockOptions),
};

for (
  const [name, cases] of [
    ["lionAttentionLayer", ATTENTION],
    ["lionBlock", ATTENTION],
    ["lionBlock", BLOCK],
  ] as const
) {
  for (const [options, message] of cases) {
    const given = JSON.stringify(
      options,
      (_, value) => Number.isNaN(value) ? "NaN" : value,
    );
    onEachBackend(`${name} refuses ${given}`, () => {
      const tokens = input({ shape: [5, 8] });
      const before = tf.memory().numTensors;
      const layer = layers[name](options);
      assertThrows(() => layer.apply(tokens), RangeError, message);
      assertEquals(tf.memory().numTensors, before);
    }, ["cpu"]);
  }
}

const FACTORIES: readonly [
  name: string,
  make: (options: never) => LionLayer,
  good: object,
][] = [
  ["LionAttention", lionAttentionLayer, GOOD],
  ["LionBlock", lionBlock, GOOD],
  ["LionPatchEmbedding", patchEmbedding, { patchSize: 2, dim: 4 }],
  ["LionTokenEmbedding", tokenEmbedding, { vocabularySize: 5, dim: 4 }],
  ["LionClassToken", (options) => classToken(options), {}],
  ["LionPositionEmbedding", (options) => positionEmbedding(options), {}],
  ["LionPositionTable", (options) => positionTable(options), {
    maxLength: 3,
  }],
  ["LionTokenPooling", (options) => tokenPooling(options), {
    kind: "mean",
  }],
];

for (const [name, make, good] of FACTORIES) {
  Deno.test(`${name} refuses unknown options, and takes those of tfjs`, () => {
    for (
      const [unknown, known] of [["trainible", "trainable"], ["sed", "seed"]]
    ) {
      assertThrows(
        () => make({ ...good, [unknown!]: 1 } as never),
        TypeError,
        `${name} has no option "${unknown}"; did you mean "${known}"?`,
      );
    }
    for (const options of [null, "lit", 3, []]) {
      assertThrows(
        () => make(options as never),
        TypeError,
        `options of ${name} should be an object`,
      );
    }
    const layer = make({
      ...good,
      name: "mine",
      trainable: false,
      inputShape: [4, 4],
      batchSize: 2,
      dtype: "float32",
      inputDType: "float32",
      customObjects: {},
      seed: 1,
    } as never);
    assertEquals(layer.name, "mine");
    assertEquals(layer.batchInputShape, [2, 4, 4]);
  });
}

Deno.test("tokenEmbedding refuses what is no size or rate", () => {
  const good = { vocabularySize: 5, dim: 4 };
  for (
    const [change, kind, message] of [
      [
        { vocabularySize: 0 },
        RangeError,
        "vocabularySize should be an integer",
      ],
      [{ dim: undefined }, TypeError, "dim should be a number, got undefined"],
      [{ maxLength: -1 }, RangeError, "maxLength should be an integer of 0"],
      [{ tokenTypes: 0.5 }, RangeError, "tokenTypes should be an integer of 0"],
      [{ normalize: 1 }, TypeError, "normalize should be true or false, got 1"],
      [{ dropout: 1 }, RangeError, "dropout should be in [0, 1), got 1"],
      [{ epsilon: NaN }, RangeError, "epsilon should be 0 or more"],
      [{ embeddingStd: 0 }, RangeError, "embeddingStd should be above 0"],
    ] as const
  ) {
    assertThrows(
      () => tokenEmbedding({ ...good, ...change } as never),
      kind,
      message,
    );
  }
});

onEachBackend("patchEmbedding refuses images that patches do not fill", () => {
  for (const shape of [[10, 8, 1], [8, 10, 1]]) {
    assertThrows(
      () => patchEmbedding({ patchSize: 4, dim: 3 }).apply(input({ shape })),
      RangeError,
      `patchSize should divide the image's ${shape[0]} × ${
        shape[1]
      } pixels, got 4`,
    );
  }
}, ["cpu"]);

onEachBackend("tokenEmbedding refuses sequences beyond maxLength", () => {
  const layer = tokenEmbedding({ vocabularySize: 5, dim: 4, maxLength: 3 });
  const [three, four] = [3, 4].map((length) => tf.zeros([2, length], "int32"));
  tf.dispose(layer.apply(three!) as tf.Tensor[]);
  assertThrows(
    () => layer.apply(four!),
    RangeError,
    "a sequence should have at most maxLength = 3 tokens, got 4",
  );
  layer.dispose();
  tf.dispose([three!, four!]);
});

onEachBackend("a layer names itself where nothing is given to it", () => {
  tf.tidy(() => {
    const layers: [LionLayer, number[]][] = [
      ...ATTENTION_VARIANTS.map((variant): [LionLayer, number[]] => [
        lionAttentionLayer({ ...GOOD, variant }),
        [2, 3, 8],
      ]),
      [lionBlock(GOOD), [2, 3, 8]],
      [patchEmbedding({ patchSize: 2, dim: 8 }), [2, 4, 4, 3]],
      [tokenEmbedding({ vocabularySize: 11, dim: 8 }), [2, 3]],
      [positionEmbedding(), [2, 3, 8]],
      [positionTable({ maxLength: 4 }), [2, 3, 8]],
      [classToken(), [2, 3, 8]],
      [tokenPooling({ kind: "mean" }), [2, 3, 8]],
    ];
    for (const [layer, sizes] of layers) {
      layer.build(sizes);
      for (const axis of sizes.keys()) {
        const shape = sizes.map((size, i) => i === axis ? 0 : size);
        assertThrows(
          () => layer.apply(tf.ones(shape)),
          RangeError,
          `${layer.name}'s input should not be empty, got shape [${shape}]`,
        );
      }
      // Layers that have computed nothing have no `dispose()`.
      layer.weights.forEach((weight) => weight.dispose());
    }
  });
});
