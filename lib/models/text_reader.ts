/** Reading texts piece by piece, with what a causal model remembers of them. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  type RecurrentState,
  recurrentState,
  recurrentStep,
} from "../attention/stateful.ts";
import { logDecayOf, mergeHeads, projectHeads } from "../layers/attention.ts";
import { LionBlock } from "../layers/block.ts";
import { inside } from "../layers/lion_layer.ts";
import { Normalization } from "../layers/normalization.ts";
import { TokenEmbedding } from "../layers/token_embedding.ts";
import { VocabularyHead } from "../layers/vocabulary_head.ts";

/** What a model remembers of some texts; the tensors are its own. */
export interface Memory {
  /** Tokens read of each text. */
  readonly lengths: readonly number[];
  /** The states of each layer; none before the first token. */
  readonly layers: readonly RecurrentState[];
  /** The tokens themselves, where a model has no states. */
  readonly tokens: readonly (readonly number[])[];
}

/** Reads texts. */
export interface TextReader {
  /**
   * Reads the next tokens of each text, of which there may be none.
   *
   * @param memory Stays as it is, and the caller's.
   * @returns The logits of the token after them, `[texts, vocabulary]`, any
   * numbers where there were none; and the memory afterwards. The caller
   * disposes of both.
   */
  read(
    texts: readonly (readonly number[])[],
    memory: Memory,
  ): { logits: tf.Tensor2D; memory: Memory };
}

/** The memory of texts that have not begun. */
export function emptyMemory(texts: number): Memory {
  return {
    lengths: Array(texts).fill(0),
    layers: [],
    tokens: Array(texts).fill([]),
  };
}

/** The same memory, in tensors of its own; in no tidy. */
export function copyOf({ layers, ...others }: Memory): Memory {
  const copies = layers.map(({ sum, due }) => ({
    sum: tf.clone(sum),
    due: tf.clone(due),
  }));
  return { ...others, layers: copies };
}

/** Frees a memory's tensors. */
export function forget({ layers }: Memory): void {
  for (const { sum, due } of layers) tf.dispose([sum, due]);
}

/**
 * A reader for a model.
 *
 * @throws {TypeError} If the model is not made by lionGpt.
 */
export function readerOf(model: LayersModel): TextReader {
  const blocks = model.layers.filter((layer) => layer instanceof LionBlock);
  const embedding = model.layers.find((x) => x instanceof TokenEmbedding);
  const norm = model.layers.find((x) => x instanceof Normalization);
  const head = model.layers.find((x) => x instanceof VocabularyHead);
  const causal = blocks.every(({ attention }) => attention.causal);
  if (!embedding || !norm || !head || blocks.length === 0 || !causal) {
    throw new TypeError(
      `generate's model should be made by lionGpt, got ${model.name}`,
    );
  }
  if (blocks.some(({ attention }) => attention.variant === "softmax")) {
    return rereader(model);
  }
  const table = embedding.parameter("word_embeddings.weight") as tf.Tensor2D;
  return {
    read(texts, { lengths, layers }) {
      const { logits, after } = tf.tidy(() => {
        const { ids, start, positions, mask } = placed(texts, lengths);
        let x = embedding.embed(ids, { start, positions, types: undefined });
        const after = blocks.map((block, i) => {
          // A long text has large tensors: only one layer's are there at once.
          const step = tf.tidy(() => stepOf(block, x, layers[i], mask));
          x.dispose();
          x = step.x;
          return step.state;
        });
        const last = tf.slice(x, [0, ids.shape[1] - 1, 0], [-1, 1, -1]);
        const normal = norm.apply(last) as tf.Tensor3D;
        const logits = tf.squeeze(head.logits(normal, table), [1]);
        return { logits: logits as tf.Tensor2D, after };
      });
      return {
        logits,
        memory: {
          lengths: lengths.map((length, i) => length + texts[i]!.length),
          layers: after,
          tokens: [],
        },
      };
    },
  };
}

/** Texts side by side, as `[texts, longest]`. */
interface Placed {
  readonly ids: tf.Tensor2D;
  /** The position of the first token, and of each if texts differ. */
  readonly start: number;
  readonly positions: tf.Tensor2D | undefined;
  /** 0 at padding, if there is any. */
  readonly mask: tf.Tensor2D | undefined;
}

/** Puts padding before what is shorter, so that the last token of each is the last. */
function placed(
  texts: readonly (readonly number[])[],
  lengths: readonly number[],
): Placed {
  const longest = Math.max(...texts.map(({ length }) => length));
  const shape: [number, number] = [texts.length, longest];
  const before = texts.map(({ length }) => longest - length);
  const rows = (cell: (text: number, token: number) => number) =>
    tf.tensor2d(
      texts.flatMap((_, text) =>
        Array.from(
          { length: longest },
          (_, i) => i < before[text]! ? 0 : cell(text, i - before[text]!),
        )
      ),
      shape,
      "int32",
    );
  const isEven = lengths.every((length) => length === lengths[0]) &&
    before.every((padding) => padding === 0);
  const ends = lengths.map((length, i) => length + texts[i]!.length);
  return {
    ids: rows((text, i) => texts[text]![i]!),
    start: Math.max(...ends) - longest,
    positions: isEven ? undefined : rows((text, i) => lengths[text]! + i),
    mask: before.every((padding) => padding === 0)
      ? undefined
      : tf.cast(rows(() => 1), "float32"),
  };
}

/** A block's output for the tokens that come next. */
function stepOf(
  block: LionBlock,
  x: tf.Tensor3D,
  before: RecurrentState | undefined,
  mask: tf.Tensor2D | undefined,
): { x: tf.Tensor3D; state: RecurrentState } {
  const { attention, epsilon } = block;
  const parameters = inside("attn.", block.parameter);
  let after: RecurrentState | undefined;
  const y = block.around(x, false, (normal) => {
    const { q, k, v } = projectHeads(normal, attention, parameters);
    const [batch, heads, , headDim] = q.shape;
    const logDecay = attention.variant === "lit"
      ? undefined
      : logDecayOf(normal, "a_i", attention, parameters);
    const step = recurrentStep(
      before ?? recurrentState({ batch, heads, headDim, valueDim: headDim }),
      {
        q,
        k,
        v,
        ...(logDecay ? { logDecay: withoutSteps(logDecay, mask) } : {}),
        ...(mask ? { mask } : {}),
      },
      { normalize: attention.normalize ?? true },
    );
    after = step.state;
    return mergeHeads(step.y, attention, parameters, epsilon);
  });
  return { x: y, state: after! };
}

/** Log decays, of which padding has none: it is not in the text at all. */
function withoutSteps(
  logDecay: tf.Tensor,
  mask: tf.Tensor2D | undefined,
): tf.Tensor1D | tf.Tensor3D {
  if (!mask) return logDecay as tf.Tensor1D | tf.Tensor3D;
  const each = logDecay.rank === 1
    ? tf.reshape(logDecay, [1, logDecay.size, 1])
    : logDecay;
  return tf.mul(each, tf.expandDims(mask, 1));
}

/** Reads all tokens again each time. */
function rereader(model: LayersModel): TextReader {
  return {
    read(texts, { tokens }) {
      const all = texts.map((text, i) => [...tokens[i]!, ...text]);
      const logits = tf.tidy(() =>
        tf.stack(all.map((ids, i) => {
          if (texts[i]!.length === 0) return tf.zeros([vocabularyOf(model)]);
          const row = tf.tensor2d(ids, [1, ids.length], "int32");
          const logits = model.apply(row) as tf.Tensor3D;
          const last = tf.slice(logits, [0, ids.length - 1, 0], [1, 1, -1]);
          return tf.reshape(last, [-1]);
        }))
      );
      return {
        logits: logits as tf.Tensor2D,
        memory: {
          lengths: all.map(({ length }) => length),
          layers: [],
          tokens: all,
        },
      };
    },
  };
}

/** Tokens that a model knows. */
export function vocabularyOf({ outputs }: LayersModel): number {
  return outputs[0]!.shape.at(-1)!;
}
