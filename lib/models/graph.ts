/** What all models are built with. @module */
import {
  input,
  type LayersModel,
  model,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import { assertAttentionOptions } from "../layers/attention_options.ts";
import {
  assertBlockOptions,
  lionBlock,
  type LionBlockOptions,
} from "../layers/block.ts";
import type { LionLayer } from "../layers/lion_layer.ts";
import { assertCount } from "../layers/option_values.ts";

/** The names of the options that all models have. */
export const MODEL_OPTIONS = {
  variant: true,
  numHeads: true,
  form: true,
  chunkSize: true,
  featureMap: true,
  normalize: true,
  outputNorm: true,
  dropout: true,
  dim: true,
  depth: true,
  mlpRatio: true,
  epsilon: true,
  seed: true,
} as const;

/** Options that every model passes to its blocks. */
export type BlockStackOptions =
  & Omit<LionBlockOptions, "name" | "trainable" | "inputShape">
  & {
    /** Blocks. */
    depth: number;
  };

/**
 * Throws unless the options make a stack of blocks: before the first layer has
 * weights, which nobody would free.
 *
 * @throws {TypeError} If one is of the wrong kind.
 * @throws {RangeError} If one has an impossible value.
 */
export function assertStack(options: BlockStackOptions, dim: number): void {
  const { depth } = options;
  assertCount("dim", dim);
  if (!(Number.isInteger(depth) && depth > 0)) {
    throw new RangeError(`depth should be a positive integer, got ${depth}`);
  }
  assertAttentionOptions(options, dim);
  assertBlockOptions(options, dim);
}

/** What decides which tokens a block reads. */
export interface Reading {
  /** Which are no padding. */
  readonly mask?: SymbolicTensor;
  /** Which of the sequences in a row each belongs to. */
  readonly segments?: SymbolicTensor | undefined;
}

/** A stack of blocks; the share of left-out parts grows with depth. */
export function stack(
  x: SymbolicTensor,
  { mask, segments }: Reading,
  options: BlockStackOptions,
  nameOf: (index: number) => string,
): SymbolicTensor {
  const { depth, dropPath = 0, seed, ...others } = options;
  for (let i = 0; i < depth; i++) {
    const block = lionBlock({
      ...others,
      seed: seedOf(seed, i),
      name: nameOf(i),
      dropPath: depth === 1 ? dropPath : dropPath * i / (depth - 1),
    });
    x = connect(block, [x, mask, segments]);
  }
  return x;
}

/** Applies a layer to what it is given in a model. */
export function connect(
  layer: LionLayer,
  inputs: SymbolicTensor | (SymbolicTensor | undefined)[],
): SymbolicTensor {
  const given = [inputs].flat().filter((input) => input !== undefined);
  return layer.apply(given.length > 1 ? given : given[0]!) as SymbolicTensor;
}

/** Seeds of a model's layers, far enough from each other. */
export function seedOf(
  seed: number | undefined,
  index: number,
): number | undefined {
  return seed === undefined ? undefined : 1e6 * seed + 100 * index + 1;
}

/** An input of token ids, `[batch, length]`. */
export function idsInput(name: string): SymbolicTensor {
  return input({ shape: [null], dtype: "int32", name });
}

/** An input that is 1 for a token and 0 for padding, `[batch, length]`. */
export function maskInput(): SymbolicTensor {
  return input({ shape: [null], name: "mask" });
}

/** An input that says which of the sequences in a row each token belongs to, `[batch, length]`. */
export function segmentsInput(
  segments: boolean | undefined,
): SymbolicTensor | undefined {
  return segments ? idsInput("segments") : undefined;
}

/**
 * Throws unless it is known for how many sequences of a row there are vectors.
 *
 * @throws {RangeError} If `maxSegments` is missing, impossible, or there for nothing.
 */
export function assertMaxSegments(
  maxSegments: number | undefined,
  isPooled: boolean,
): void {
  if (maxSegments !== undefined) {
    assertCount("maxSegments", maxSegments);
    if (isPooled) return;
    throw new RangeError(
      "maxSegments is for models that have segments: true, and an output for " +
        `each sequence; got ${maxSegments}`,
    );
  }
  if (!isPooled) return;
  throw new RangeError(
    "maxSegments should say how many sequences a row has at most, where each " +
      "of them has an output, got none",
  );
}

/** The model between inputs and output. */
export function modelOf(
  name: string,
  inputs: (SymbolicTensor | undefined)[],
  outputs: SymbolicTensor,
): LayersModel {
  const given = inputs.filter((input) => input !== undefined);
  return model({ name, inputs: given, outputs });
}
