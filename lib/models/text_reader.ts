/** Reading texts in parts with a causal model. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { compileAheadOnce } from "@lionjs/tfjs/record";
import { isCausal } from "../layers/options/attention_options.ts";
import { LionBlock } from "../layers/block.ts";
import type { MixerState } from "../layers/mixer.ts";
import { Normalization } from "../layers/normalization.ts";
import { assertPositions } from "../layers/embeddings/positions.ts";
import { TokenEmbedding } from "../layers/embeddings/token_embedding.ts";
import { VocabularyHead } from "../layers/embeddings/vocabulary_head.ts";
import { tokensIn } from "../operations/padding/padding.ts";
import { isOwnModel } from "./layer_runs.ts";
import { ReplayedModel } from "./replayed_model.ts";

const POSITIONS = "position_embeddings.weight";

/** The state of a model after the texts read so far; it owns its tensors. */
export interface Memory {
  /** Number of tokens read so far of each text. */
  readonly lengths: readonly number[];
  /** The state of each layer; empty before the first token. */
  readonly layers: readonly MixerState[];
}

/** Reads the next tokens of texts, and predicts the tokens after them. */
export interface TextReader {
  /**
   * Reads the next tokens of each text; a text may have none.
   *
   * @param memory The memory so far; it is not changed, and stays the caller's.
   * @returns The logits of the token after them, `[texts, vocabulary]`,
   * arbitrary for texts without new tokens, and the memory afterwards. The
   * caller disposes of both.
   */
  read(
    texts: readonly (readonly number[])[],
    memory: Memory,
  ): { logits: tf.Tensor2D; memory: Memory };
  /**
   * Compiles the shaders that read these tokens, and then a token of each text,
   * before a model's first text.
   */
  compileAhead(
    texts: readonly (readonly number[])[],
    memory: Memory,
    signal?: AbortSignal,
  ): Promise<void>;
  dispose(): void;
}

export function emptyMemory(texts: number): Memory {
  return { lengths: Array(texts).fill(0), layers: [] };
}

/** Copies a memory and its tensors. Not for use inside `tf.tidy`. */
export function copyOf({ layers, ...others }: Memory): Memory {
  const copies = layers.map((state): MixerState =>
    Object.fromEntries(
      Object.entries(state).map(([name, tensor]) => [name, tf.clone(tensor)]),
    )
  );
  return { ...others, layers: copies };
}

export function forget({ layers }: Memory): void {
  for (const state of layers) tf.dispose(Object.values(state));
}

/** The layers of a causal language model. */
export interface CausalParts {
  readonly embedding: TokenEmbedding;
  readonly blocks: readonly LionBlock[];
  readonly norm: Normalization;
  readonly head: VocabularyHead;
}

/**
 * Finds the layers of a causal language model, whose mixers read on from states.
 *
 * @param owner The function that is given the model.
 * @throws {TypeError} If the model was not made by lionGpt, or its mixer has no
 * step.
 */
export function partsOf(model: LayersModel, owner = "generate"): CausalParts {
  const blocks = model.layers.filter((layer) => layer instanceof LionBlock);
  const embedding = model.layers.find((x) => x instanceof TokenEmbedding);
  const norm = model.layers.find((x) => x instanceof Normalization);
  const head = model.layers.find((x) => x instanceof VocabularyHead);
  const causal = blocks.every(({ attention }) => isCausal(attention));
  if (!embedding || !norm || !head || blocks.length === 0 || !causal) {
    throw new TypeError(
      `${owner}'s model should be made by lionGpt, got ${model.name}`,
    );
  }
  const without = blocks.find(({ mixer }) => !mixer.step);
  if (without) {
    throw new TypeError(
      `${owner}'s model should have mixers with a step, to compute the next tokens ` +
        `from a state, got one without in ${without.name}; give it a step, ` +
        "or predict each token from the whole text with model.predict",
    );
  }
  return { embedding, blocks, norm, head };
}

/**
 * Makes a reader for a model.
 *
 * @throws {TypeError} If the model was not made by lionGpt, or its mixer has no
 * step.
 */
export function readerOf(model: LayersModel): TextReader {
  const { embedding, blocks, norm, head } = partsOf(model);
  const table = embedding.parameter("word_embeddings.weight") as tf.Tensor2D;
  const hasPositions = embedding.parameters.some(({ name }) =>
    name === POSITIONS
  );
  const positionTable = hasPositions
    ? embedding.parameter(POSITIONS) as tf.Tensor2D
    : undefined;
  const isFit = () => isOwnModel(model);
  const runs = isFit()
    ? new ReplayedModel({ of: [model], unit: "token of generate", isFit })
    : undefined;
  /** The names of each layer's state. */
  let names: readonly string[][] = [];
  /**
   * The logits of the next token, `[texts, vocabularySize]`, then the states of
   * all layers.
   */
  const read = (
    { ids, start, positions, mask }: Placed,
    layers: readonly MixerState[],
  ): tf.Tensor[] => {
    let x = embedding.embed(ids, { start, positions, types: undefined });
    let first: tf.Tensor3D | undefined;
    const after = blocks.map((block, i) => {
      // Long texts have large tensors, so only one layer's are kept at a
      // time, besides what the first layer passes on.
      const step = tf.tidy(() => block.step(x, layers[i], { mask, first }));
      x.dispose();
      x = step.y;
      first ??= step.first;
      return step.state;
    });
    first?.dispose();
    const last = tf.slice(x, [0, ids.shape[1] - 1, 0], [-1, 1, -1]);
    const normal = norm.apply(last) as tf.Tensor3D;
    const logits = tf.squeeze(head.logits(normal, table), [1]);
    names = after.map((state) => Object.keys(state));
    return [logits, ...after.flatMap((state) => Object.values(state))];
  };
  /**
   * Makes the memory after texts from the states that `read` returns after the
   * logits.
   */
  const memoryOf = (
    texts: readonly (readonly number[])[],
    lengths: readonly number[],
    states: readonly tf.Tensor[],
  ): Memory => {
    const values = states.values();
    return {
      lengths: lengths.map((length, i) => length + texts[i]!.length),
      layers: names.map((own) =>
        Object.fromEntries(own.map((name) => [name, values.next().value!]))
      ),
    };
  };
  return {
    async compileAhead(texts, { lengths, layers }, signal) {
      if (!runs) return;
      await compileAheadOnce(model, "text", () => {
        const [, ...states] = read(placed(texts, lengths), layers);
        const memory = memoryOf(texts, lengths, states);
        read(placed(texts.map(() => [0]), memory.lengths), memory.layers);
      }, signal);
    },
    read(texts, { lengths, layers }) {
      const [logits, ...after] = tf.tidy(() => {
        const next = placed(texts, lengths);
        const { ids, start, positions, mask } = next;
        // A replay skips this check, so it is made before the run.
        if (positionTable) assertPositions(positionTable, start + ids.shape[1]);
        const given = [ids, positions ?? [], mask ?? []].flat();
        const states = layers.flatMap((state) => Object.values(state));
        const kind = `${positions !== undefined} ${mask !== undefined}`;
        const run = () => read(next, layers);
        return runs?.run(kind, [...given, ...states], run) ?? run();
      });
      return {
        logits: logits as tf.Tensor2D,
        memory: memoryOf(texts, lengths, after),
      };
    },
    dispose: () => runs?.dispose(),
  };
}

/** The next tokens of several texts as one batch, padded on the left, `[texts, longest]`. */
interface Placed {
  readonly ids: tf.Tensor2D;
  /** The position of the first column. */
  readonly start: number;
  /**
   * Positions, `[texts, longest]`, if the texts' lengths differ or each has one
   * token.
   */
  readonly positions: tf.Tensor2D | undefined;
  /** The padding mask, `[texts, longest]`, 0 at padding; `undefined` without padding. */
  readonly mask: tf.Tensor2D | undefined;
}

/** Makes a batch of texts, padding shorter ones on the left so that all end together. */
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
    // Single tokens get their positions as a tensor, so that each token runs
    // the same kernels.
    positions: isEven && longest > 1
      ? undefined
      : rows((text, i) => lengths[text]! + i),
    mask: before.every((padding) => padding === 0)
      ? undefined
      : tokensIn("mask", rows(() => 1)),
  };
}

export function vocabularyOf({ outputs }: LayersModel): number {
  return outputs[0]!.shape.at(-1)!;
}
