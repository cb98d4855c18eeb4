/** Models refuse impossible options, and leave nothing behind. @module */
import { assert, assertThrows } from "@std/assert";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionBert, lionEncoder, lionGpt, lionViT } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";

type Options = Record<string, unknown>;
type Make = (options: never) => LayersModel;

const BLOCKS = { dim: 8, depth: 1, numHeads: 2, variant: "s" };

/** What every model refuses. */
const COMMON: readonly [Options, string][] = [
  [{ depth: 0 }, "depth should be a positive integer, got 0"],
  [{ depth: 1.5 }, "depth should be a positive integer, got 1.5"],
  [{ numHeads: 3 }, "numHeads should divide the layer's 8 columns, got 3"],
  [
    { variant: "linear" },
    'variant should be "lit", "d", "s", "softmax", "gla"',
  ],
  [{ featureMap: "exp" }, "featureMap should be one of"],
  [{ activation: "relu" }, 'activation should be "gelu" or "gelu-tanh"'],
  [{ mlpRatio: 0.3 }, "mlpRatio should make a whole number of 8 columns"],
  [{ dropout: 1 }, "dropout should be in [0, 1), got 1"],
  [{ form: "fast" }, 'form should be "auto"'],
  [{ chunkSize: 0.5 }, "chunkSize should be a positive integer, got 0.5"],
  [{ dim: 0 }, "dim should be an integer of 1 or more, got 0"],
  [{ epsilon: -1 }, "epsilon should be 0 or more and finite, got -1"],
  [{ embeddingStd: 0 }, "embeddingStd should be above 0 and finite, got 0"],
  [{ embeddingStd: NaN }, "embeddingStd should be above 0 and finite, got NaN"],
  [
    { numClasses: 1.5 },
    "numClasses should be an integer of 1 or more, got 1.5",
  ],
  [
    { vocabularySize: 0 },
    "vocabularySize should be an integer of 1 or more, got 0",
  ],
];

/** Options of the wrong kind, and those that there are not. */
const KINDS: readonly [Options, string][] = [
  [{ dim: "8" }, 'dim should be a number, got "8"'],
  [{ dropout: "0.5" }, 'dropout should be a number, got "0.5"'],
  [
    { epsilon: null },
    "epsilon should have a value, or be left out for its default, got null",
  ],
  [{ embeddingStd: "1" }, 'embeddingStd should be a number, got "1"'],
  [{ seed: "3" }, "seed should be a number, got string"],
  [{ normalize: "no" }, 'normalize should be true or false, got "no"'],
  [{ dropOut: 0.5 }, 'has no option "dropOut"; did you mean "dropout"?'],
  [{ heads: 2 }, 'has no option "heads"'],
  [{ grid: [1, 1] }, 'has no option "grid"'],
];

const CASES: readonly [Make, Options, readonly [Options, string][]][] = [
  [
    lionViT,
    { ...BLOCKS, imageSize: 8, patchSize: 4, channels: 1, numClasses: 3 },
    [
      ...COMMON,
      [
        { patchSize: 3 },
        "patchSize should divide the image's 8 × 8 pixels, got 3",
      ],
      [
        { classToken: "last" },
        'classToken should be "read", "mean" or "none", got "last"',
      ],
      [{ order: "spiral" }, 'order should be "raster", "snake"'],
      [{ depth: 2, dropPath: 1.5 }, "dropPath should be in [0, 1), got 1.5"],
    ],
  ],
  [
    lionEncoder,
    { ...BLOCKS, vocabularySize: 7, numClasses: 2 },
    [
      ...COMMON,
      [
        { inputDim: 3 },
        "lionEncoder should have vocabularySize or inputDim, got both",
      ],
      [
        { vocabularySize: undefined },
        "lionEncoder should have vocabularySize or inputDim, got neither",
      ],
      [
        { vocabularySize: undefined, inputDim: 0 },
        "inputDim should be an integer of 1 or more, got 0",
      ],
      [
        { maxLength: -1 },
        "maxLength should be an integer of 0 or more, got -1",
      ],
      [
        { output: "last" },
        'output should be "mean" or "tokens", got "last"',
      ],
      [{ order: "snake" }, 'order "snake" needs the grid of the tokens'],
      [{ depth: 2, dropPath: -1 }, "dropPath should be in [0, 1), got -1"],
    ],
  ],
  [
    lionBert,
    { ...BLOCKS, vocabularySize: 7 },
    [
      ...COMMON,
      [
        { head: "both" },
        'head should be "masked-language-model" or "classification", got "both"',
      ],
      [{ pooling: "max" }, 'pooling should be "first" or "mean", got "max"'],
      [{ norm: "none" }, 'norm should be "pre" or "post", got "none"'],
    ],
  ],
  [lionGpt, { ...BLOCKS, vocabularySize: 7 }, COMMON],
];

/** Those that the model does not have are unknown, and not impossible. */
const has = (make: Make, [change]: [Options, string]) =>
  !("numClasses" in change && make === lionGpt) &&
  !("vocabularySize" in change && make === lionViT);

for (const [make, good, cases] of CASES) {
  for (const [change, message] of KINDS) {
    onEachBackend(`${make.name} refuses ${JSON.stringify(change)}`, () => {
      const error = assertThrows(
        () => make({ ...good, ...change } as never),
        TypeError,
        message,
      );
      if (message.startsWith("has no option")) {
        assert(error.message.startsWith(make.name));
      }
    }, ["cpu"]);
  }
  onEachBackend(`${make.name} knows all its options`, () => {
    const options = make === lionEncoder
      ? {
        order: "raster",
        direction: "forward",
        output: "tokens",
        dropPath: 0.1,
      }
      : make === lionViT
      ? { order: "snake", positionEmbedding: false, dropPath: 0.1 }
      : { maxLength: 4 };
    make({
      ...good,
      form: "chunkwise",
      chunkSize: 4,
      featureMap: "relu",
      normalize: false,
      outputNorm: true,
      dropout: 0.1,
      mlpRatio: 2,
      epsilon: 0,
      embeddingStd: 0.5,
      seed: 3,
      ...options,
    } as never).dispose();
  }, ["cpu"]);
  for (const [change, message] of cases.filter((one) => has(make, one))) {
    onEachBackend(`${make.name} refuses ${JSON.stringify(change)}`, () => {
      assertThrows(
        () => make({ ...good, ...change } as never),
        RangeError,
        message,
      );
    }, ["cpu"]);
  }
}
