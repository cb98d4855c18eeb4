import type { LayersModel } from "@tensorflow/tfjs-layers";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { assertBoolean } from "../contract/values.ts";
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

/** Options of {@linkcode generate}. */
export interface GenerateOptions extends ChoiceOptions {
  /** Tokens to add to each text, at most; Infinity to go on until `stopToken`. @default 100 */
  maxNewTokens?: number;
  /** Ends a text with this token, or with any of these, which is then its last. */
  stopToken?: number | readonly number[];
  /** Called with each token as it comes, and the place of its text in the batch. */
  onToken?: (token: number, text: number) => void;
  /** Ends early, with what there is. */
  signal?: AbortSignal;
  /** From where to go on: the texts of an earlier call, to which the prompt is added. @default none */
  state?: GenerationState;
  /** Whether to return the state too, to go on from. @default false */
  returnState?: boolean;
}

const OPTIONS: OptionNames<GenerateOptions> = {
  maxNewTokens: true,
  temperature: true,
  topK: true,
  topP: true,
  stopToken: true,
  seed: true,
  onToken: true,
  signal: true,
  state: true,
  returnState: true,
};

/**
 * All that {@linkcode generate} remembers of some texts: the states of the layers,
 * of constant size but for softmax attention's, and the random numbers. It stays as it is, so that one text
 * can go on in several ways.
 */
export interface GenerationState {
  /** Tokens of each text so far, its prompt included. */
  readonly lengths: readonly number[];
  /** Frees its tensors. */
  dispose(): void;
}

/** What {@linkcode generate} returns with `returnState`. */
export interface Generated<Tokens> {
  /** The ids that were added. */
  readonly tokens: Tokens;
  /** From where to go on; the caller disposes of it. */
  readonly state: GenerationState;
}

/** The one kind of state. */
class TextState implements GenerationState {
  constructor(
    readonly model: LayersModel,
    readonly memory: Memory,
    /** Tokens of each text that the model has not read. */
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
 * Continues a text, or several at once. The prompt is read at once and each
 * further token in one step, from states of constant size: neither time nor
 * memory of a token grows with those before it. A softmax model has no such
 * state: it keeps the keys and values of all tokens, and reads them for each. A
 * model with a mixer of one's own needs the mixer's `step`.
 *
 * Texts of a batch may have prompts of different lengths, and end at different
 * tokens; each goes on as it would alone.
 *
 * @example Going on from a state
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
 * @param model Made by lionGpt.
 * @param prompt Ids of the tokens to continue, or a list of them for each text.
 * @param options See {@linkcode GenerateOptions}.
 * @returns The ids that were added, for each text if there are several; with
 * `returnState` a {@linkcode Generated}.
 * @throws {TypeError} If the model is not made by lionGpt, or has a mixer
 * without a step, or an option is unknown or of the wrong type, or the state is
 * of another model.
 * @throws {RangeError} If a prompt is empty with no text before it, an id is
 * not the model's, an option has an invalid value, there are not as many
 * prompts as texts in the state, or the model's logits are not numbers.
 */
export function generate(
  model: LayersModel,
  prompt: readonly number[],
  options: GenerateOptions & { returnState: true },
): Promise<Generated<number[]>>;
/** Several texts at once, with their state. */
export function generate(
  model: LayersModel,
  prompt: readonly (readonly number[])[],
  options: GenerateOptions & { returnState: true },
): Promise<Generated<number[][]>>;
/** One text. */
export function generate(
  model: LayersModel,
  prompt: readonly number[],
  options?: GenerateOptions,
): Promise<number[]>;
/** Several texts at once. */
export function generate(
  model: LayersModel,
  prompt: readonly (readonly number[])[],
  options?: GenerateOptions,
): Promise<number[][]>;
export async function generate(
  model: LayersModel,
  prompt: readonly number[] | readonly (readonly number[])[],
  options: GenerateOptions = {},
): Promise<
  number[] | number[][] | Generated<number[]> | Generated<number[][]>
> {
  const stopTokens = checkOptions(options);
  const reader = readerOf(model);
  const { state, returnState = false } = options;
  const from = checkState(state, model);
  const isBatch = prompt.length > 0 && Array.isArray(prompt[0]);
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
  let memory = from ? copyOf(from.memory) : emptyMemory(texts.length);
  try {
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
  }
}

/** A text at work. */
interface Text {
  unread: readonly number[];
  readonly added: number[];
  ended: boolean;
  readonly chooser: Chooser;
}

/** Checks what depends on no model; returns the tokens that end a text, by name. */
function checkOptions(options: GenerateOptions): [string, number][] {
  assertOptions("generate", options, OPTIONS);
  const { maxNewTokens = 100, stopToken, onToken, returnState = false } =
    options;
  assertCount("maxNewTokens", maxNewTokens, 0);
  assertBoolean("returnState", returnState);
  if (onToken !== undefined && typeof onToken !== "function") {
    throw new TypeError(`onToken should be a function, got ${typeof onToken}`);
  }
  assertChoice(options);
  if (stopToken === undefined) return [];
  return Array.isArray(stopToken)
    ? stopToken.map((token, i) => [`stopToken[${i}]`, token])
    : [["stopToken", stopToken as number]];
}

/** Throws unless a state, if there is one, is of the model. */
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
    "state should be of the model that goes on, and is of another one",
  );
}

/** Throws unless each text has tokens, and there are as many as in the state. */
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
        `got ${isBatch ? `${prompts.length} of them` : "one alone"}`,
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
      throw new RangeError(`${name} should hold a token or more`);
    }
    prompt.forEach((id, i) => assertToken(`${name}[${i}]`, id, model));
  });
}

/** Throws unless a model has a token of that id. */
function assertToken(name: string, id: number, model: LayersModel): void {
  const tokens = vocabularyOf(model);
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
