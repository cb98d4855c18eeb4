/** The building blocks that all models share. @module */
import {
  input,
  type LayersModel,
  model,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import {
  assertAttentionOptions,
  type AttentionOptions,
} from "../layers/options/attention_options.ts";
import {
  assertBlockOptions,
  lionBlock,
  type LionBlockOptions,
} from "../layers/block.ts";
import type { LionLayer } from "../layers/lion_layer.ts";
import { acceptLosses } from "./compile.ts";
import {
  assertCount,
  assertNotGiven,
} from "../layers/options/option_values.ts";
import {
  assertFinite,
  assertInteger,
  assertOneOf,
  assertPositiveInteger,
} from "@lionjs/base";

/** The names of the options that all models have. */
export const MODEL_OPTIONS = [
  "variant mixer decay diagonalDecay numHeads form chunkSize featureMap",
  "normalize outputNorm position convSize steps negativeEigenvalues ranks",
  "queryKeyNorm outputGate decayRates rotaryScale",
  "dropout dim depth mlpRatio activation epsilon embeddingStd gradientCheckpointing seed",
] as const;

/** The names of the options that only bidirectional models have. */
export const ENCODER_OPTIONS = "direction countSelf";

/**
 * Direction of attention in a model; `"alternate"` is `"forward"` in the first
 * block, `"backward"` in the second, and so on.
 */
export type ModelDirection =
  | NonNullable<AttentionOptions["direction"]>
  | "alternate";

/** Options that every model passes to its blocks. */
export type BlockStackOptions =
  & Omit<LionBlockOptions, "name" | "trainable" | "inputShape" | "direction">
  & {
    depth: number;
    repeats?: number | undefined;
    direction?: ModelDirection | undefined;
  };

/** The most blocks of a model. */
const DEEPEST = 4096;

/**
 * Throws unless the options of a stack of blocks are valid. Call it before any
 * layer has weights, which an error would leak.
 */
export function assertStack(options: BlockStackOptions, dim: number): void {
  const { depth, repeats = 1 } = options;
  assertCount("dim", dim);
  assertPositiveInteger("depth", depth);
  assertInteger("depth", depth, 1, DEEPEST);
  assertInteger("repeats", repeats, 1, Math.floor(DEEPEST / depth));
  const { direction, repeats: _, ...others } = options;
  if (direction !== undefined) {
    const known = ["both", "forward", "backward", "alternate"] as const;
    assertOneOf("direction", direction, known);
  }
  for (const i of [0, 1]) {
    assertAttentionOptions({ ...others, ...directionAt(direction, i) }, dim);
  }
  assertBlockOptions(others, dim);
  assertSoftmax(others);
  if (options.variant === "rwkv7") {
    assertNotGiven(
      { activation: options.activation },
      'is one of the perceptron, which variant "rwkv7" does not have',
    );
  }
}

/** Throws if softmax is given what only LION has; saved layers may have it, unread. */
function assertSoftmax(
  { variant, featureMap, normalize }: BlockStackOptions,
): void {
  if (variant !== "softmax") return;
  assertNotGiven(
    { featureMap, normalize },
    'is an option of LION, which variant "softmax" does not have',
  );
}

/** Throws if a model classifies its first token, but that token attends only to itself. */
export function assertFirstReads(
  direction: ModelDirection | undefined,
  answer: string,
): void {
  if (direction !== "forward") return;
  throw new RangeError(
    `direction "forward" lets the first token attend to nothing but itself, and ${answer} ` +
      'is its answer; use "both", "backward" or "alternate"',
  );
}

function directionAt(
  direction: ModelDirection | undefined,
  block: number,
): Pick<AttentionOptions, "direction"> {
  if (direction === undefined) return {};
  if (direction !== "alternate") return { direction };
  return { direction: block % 2 === 0 ? "forward" : "backward" };
}

/** The inputs that say which tokens a block reads. */
export interface Reading {
  /** The padding mask: which tokens are not padding. */
  readonly mask?: SymbolicTensor | undefined;
  /** The segments: which of the sequences in a row each token belongs to. */
  readonly segments?: SymbolicTensor | undefined;
}

/**
 * Stacks blocks, all of which are applied `repeats` times in turn; the probability of
 * skipping a sublayer grows with depth.
 */
export function stack(
  x: SymbolicTensor,
  { mask, segments }: Reading,
  options: BlockStackOptions,
  nameOf: (index: number) => string,
): SymbolicTensor {
  const { depth, repeats = 1, dropPath = 0, seed, direction, ...others } =
    options;
  const blocks = Array.from({ length: depth }, (_, i) =>
    lionBlock({
      ...others,
      ...directionAt(direction, i),
      ...placeAt(options, i),
      seed: seedOf(seed, i),
      name: nameOf(i),
      dropPath: depth === 1 ? dropPath : dropPath * i / (depth - 1),
    }));
  let first: SymbolicTensor | undefined;
  for (let run = 0; run < depth * repeats; run++) {
    const isFirst = run % depth === 0;
    const [y, passed] = outputsOf(
      blocks[run % depth]!,
      [x, mask, segments, isFirst ? undefined : first],
    );
    x = y!;
    first ??= passed;
  }
  return x;
}

/** The place of a block among those of the model, where it matters. */
function placeAt(
  { variant, depth }: BlockStackOptions,
  index: number,
): Pick<AttentionOptions, "layer"> {
  return variant === "rwkv7" ? { layer: [index, depth] } : {};
}

export function connect(
  layer: LionLayer,
  inputs: SymbolicTensor | (SymbolicTensor | undefined)[],
): SymbolicTensor {
  return outputsOf(layer, inputs)[0]!;
}

function outputsOf(
  layer: LionLayer,
  inputs: SymbolicTensor | (SymbolicTensor | undefined)[],
): SymbolicTensor[] {
  const given = [inputs].flat().filter((input) => input !== undefined);
  const outputs = layer.apply(given.length > 1 ? given : given[0]!);
  return [outputs].flat() as SymbolicTensor[];
}

/** The seed of one layer of a model, far enough from those of the other layers. */
export function seedOf(
  seed: number | undefined,
  index: number,
): number | undefined {
  if (seed === undefined) return undefined;
  assertFinite("seed", seed);
  // Beyond 2⁵³, layers that differ by index would have the same number.
  return 1e6 * (seed % 9e9) + 100 * index + 1;
}

/** The input for token ids, `[batch, length]`. */
export function idsInput(name: string): SymbolicTensor {
  return input({ shape: [null], dtype: "int32", name });
}

/** The input for the padding mask, `[batch, length]`: 1 for a token, 0 for padding. */
export function maskInput(): SymbolicTensor {
  return input({ shape: [null], name: "mask" });
}

/** The input for segments, `[batch, length]`: which sequence of a row each token belongs to. */
export function segmentsInput(
  segments: boolean | undefined,
): SymbolicTensor | undefined {
  return segments ? idsInput("segments") : undefined;
}

/** Throws unless `maxSegments` is given exactly where it is needed, and valid. */
export function assertMaxSegments(
  maxSegments: number | undefined,
  isPooled: boolean,
): void {
  if (maxSegments !== undefined) {
    assertCount("maxSegments", maxSegments);
    if (isPooled) return;
    throw new RangeError(
      "maxSegments is for models with segments: true and one output per " +
        `sequence; got ${maxSegments}`,
    );
  }
  if (!isPooled) return;
  throw new RangeError(
    "maxSegments should be the largest number of sequences in a row, since each " +
      "has an output; got none",
  );
}

export function modelOf(
  name: string,
  inputs: (SymbolicTensor | undefined)[],
  outputs: SymbolicTensor,
): LayersModel {
  const given = inputs.filter((input) => input !== undefined);
  return withNamedInputs(
    acceptLosses(model({ name, inputs: given, outputs })),
  );
}

/** Makes `predict` name the inputs that are missing, where tfjs says only how many. */
function withNamedInputs(model: LayersModel): LayersModel {
  const predict = model.predict.bind(model);
  model.predict = (x, options) => {
    const given = [x].flat().length;
    const names = model.inputs.map(({ originalName, name }) =>
      originalName ?? name
    );
    if (given === names.length) return predict(x, options);
    throw new TypeError(
      `predict of model ${model.name} should be given its inputs, [${
        names.join(", ")
      }], got ${given}${
        names.includes("mask") && given < names.length
          ? "; mask is [batch, length], 1 for a token and 0 for padding: tf.ones([batch, length]) where there is none"
          : ""
      }`,
    );
  };
  return model;
}
