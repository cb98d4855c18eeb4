/** Reading texts piece by piece, with what a causal model remembers of them. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { isCausal } from "../layers/attention_options.ts";
import { LionBlock } from "../layers/block.ts";
import type { MixerState } from "../layers/mixer.ts";
import { Normalization } from "../layers/normalization.ts";
import { TokenEmbedding } from "../layers/token_embedding.ts";
import { VocabularyHead } from "../layers/vocabulary_head.ts";

/** What a model remembers of some texts; the tensors are its own. */
export interface Memory {
  /** Tokens read of each text. */
  readonly lengths: readonly number[];
  /** The states of each layer; none before the first token. */
  readonly layers: readonly MixerState[];
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
  return { lengths: Array(texts).fill(0), layers: [] };
}

/** The same memory, in tensors of its own; in no tidy. */
export function copyOf({ layers, ...others }: Memory): Memory {
  const copies = layers.map((state): MixerState =>
    Object.fromEntries(
      Object.entries(state).map(([name, tensor]) => [name, tf.clone(tensor)]),
    )
  );
  return { ...others, layers: copies };
}

/** Frees a memory's tensors. */
export function forget({ layers }: Memory): void {
  for (const state of layers) tf.dispose(Object.values(state));
}

/**
 * A reader for a model.
 *
 * @throws {TypeError} If the model is not made by lionGpt, or its mixer has no
 * step.
 */
export function readerOf(model: LayersModel): TextReader {
  const blocks = model.layers.filter((layer) => layer instanceof LionBlock);
  const embedding = model.layers.find((x) => x instanceof TokenEmbedding);
  const norm = model.layers.find((x) => x instanceof Normalization);
  const head = model.layers.find((x) => x instanceof VocabularyHead);
  const causal = blocks.every(({ attention }) => isCausal(attention));
  if (!embedding || !norm || !head || blocks.length === 0 || !causal) {
    throw new TypeError(
      `generate's model should be made by lionGpt, got ${model.name}`,
    );
  }
  const without = blocks.find(({ mixer }) => !mixer.step);
  if (without) {
    throw new TypeError(
      `generate's model should have mixers with a step, which says what comes next ` +
        `by what came before, got one without in ${without.name}; give it a step, ` +
        "or predict each token from the whole text with model.predict",
    );
  }
  const table = embedding.parameter("word_embeddings.weight") as tf.Tensor2D;
  return {
    read(texts, { lengths, layers }) {
      const { logits, after } = tf.tidy(() => {
        const { ids, start, positions, mask } = placed(texts, lengths);
        let x = embedding.embed(ids, { start, positions, types: undefined });
        const after = blocks.map((block, i) => {
          // A long text has large tensors: only one layer's are there at once.
          const step = tf.tidy(() => block.step(x, layers[i], { mask }));
          x.dispose();
          x = step.y;
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

/** Tokens that a model knows. */
export function vocabularyOf({ outputs }: LayersModel): number {
  return outputs[0]!.shape.at(-1)!;
}
