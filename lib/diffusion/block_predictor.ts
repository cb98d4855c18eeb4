/** Models that read blocks one after another, and keep states of those that are done. @module */
import * as tf from "@tensorflow/tfjs-core";
import { LayersModel } from "@tensorflow/tfjs-layers";
import { padTokens } from "@lionjs/data/text";
import type { BlockState } from "../attention/streaming/block_attention.ts";
import { type ReadBlocks, readingBlocks } from "../layers/block_sequence.ts";
import { MixingLayer } from "../layers/mixing_layer.ts";
import { inSequence } from "../layers/sequence.ts";
import { layersIn } from "../models/layer_runs.ts";
import {
  answersOf,
  type DiffusionModel,
  logitsAt,
  type Predictor,
  type Question,
} from "./diffusion_model.ts";

/**
 * The state of rows of `unmask` whose blocks are done: what each layer keeps of them, of
 * constant size. It never changes, so rows can be continued in several ways.
 */
export interface UnmaskState {
  /** The number of tokens of each row so far. */
  readonly tokens: number;
  /** Disposes of the state's tensors. */
  dispose(): void;
}

/** The implementation of {@linkcode UnmaskState}. */
export class RowsState implements UnmaskState {
  constructor(
    readonly model: DiffusionModel,
    readonly rows: number,
    readonly read: ReadBlocks,
  ) {}

  get tokens(): number {
    return this.read.tokens;
  }

  dispose(): void {
    forget(this.read);
  }
}

/**
 * The length of the blocks that a model's attention has; `undefined` if it has none, or
 * layers that differ.
 */
export function blockLengthOf(model: DiffusionModel): number | undefined {
  if (!(model instanceof LayersModel)) return undefined;
  const lengths = layersIn(model)
    .filter((layer) => layer instanceof MixingLayer)
    .map(({ attention }) => attention.blockLength);
  const [length] = lengths;
  return lengths.every((other) => other === length) ? length : undefined;
}

/** Asks a model for the logits of a block, given the states of those before it. */
export class BlockPredictor implements Predictor {
  calls = 0;
  readonly #model: LayersModel;
  readonly #blockLength: number;
  readonly #before: number;
  #read: ReadBlocks;

  /** @param state The state of the rows so far, if any; it is copied. */
  constructor(
    model: LayersModel,
    blockLength: number,
    state: RowsState | undefined,
  ) {
    this.#model = model;
    this.#blockLength = blockLength;
    this.#before = state?.tokens ?? 0;
    this.#read = state ? copyOf(state.read) : { tokens: 0, layers: [] };
  }

  /** Asks for places that are all in one block. */
  async logits(questions: readonly Question[]): Promise<Float32Array[]> {
    const [place] = questions.find(({ places }) => places.length > 0)!.places;
    const first = place! - place! % this.#blockLength;
    this.advance(questions.map(({ ids }) => ids), first);
    this.calls++;
    const end = first + this.#blockLength;
    const chosen = tf.tidy(() => {
      return logitsAt(
        this.#run(questions.map(({ ids }) => ids), first, end),
        questions.map(({ places }) => places.map((place) => place - first)),
      );
    });
    const places = questions.map(({ places }) => places.length);
    return await answersOf("unmask", chosen, places);
  }

  /** Reads the tokens of the rows up to a place, of which only the states are kept. */
  advance(rows: readonly ArrayLike<number>[], end: number): void {
    const first = this.#read.tokens - this.#before;
    if (first >= end) return;
    this.calls++;
    const layers: BlockState[] = [];
    tf.tidy(() => void this.#run(rows, first, end, layers));
    forget(this.#read);
    this.#read = { tokens: this.#before + end, layers };
  }

  /** The state after the tokens that were read; the caller disposes of it. */
  state(rows: number): RowsState {
    return new RowsState(this.#model, rows, copyOf(this.#read));
  }

  #run(
    rows: readonly ArrayLike<number>[],
    first: number,
    end: number,
    left?: BlockState[],
  ): tf.Tensor {
    const parts = rows.map((ids) => Array.from(ids).slice(first, end));
    const length = Math.max(...parts.map(({ length }) => length));
    const { ids, mask } = padTokens(parts, { length });
    const inputs = this.#model.inputs.length === 1 ? [ids] : [ids, mask];
    return inSequence(
      readingBlocks(this.#read, left),
      () => this.#model.apply(inputs, { training: false }),
    ) as tf.Tensor;
  }

  dispose(): void {
    forget(this.#read);
  }
}

/** Copies states and their tensors. Not for use inside `tf.tidy`. */
function copyOf({ tokens, layers }: ReadBlocks): ReadBlocks {
  return {
    tokens,
    layers: layers.map(({ sum, due }) => ({
      sum: tf.clone(sum),
      due: due && tf.clone(due),
    })),
  };
}

function forget({ layers }: ReadBlocks): void {
  for (const { sum, due } of layers) {
    sum.dispose();
    due?.dispose();
  }
}
