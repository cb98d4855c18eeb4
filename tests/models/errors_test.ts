/** Models refuse impossible options, and leave nothing behind. @module */
import { assertThrows } from "@std/assert";
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
  [{ variant: "linear" }, 'variant should be "lit", "d", "s" or "softmax"'],
  [{ featureMap: "exp" }, "featureMap should be one of"],
  [{ mlpRatio: 0.3 }, "mlpRatio should make a whole number of 8 columns"],
  [{ dropout: 1 }, "dropout should be in [0, 1), got 1"],
  [{ form: "fast" }, 'form should be "auto"'],
  [{ chunkSize: 0.5 }, "chunkSize should be a positive integer, got 0.5"],
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
        { vocabularySize: undefined, inputDim: 3, maxLength: 5 },
        "maxLength belongs to a vocabularySize",
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
    ],
  ],
  [lionGpt, { ...BLOCKS, vocabularySize: 7 }, COMMON],
];

for (const [make, good, cases] of CASES) {
  for (const [change, message] of cases) {
    onEachBackend(`${make.name} refuses ${JSON.stringify(change)}`, () => {
      assertThrows(
        () => make({ ...good, ...change } as never),
        RangeError,
        message,
      );
    }, ["cpu"]);
  }
}
