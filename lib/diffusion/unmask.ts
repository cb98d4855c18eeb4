/** Filling in hidden tokens, in any order. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  assertBoolean,
  assertInteger,
  assertOneOf,
  assertOptions,
  assertShare,
  assertSignal,
  optionsOf,
  shown,
} from "@lionjs/base";
import { seeded } from "@lionjs/data/batches";
import { assertChoice } from "../models/choose_token.ts";
import {
  blockLengthOf,
  BlockPredictor,
  RowsState,
  type UnmaskState,
} from "./block_predictor.ts";
import {
  type DiffusionModel,
  logProbabilities,
  type Predictor,
  RowPredictor,
} from "./diffusion_model.ts";
import { assertIds, assertMaskToken } from "./given_tokens.ts";
import { ORDERS, type UnmaskOrder } from "./place_order.ts";
import { UnmaskedRow } from "./unmasked_row.ts";

export type { UnmaskOrder };

/** What {@linkcode UnmaskOptions.onStep} is given. */
export interface UnmaskStep {
  /** The tokens of each row after the step; places that are still hidden hold the mask. */
  readonly ids: readonly (readonly number[])[];
  /**
   * The probability of each id, by row and place, for the places that the model
   * was asked for; `undefined` at all others.
   */
  readonly probabilities: readonly (readonly (Float64Array | undefined)[])[];
  /** The number of the step, from 0. */
  readonly step: number;
}

/** Options of {@linkcode unmask}. */
export interface UnmaskOptions {
  /**
   * The id that stands for an unknown token. The places that hold it are filled
   * in, with any other id; all others stay as they are.
   */
  maskToken: number;
  /**
   * Which hidden places open first: those with the largest difference between
   * the probabilities of the two likeliest tokens (`"margin"`), the largest
   * probability of their token (`"confidence"`), or the smallest entropy
   * (`"entropy"`); any, each as likely (`"random"`), or the first
   * (`"left-to-right"`). Of ties, the lower place opens first; differences that
   * backends may make by rounding count as ties. @default "margin"
   */
  order?: UnmaskOrder | undefined;
  /**
   * The number of calls of the model in which a row is to be filled in: with
   * each, the number of its hidden places divided by `steps`, rounded up, open.
   * @default by `tokensPerStep`
   */
  steps?: number | undefined;
  /** The number of places of each row that open with a call. @default 1 */
  tokensPerStep?: number | undefined;
  /**
   * Probability of a place's token from which it opens too, however many others
   * do: fewer calls where the model is sure. @default none does
   */
  threshold?: number | undefined;
  /**
   * Temperature of the choice of tokens, which divides the logits; 0 takes the
   * likeliest, of ties the lowest id. @default 0
   */
  temperature?: number | undefined;
  /** Number of most likely tokens to choose among. @default all */
  topK?: number | undefined;
  /**
   * Chooses among the fewest most likely tokens whose probabilities, after
   * temperature and topK, add up to this value. @default 1
   */
  topP?: number | undefined;
  /**
   * Seed of the order `"random"` and of the choice of tokens; each row draws its
   * own random numbers. @default a new one each time
   */
  seed?: number | string | undefined;
  /**
   * Length of blocks that are filled in from left to right, in any order within. A
   * model with the option `blockLength` has blocks of its own: then a call reads
   * only one block and the states of those before it, and rows go from block to
   * block together.
   * @default the model's; one block if it has none
   */
  blockLength?: number | undefined;
  /**
   * The ids that may stand at a place, given the place, the index of the row and
   * its tokens so far; `undefined` for any. @default any
   */
  allowed?:
    | ((
      place: number,
      row: number,
      ids: readonly number[],
    ) => Iterable<number> | undefined)
    | undefined;
  /**
   * Share of the tokens so far, of a block if there are blocks, that are hidden
   * again before a call: those of which the model was least sure. As many more
   * places open with that call, so that the number of calls stays the same
   * (Wang et al. 2025, arXiv:2503.00307). @default 0
   */
  remask?: number | undefined;
  /** A function called after each step, for which the next step waits. */
  onStep?: ((step: UnmaskStep) => void | Promise<void>) | undefined;
  /** A signal that ends the work; its reason is thrown. */
  signal?: AbortSignal | undefined;
  /**
   * The state from an earlier call, whose rows these tokens continue, for models
   * with `blockLength`. Places count from the first of these tokens. @default none
   */
  state?: UnmaskState | undefined;
  /**
   * Whether to return the state too, to continue from; rows then have whole blocks,
   * as many as each other. @default false
   */
  returnState?: boolean | undefined;
}

/** The result of {@linkcode unmask}. */
export interface Unmasked {
  /** The tokens of each row. */
  readonly ids: number[][];
  /** The places that were filled in, by row, in the order in which they opened. */
  readonly order: number[][];
  /** How often the model was called. */
  readonly calls: number;
  /** With `returnState`, the state to continue from; the caller disposes of it. */
  readonly state?: UnmaskState;
}

const OPTIONS = optionsOf<UnmaskOptions>()(
  "maskToken order steps tokensPerStep threshold temperature topK topP seed",
  "blockLength allowed remask onStep signal state returnState",
);

/**
 * Fills in the hidden tokens of rows with a model of masked diffusion, a few at a
 * time: after each call, the model sees what it has written. Rows may have
 * different lengths, and each is filled in as it would be alone.
 *
 * At temperature 0, the same seed gives the same tokens on any backend; above, on
 * the same backend.
 *
 * Sources: Kim et al. 2025 (arXiv:2502.06768) for the margin, Nie et al. 2025
 * (arXiv:2502.09992) for the confidence.
 *
 * @example The token of which the model is surest comes first
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { unmask } from "@lionjs/lion/diffusion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // It is surer of later places, and always of token 1.
 * const model = () => tf.tensor3d([[[0, 1, 0], [0, 2, 0], [0, 3, 0]]]);
 * const { ids, order, calls } = await unmask(model, [[2, 0, 2]], { maskToken: 2 });
 * assertEquals(ids, [[1, 0, 1]]);
 * assertEquals(order, [[2, 0]]);
 * assertEquals(calls, 2);
 * ```
 *
 * @example Only ids that are allowed
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder } from "@lionjs/lion";
 * import { unmask } from "@lionjs/lion/diffusion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   vocabularySize: 6, dim: 8, depth: 1, numHeads: 2, variant: "lit",
 *   output: "tokens", numClasses: 6,
 * });
 * const { ids } = await unmask(model, [[0, 3, 0], [4, 0]], {
 *   maskToken: 0,
 *   allowed: (place) => [place + 1],
 * });
 * assertEquals(ids, [[1, 3, 3], [4, 2]]);
 * ```
 *
 * @param model See {@linkcode DiffusionModel}.
 * @param ids The tokens of each row.
 * @param options See {@linkcode UnmaskOptions}.
 * @returns The tokens, and the order in which places opened.
 * @throws {TypeError} If the model is none, or an option is unknown or of the
 * wrong type.
 * @throws {RangeError} If an option has an invalid value, no id that the model
 * finds possible is allowed at a place, or logits are NaN or Infinity.
 */
export async function unmask(
  model: DiffusionModel,
  ids: readonly (readonly number[])[],
  options: UnmaskOptions,
): Promise<Unmasked> {
  const ofModel = blockLengthOf(model);
  const given = checked(options, ofModel);
  assertIds("unmask's ids", ids);
  const { seed = Math.random(), signal, onStep, returnState = false } = options;
  const from = checkedState(options, model, ids.length);
  if (returnState) assertWholeBlocks(ids, ofModel!);
  const rows = ids.map((ids, row) =>
    new UnmaskedRow(ids, given, seeded("unmask", seed, row))
  );
  const inBlocks = ofModel === undefined
    ? undefined
    : new BlockPredictor(model as LayersModel, ofModel, from);
  const predictor: Predictor = inBlocks ?? new RowPredictor("unmask", model);
  try {
    for (let step = 0; rows.some(({ block }) => block); step++) {
      signal?.throwIfAborted();
      // Rows that are ahead wait, where the model reads one block of all.
      const first = Math.min(
        ...rows.map(({ block }) => block?.first ?? Infinity),
      );
      const questions = rows.map(({ ids, block, hidden }) => ({
        ids,
        places: inBlocks && block?.first !== first ? [] : hidden,
      }));
      const logits = await predictor.logits(questions);
      const probabilities = rows.map((row, i) =>
        probabilitiesOf(row, i, questions[i]!.places, logits[i]!, options)
      );
      rows.forEach((row, i) => row.open(probabilities[i]!));
      await onStep?.({
        ids: rows.map(({ ids }) => [...ids]),
        probabilities: rows.map(({ ids }, i) =>
          ids.map((_, place) => probabilities[i]!.get(place))
        ),
        step,
      });
      rows.forEach((row) => row.hideAgain());
    }
    if (returnState) {
      inBlocks!.advance(rows.map(({ ids }) => ids), ids[0]!.length);
    }
    return {
      ids: rows.map(({ ids }) => ids),
      order: rows.map(({ order }) => order),
      calls: predictor.calls,
      ...returnState && { state: inBlocks!.state(rows.length) },
    };
  } finally {
    predictor.dispose();
  }
}

/** Throws unless the state, if any, is of this model and of as many rows; returns it. */
function checkedState(
  { state, returnState = false }: UnmaskOptions,
  model: DiffusionModel,
  rows: number,
): RowsState | undefined {
  assertBoolean("returnState", returnState);
  const isOfBlocks = blockLengthOf(model) !== undefined;
  if (!isOfBlocks && (returnState || state !== undefined)) {
    throw new RangeError(
      "state and returnState are for models with the option blockLength, whose layers keep states of blocks; this model has none",
    );
  }
  if (state === undefined) return undefined;
  if (!(state instanceof RowsState) || state.model !== model) {
    throw new TypeError(
      `state should be one that unmask returned for this model with returnState: true, got ${
        state instanceof RowsState ? "that of another one" : shown(state)
      }`,
    );
  }
  if (state.rows === rows) return state;
  throw new RangeError(
    `unmask's ids should have a row for each of the state's ${state.rows}, got ${rows}`,
  );
}

/** Throws unless rows are as long as each other, and of whole blocks. */
function assertWholeBlocks(
  ids: readonly (readonly number[])[],
  blockLength: number,
): void {
  const [length] = ids.map(({ length }) => length);
  if (
    length && length % blockLength === 0 &&
    ids.every((row) => row.length === length)
  ) return;
  throw new RangeError(
    `unmask's ids should be rows of whole blocks of ${blockLength}, as many as each other, where the state is returned, got lengths ${
      ids.map(({ length }) => length).join(", ") || "of no row"
    }`,
  );
}

/** Throws unless the options are valid; returns those of a row. */
function checked(
  options: UnmaskOptions,
  ofModel: number | undefined,
): ConstructorParameters<typeof UnmaskedRow>[1] {
  assertOptions("unmask", options, OPTIONS);
  const { maskToken, order = "margin", steps, tokensPerStep, threshold } =
    options;
  const { temperature = 0, topK = Infinity, topP = 1, seed } = options;
  const { blockLength, allowed, remask = 0, onStep, signal } = options;
  assertMaskToken(maskToken);
  assertOneOf("order", order, ORDERS);
  if (steps !== undefined && tokensPerStep !== undefined) {
    throw new RangeError(
      `steps should be left out where tokensPerStep is given, got ${
        shown(steps)
      }`,
    );
  }
  if (steps !== undefined) assertInteger("steps", steps, 1);
  if (tokensPerStep !== undefined) {
    assertInteger("tokensPerStep", tokensPerStep, 1);
  }
  if (threshold !== undefined) assertShare("threshold", threshold);
  assertChoice({ temperature, topK, topP, seed });
  if (blockLength !== undefined) assertInteger("blockLength", blockLength, 1);
  if (ofModel !== undefined && (blockLength ?? ofModel) !== ofModel) {
    throw new RangeError(
      `blockLength should be the model's, ${ofModel}, or be left out, got ${blockLength}`,
    );
  }
  assertShare("remask", remask);
  assertSignal("unmask's", signal);
  for (const [name, value] of Object.entries({ allowed, onStep })) {
    if (value === undefined || typeof value === "function") continue;
    throw new TypeError(`${name} should be a function, got ${shown(value)}`);
  }
  return {
    ...{ maskToken, order, steps, temperature, topK, topP, remask },
    tokensPerStep: tokensPerStep ?? 1,
    threshold: threshold ?? Infinity,
    blockLength: blockLength ?? ofModel ?? Infinity,
  };
}

/** The probabilities of the ids that are allowed, by the places of a row that are hidden. */
function probabilitiesOf(
  { ids }: UnmaskedRow,
  row: number,
  places: readonly number[],
  logits: Float32Array,
  { maskToken, allowed }: UnmaskOptions,
): Map<number, Float64Array> {
  const vocabulary = logits.length / places.length;
  return new Map(places.map((place, i) => {
    const own = logits.slice(i * vocabulary, (i + 1) * vocabulary);
    const some = allowed?.(place, row, ids);
    if (some !== undefined) ruleOut(own, some, place);
    if (maskToken < vocabulary) own[maskToken] = -Infinity;
    if (own.every((x) => x === -Infinity)) {
      throw new RangeError(
        `unmask's model should find a token possible at place ${place} of row ${row}, got none${
          some === undefined ? "" : " of those that are allowed"
        }`,
      );
    }
    const logs = logProbabilities(own, maskToken);
    return [place, logs.map((x) => Math.exp(x))];
  }));
}

/** Rules out the ids that are not allowed. */
function ruleOut(
  logits: Float32Array,
  allowed: Iterable<number>,
  place: number,
): void {
  const given: unknown = allowed;
  if (typeof Object(given)[Symbol.iterator] !== "function") {
    throw new TypeError(
      `allowed should return ids, or undefined for any, got ${
        shown(given)
      } for place ${place}`,
    );
  }
  const before = logits.slice();
  logits.fill(-Infinity);
  for (const id of allowed) {
    assertInteger(`allowed's ids of place ${place}`, id, 0, logits.length - 1);
    logits[id] = before[id]!;
  }
}
