/** Generation of text, token by token. @module */
import {
  assertBoolean,
  assertModel,
  assertOptions,
  assertSignal,
  optionsOf,
  shown,
  turns,
} from "@lionjs/base";
import type { Tokenizer } from "@lionjs/data/text";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  assertChoice,
  assertCount,
  type ChoiceOptions,
  type Chooser,
  chooserOf,
  type RandomState,
} from "./choose_token.ts";
import {
  copyOf,
  emptyMemory,
  forget,
  type Memory,
  readerOf,
  vocabularyOf,
} from "./text_reader.ts";
import {
  assertTokenizer,
  modelIn,
  type TextModel,
  tokenizerFor,
} from "./text_input.ts";

/** Options of {@linkcode generate}. */
export interface GenerateOptions extends ChoiceOptions {
  /**
   * The maximum number of tokens to add to each text; Infinity continues until
   * `stopToken`. @default 100
   */
  maxNewTokens?: number | undefined;
  /** The token or tokens that end a text, which includes it. */
  stopToken?: number | readonly number[] | undefined;
  /** A function called with each new token and the index of its text in the batch. */
  onToken?: ((token: number, text: number) => void) | undefined;
  /** A signal that ends generation early; the tokens so far are returned. */
  signal?: AbortSignal | undefined;
  /**
   * The state from an earlier call; the prompt continues its texts.
   * @default none
   */
  state?: GenerationState | undefined;
  /** Whether to return the state too, to continue from. @default false */
  returnState?: boolean | undefined;
  /**
   * The tokenizer of prompts that are texts, whose new tokens are returned as
   * texts. @default the one beside the model
   */
  tokenizer?: Tokenizer | undefined;
}

const OPTIONS = optionsOf<GenerateOptions>()(
  "maxNewTokens temperature topK topP stopToken seed onToken signal state",
  "returnState tokenizer",
);

/**
 * The state of the texts of {@linkcode generate}: the layers' states, of
 * constant size except for softmax attention's KV cache, and those of the
 * random number generators. It never changes, so one text can be continued in
 * several ways.
 */
export interface GenerationState {
  /** Number of tokens of each text so far, its prompt included. */
  readonly lengths: readonly number[];
  /** Disposes of the state's tensors. */
  dispose(): void;
}

/** The result of {@linkcode generate} with `returnState`. */
export interface Generated<Tokens> {
  /** The ids of the new tokens, or their texts if the prompts are texts. */
  readonly tokens: Tokens;
  /** The state to continue from; the caller disposes of it. */
  readonly state: GenerationState;
}

/** The implementation of {@linkcode GenerationState}. */
class TextState implements GenerationState {
  constructor(
    readonly model: LayersModel,
    readonly memory: Memory,
    /** The tokens of each text that the model has not read yet. */
    readonly unread: readonly (readonly number[])[],
    readonly random: readonly RandomState[],
  ) {}

  get lengths(): readonly number[] {
    return this.memory.lengths.map((read, i) => read + this.unread[i]!.length);
  }

  dispose(): void {
    forget(this.memory);
  }
}

/**
 * Continues a text, or several at once. The prompt is read in one pass, and
 * each further token in one step from states of constant size: neither the time
 * nor the memory per token grows with the text. A softmax model has a KV cache
 * instead, which grows with the text and is read for every token. A custom
 * mixer needs a `step`.
 *
 * Texts of a batch may have prompts of different lengths and end at different
 * tokens; each continues as it would alone.
 *
 * @example Continuing from a state
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { generate, lionGpt } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionGpt({
 *   vocabularySize: 50, dim: 16, depth: 2, numHeads: 2, variant: "s",
 * });
 * const options = { maxNewTokens: 4, temperature: 0 };
 * const { tokens, state } = await generate(model, [[1, 2, 3], [4]], {
 *   ...options,
 *   returnState: true,
 * });
 * assertEquals(state.lengths, [7, 5]);
 * const more = await generate(model, [[], []], { ...options, state });
 * assertEquals(
 *   [...tokens[1]!, ...more[1]!],
 *   await generate(model, [4], { ...options, maxNewTokens: 8 }),
 * );
 * state.dispose();
 * ```
 *
 * @example Text in, text out
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { generate, lionGpt } from "@lionjs/lion";
 * import { byteTokenizer } from "@lionjs/lion/data";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionGpt({
 *   vocabularySize: 261, dim: 16, depth: 1, numHeads: 2, variant: "s",
 * });
 * const options = { tokenizer: byteTokenizer(), maxNewTokens: 8 };
 * const text = await generate(model, "To be, or", options);
 * assertEquals(typeof text, "string");
 * ```
 *
 * @param model A model made by lionGpt, or what `fromPretrained` of
 * `@lionjs/lion/hub` returns, with its tokenizer.
 * @param prompt The ids of the tokens to continue, or one list of ids per text;
 * or a text or several, if there is a tokenizer.
 * @param options See {@linkcode GenerateOptions}.
 * @returns The ids of the new tokens, as one list per text if there are
 * several, or their texts if the prompt is text; with `returnState`, a
 * {@linkcode Generated}.
 * @throws {TypeError} If a text has no tokenizer, the model was not made by lionGpt or has a mixer
 * without a step, an option is unknown or of the wrong type, or the state
 * belongs to another model.
 * @throws {RangeError} If a prompt is empty and there is no state, an id is
 * outside the vocabulary, an option has an invalid value, the number of prompts
 * differs from the number of texts in the state, or the model's logits are NaN
 * or Infinity.
 */
export function generate(
  model: LayersModel | TextModel,
  prompt: readonly number[],
  options: GenerateOptions & { returnState: true },
): Promise<Generated<number[]>>;
/** Continues several texts at once, and returns their state. */
export function generate(
  model: LayersModel | TextModel,
  prompt: readonly (readonly number[])[],
  options: GenerateOptions & { returnState: true },
): Promise<Generated<number[][]>>;
/** Continues one text by its tokens. */
export function generate(
  model: LayersModel | TextModel,
  prompt: readonly number[],
  options?: GenerateOptions,
): Promise<number[]>;
/** Continues several texts at once by their tokens. */
export function generate(
  model: LayersModel | TextModel,
  prompt: readonly (readonly number[])[],
  options?: GenerateOptions,
): Promise<number[][]>;
/** Continues one text, and returns its state. */
export function generate(
  model: LayersModel | TextModel,
  prompt: string,
  options: GenerateOptions & { returnState: true },
): Promise<Generated<string>>;
/** Continues several texts at once, and returns their state. */
export function generate(
  model: LayersModel | TextModel,
  prompt: readonly string[],
  options: GenerateOptions & { returnState: true },
): Promise<Generated<string[]>>;
/** Continues one text. */
export function generate(
  model: LayersModel | TextModel,
  prompt: string,
  options?: GenerateOptions,
): Promise<string>;
/** Continues several texts at once. */
export function generate(
  model: LayersModel | TextModel,
  prompt: readonly string[],
  options?: GenerateOptions,
): Promise<string[]>;
export async function generate(
  model: LayersModel | TextModel,
  prompt: Prompt | string | readonly string[],
  options: GenerateOptions = {},
): Promise<unknown> {
  const all: readonly unknown[] = [prompt].flat();
  const isText = all.length > 0 &&
    all.every((text) => typeof text === "string");
  if (!isText) {
    return await continued(modelIn(model), prompt as Prompt, options);
  }
  assertOptions("generate", options, OPTIONS);
  const tokenizer = tokenizerFor("generate", model, options.tokenizer);
  const encode = (text: string) => tokenizer.encode(text);
  const ids = Array.isArray(prompt)
    ? (prompt as string[]).map(encode)
    : encode(prompt as string);
  const found = await continued(modelIn(model), ids, options);
  const textOf = (tokens: readonly number[] | readonly number[][]) =>
    Array.isArray(prompt)
      ? (tokens as number[][]).map((ids) => tokenizer.decode(ids))
      : tokenizer.decode(tokens as number[]);
  return Array.isArray(found)
    ? textOf(found)
    : { ...found, tokens: textOf(found.tokens) };
}

/** The tokens to continue, of one text or of several. */
type Prompt = readonly number[] | readonly (readonly number[])[];

/** Continues texts by their tokens. */
async function continued(
  model: LayersModel,
  prompt: Prompt,
  options: GenerateOptions,
): Promise<
  number[] | number[][] | Generated<number[]> | Generated<number[][]>
> {
  const stopTokens = checkOptions(options);
  assertModel("generate's model", model);
  const reader = readerOf(model);
  const { state, returnState = false } = options;
  const from = checkState(state, model);
  const isBatch = Array.isArray(prompt) && Array.isArray(prompt[0]);
  const prompts = isBatch
    ? prompt as readonly (readonly number[])[]
    : [prompt as readonly number[]];
  checkPrompts(prompts, isBatch, from, model);
  for (const [name, token] of stopTokens) assertToken(name, token, model);

  const texts = prompts.map((prompt, i): Text => ({
    unread: [...from?.unread[i] ?? [], ...prompt],
    added: [],
    ended: false,
    chooser: chooserOf(options, i, from?.random[i]),
  }));
  const { maxNewTokens = 100, onToken, signal } = options;
  const takeTurn = turns();
  let memory = from ? copyOf(from.memory) : emptyMemory(texts.length);
  try {
    if (maxNewTokens > 0 && !signal?.aborted) {
      const first = texts.map(({ unread }) => unread);
      await reader.compileAhead(first, memory, signal);
    }
    for (let added = 0; added < maxNewTokens && !signal?.aborted; added++) {
      if (texts.every(({ ended }) => ended)) break;
      const next = texts.map(({ ended, unread }) => ended ? [] : unread);
      const read = reader.read(next, memory);
      forget(memory);
      memory = read.memory;
      const values = await (read.logits.data<"float32">())
        .finally(() => read.logits.dispose());
      const vocabulary = values.length / texts.length;
      for (const [i, text] of texts.entries()) {
        if (text.ended) continue;
        const logits = values.subarray(i * vocabulary, (i + 1) * vocabulary);
        const of = isBatch ? ` of text ${i}` : "";
        assertNumbers(logits, `new token ${added}${of}`, memory.lengths[i]!);
        const token = text.chooser.choose(logits);
        text.unread = [token];
        text.added.push(token);
        text.ended = stopTokens.some(([, stop]) => stop === token);
        onToken?.(token, i);
      }
      await takeTurn();
    }
    const all = texts.map(({ added }) => added);
    const tokens = isBatch ? all : all[0]!;
    if (!returnState) return tokens;
    const after = new TextState(
      model,
      copyOf(memory),
      texts.map(({ unread }) => unread),
      texts.map(({ chooser }) => chooser.randomState()),
    );
    return { tokens, state: after } as
      | Generated<number[]>
      | Generated<number[][]>;
  } finally {
    forget(memory);
    reader.dispose();
  }
}

/** A text that is being generated. */
interface Text {
  unread: readonly number[];
  readonly added: number[];
  ended: boolean;
  readonly chooser: Chooser;
}

/**
 * Throws unless the options that do not depend on the model are valid; returns
 * the stop tokens, each with its option's name.
 */
function checkOptions(options: GenerateOptions): [string, number][] {
  assertOptions("generate", options, OPTIONS);
  const { maxNewTokens = 100, stopToken, onToken, returnState = false } =
    options;
  assertSignal("generate's", options.signal);
  assertCount("maxNewTokens", maxNewTokens, 0);
  assertBoolean("returnState", returnState);
  if (onToken !== undefined && typeof onToken !== "function") {
    throw new TypeError(`onToken should be a function, got ${typeof onToken}`);
  }
  assertChoice(options);
  const { tokenizer } = options;
  if (tokenizer !== undefined) assertTokenizer("generate", tokenizer);
  if (stopToken === undefined) return [];
  return Array.isArray(stopToken)
    ? stopToken.map((token, i) => [`stopToken[${i}]`, token])
    : [["stopToken", stopToken as number]];
}

/** Throws unless the state, if any, belongs to the model; returns it. */
function checkState(
  state: GenerationState | undefined,
  model: LayersModel,
): TextState | undefined {
  if (state === undefined) return undefined;
  if (!(state instanceof TextState)) {
    throw new TypeError(
      "state should be one that generate returned with returnState: true",
    );
  }
  if (state.model === model) return state;
  throw new TypeError(
    "state should belong to this model, got that of another one",
  );
}

/** Throws unless each text has tokens, and there are as many texts as in the state. */
function checkPrompts(
  prompts: readonly (readonly number[])[],
  isBatch: boolean,
  state: TextState | undefined,
  model: LayersModel,
): void {
  const texts = state?.lengths.length ?? prompts.length;
  if (prompts.length !== texts) {
    throw new RangeError(
      `prompt should be a list of tokens for each of the state's ${texts} texts, ` +
        `got ${isBatch ? `${prompts.length} of them` : "a single one"}`,
    );
  }
  prompts.forEach((prompt, text) => {
    const name = isBatch ? `prompt[${text}]` : "prompt";
    if (!Array.isArray(prompt)) {
      throw new TypeError(
        `${name} should be a list of tokens, got ${typeof prompt}`,
      );
    }
    if (prompt.length === 0 && !state?.lengths[text]) {
      throw new RangeError(`${name} should hold at least one token`);
    }
    prompt.forEach((id, i) => assertToken(`${name}[${i}]`, id, model));
  });
}

/** Throws unless the model has a token with this id. */
function assertToken(name: string, id: number, model: LayersModel): void {
  const tokens = vocabularyOf(model);
  if (Number.isInteger(id) && id >= 0 && id < tokens) return;
  throw new RangeError(
    `${name} should be a token of the model, an integer from 0 to ${
      tokens - 1
    }, got ${shown(id)}`,
  );
}

/**
 * Throws unless the logits allow a choice: they must be numbers, and -Infinity
 * rules a token out.
 */
function assertNumbers(
  logits: Float32Array,
  name: string,
  position: number,
): void {
  const token = logits.findIndex((x) => Number.isNaN(x) || x === Infinity);
  const some = logits.some((x) => x > -Infinity);
  if (token < 0 && some) return;
  const got = token < 0 ? -Infinity : logits[token];
  throw new RangeError(
    `the model's logits of ${name}, at position ${position}, should be numbers, got ${got} for ${
      token < 0 ? "all tokens" : `token ${token}`
    }; a training that diverged leaves such weights`,
  );
}
