import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import seedrandom from "seedrandom";
import {
  type RecurrentState,
  recurrentState,
  recurrentStep,
} from "../attention/stateful.ts";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { logDecayOf, mergeHeads, projectHeads } from "../layers/attention.ts";
import { LionBlock } from "../layers/block.ts";
import { inside } from "../layers/lion_layer.ts";
import { Normalization } from "../layers/normalization.ts";
import { TokenEmbedding } from "../layers/token_embedding.ts";
import { VocabularyHead } from "../layers/vocabulary_head.ts";

/** Options of {@linkcode generate}. */
export interface GenerateOptions {
  /** Tokens to add, at most; Infinity to go on until `stopToken`. @default 100 */
  maxNewTokens?: number;
  /** Divides the logits; 0 takes the likeliest token. @default 1 */
  temperature?: number;
  /** Chooses among so many of the likeliest tokens. @default all */
  topK?: number;
  /** Ends with this token, which is then the last. */
  stopToken?: number;
  /** Of the choice. @default another one each time */
  seed?: number | string;
  /** Called with each token as it comes. */
  onToken?: (token: number) => void;
  /** Ends early, with what there is. */
  signal?: AbortSignal;
}

const OPTIONS: OptionNames<GenerateOptions> = {
  maxNewTokens: true,
  temperature: true,
  topK: true,
  stopToken: true,
  seed: true,
  onToken: true,
  signal: true,
};

/**
 * Continues a text. The prompt is read at once and each further token in one
 * step, from states of constant size: neither time nor memory of a token grows
 * with those before it. A softmax model has no such state, and reads everything
 * again for each token.
 *
 * @param model Made by lionGpt.
 * @param prompt Ids of the tokens to continue.
 * @param options See {@linkcode GenerateOptions}.
 * @returns The ids that were added.
 * @throws {TypeError} If the model is not made by lionGpt, or an option is unknown
 * or of the wrong kind.
 * @throws {RangeError} If the prompt is empty, an id is not the model's, an option
 * has an impossible value, or the model's logits are not numbers.
 */
export async function generate(
  model: LayersModel,
  prompt: readonly number[],
  options: GenerateOptions = {},
): Promise<number[]> {
  assertOptions("generate", options, OPTIONS);
  const { maxNewTokens = 100, stopToken, onToken, signal } = options;
  assertCount("maxNewTokens", maxNewTokens, 0);
  if (onToken !== undefined && typeof onToken !== "function") {
    throw new TypeError(`onToken should be a function, got ${typeof onToken}`);
  }
  if (prompt.length === 0) {
    throw new RangeError("prompt should hold a token or more");
  }
  const choose = chooser(options);
  const ids: number[] = [];
  const reader = readerOf(model);
  prompt.forEach((id, i) => assertToken(`prompt[${i}]`, id, model));
  if (stopToken !== undefined) assertToken("stopToken", stopToken, model);
  try {
    let next: readonly number[] = prompt;
    while (ids.length < maxNewTokens && !signal?.aborted) {
      const logits = reader.read(next);
      const values = await (logits.data<"float32">())
        .finally(() => logits.dispose());
      assertNumbers(values, { added: ids.length, prompt: prompt.length });
      const token = choose(values);
      ids.push(token);
      onToken?.(token);
      if (token === stopToken) break;
      next = [token];
    }
  } finally {
    reader.dispose();
  }
  return ids;
}

/** Throws unless an option is a whole number, or Infinity. */
function assertCount(name: string, value: number, least: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`${name} should be a number, got ${typeof value}`);
  }
  if (value === Infinity || (Number.isInteger(value) && value >= least)) return;
  throw new RangeError(
    `${name} should be an integer, ${least} or more, or Infinity, got ${value}`,
  );
}

/** Throws unless a model has a token of that id. */
function assertToken(name: string, id: number, { outputs }: LayersModel): void {
  const tokens = outputs[0]!.shape.at(-1)!;
  if (Number.isInteger(id) && id >= 0 && id < tokens) return;
  throw new RangeError(
    `${name} should be a token of the model, an integer from 0 to ${
      tokens - 1
    }, got ${id}`,
  );
}

/** Throws unless a token can be chosen by its logit; -Infinity is none. */
function assertNumbers(
  logits: Float32Array,
  { added, prompt }: { added: number; prompt: number },
): void {
  const token = logits.findIndex((x) => Number.isNaN(x) || x === Infinity);
  const some = logits.some((x) => x > -Infinity);
  if (token < 0 && some) return;
  const got = token < 0 ? -Infinity : logits[token];
  throw new RangeError(
    `the model's logits of new token ${added}, at position ${
      prompt + added
    }, should be numbers, got ${got} for ${
      token < 0 ? "all tokens" : `token ${token}`
    }; a training that diverged leaves such weights`,
  );
}

/** Reads tokens one after the other. */
interface Reader {
  /** Logits of the token after those that are given and all before. */
  read(ids: readonly number[]): tf.Tensor;
  dispose(): void;
}

function readerOf(model: LayersModel): Reader {
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
  let states: RecurrentState[] | undefined;
  let length = 0;
  const table = embedding.parameter("word_embeddings.weight") as tf.Tensor2D;
  const dispose = () =>
    states?.forEach(({ sum, due }) => tf.dispose([sum, due]));
  return {
    read(ids) {
      const { logits, after } = tf.tidy(() => {
        const tokens = tf.tensor2d([...ids], [1, ids.length], "int32");
        let x = embedding.embed(tokens, { start: length, types: undefined });
        const after = blocks.map((block, i) => {
          const step = stepOf(block, x, states?.[i]);
          x = step.x;
          return step.state;
        });
        const last = tf.slice(x, [0, ids.length - 1, 0], [1, 1, -1]);
        const normal = norm.apply(last) as tf.Tensor3D;
        return { logits: tf.reshape(head.logits(normal, table), [-1]), after };
      });
      dispose();
      states = after;
      length += ids.length;
      return logits;
    },
    dispose,
  };
}

/** A block's output for the tokens that come next. */
function stepOf(
  block: LionBlock,
  x: tf.Tensor3D,
  before: RecurrentState | undefined,
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
        ...(logDecay
          ? { logDecay: logDecay as tf.Tensor1D | tf.Tensor3D }
          : {}),
      },
      { normalize: attention.normalize ?? true },
    );
    after = step.state;
    return mergeHeads(step.y, attention, parameters, epsilon);
  });
  return { x: y, state: after! };
}

/** Reads all tokens again each time. */
function rereader(model: LayersModel): Reader {
  const all: number[] = [];
  return {
    read(ids) {
      all.push(...ids);
      return tf.tidy(() => {
        const tokens = tf.tensor2d(all, [1, all.length], "int32");
        const logits = model.apply(tokens) as tf.Tensor3D;
        const last = tf.slice(logits, [0, all.length - 1, 0], [1, 1, -1]);
        return tf.reshape(last, [-1]);
      });
    },
    dispose: () => {},
  };
}

/** Chooses a token by its logit. */
function chooser(
  { temperature = 1, topK = Infinity, seed }: GenerateOptions,
): (logits: Float32Array) => number {
  if (typeof temperature !== "number") {
    throw new TypeError(
      `temperature should be a number, got ${typeof temperature}`,
    );
  }
  if (!(temperature >= 0 && temperature < Infinity)) {
    throw new RangeError(`temperature should be 0 or more, got ${temperature}`);
  }
  assertCount("topK", topK, 1);
  if (
    seed !== undefined && typeof seed !== "number" && typeof seed !== "string"
  ) {
    throw new TypeError(
      `seed should be a number or a string, got ${typeof seed}`,
    );
  }
  const random = seedrandom(seed === undefined ? undefined : `${seed}`);
  return (logits) => {
    const ranked = Array.from(logits.keys())
      .sort((a, b) => logits[b]! - logits[a]!)
      .slice(0, temperature === 0 ? 1 : topK);
    const highest = logits[ranked[0]!]!;
    const weights = ranked.map((token) =>
      temperature === 0 ? 1 : Math.exp((logits[token]! - highest) / temperature)
    );
    let left = random() * weights.reduce((a, b) => a + b, 0);
    const place = weights.findIndex((weight) => (left -= weight) < 0);
    return ranked.at(place)!;
  };
}
