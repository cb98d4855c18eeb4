/** Operations on sequences in pieces: their problems are those of the wholes. @module */
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  causalPair,
  type DiagonalDecayPair,
  type LogDecayPair,
  logDecayPair,
} from "../../lib/attention/decays/decay_pair.ts";
import { diagonalDecayPair } from "../../lib/attention/decays/diagonal_decay.ts";
import {
  attendWithState,
  passState,
  type WithStateOptions,
} from "../../lib/attention/planning/with_state.ts";
import {
  type SoftmaxState,
  softmaxStep,
} from "../../lib/attention/streaming/softmax_step.ts";
import {
  type BackendName,
  type Decay,
  deltaStep,
  recurrentState,
  recurrentStep,
} from "../../mod.ts";
import {
  type LogLinearState,
  logLinearStep,
} from "../../lib/family/log_linear/log_linear_step.ts";
import {
  type Mamba3State,
  mamba3Step,
} from "../../lib/family/mamba3/mamba3_step.ts";
import { MODELS } from "../family/models.ts";
import { type FamilyCase, type FamilyProblem, subjectOf } from "./family.ts";
import {
  DELTA,
  DELTA_DECAYS,
  type DeltaCase,
  type DeltaProblem,
} from "./delta.ts";
import { headSizes, upTo } from "./draw.ts";
import {
  CHANNELS,
  decayOf,
  DECAYS,
  LION,
  type LionCase,
  type LionProblem,
  optionsOf,
} from "./lion.ts";
import { SOFTMAX, type SoftmaxCase, type SoftmaxProblem } from "./softmax.ts";
import type { Subject, Tensors, TokenCase, Way } from "./subject.ts";

/** Tokens of the pieces, one piece after the other. */
export interface Pieces {
  readonly pieces: readonly number[];
}

/** The tokens of a piece: of what has tokens, its own. */
export function cut(inputs: Tensors, start: number, length: number): Tensors {
  const part = (x: tf.Tensor) => {
    if (x.rank === 1) return x;
    const axis = x.rank === 2 ? 1 : 2;
    const from = x.shape.map((_, i) => i === axis ? start : 0);
    return tf.slice(x, from, x.shape.with(axis, length));
  };
  return Object.fromEntries(
    Object.entries(inputs).filter(([, x]) => x)
      .map(([name, x]) => [name, part(x)]),
  );
}

/** Calls with each piece; returns their outputs as one. */
export function inSteps<State>(
  state: State,
  pieces: readonly number[],
  inputs: Tensors,
  step: (state: State, input: Tensors) => { y: tf.Tensor; state: State },
): tf.Tensor4D {
  let start = 0;
  const answers = pieces.map((length) => {
    const after = step(state, cut(inputs, start, length));
    start += length;
    state = after.state;
    return after.y;
  });
  return tf.concat(answers, 2) as tf.Tensor4D;
}

/** A decay as the kernels have it, of causal attention where it is. */
export function pairOf(
  decay: Decay,
  shape: readonly number[],
  causal: boolean,
): LogDecayPair | DiagonalDecayPair | null {
  if (decay.kind.endsWith("diagonal")) {
    return diagonalDecayPair(decay, shape as tf.Tensor4D["shape"], causal);
  }
  const [batch, heads, length] = shape as [number, number, number];
  const pair = logDecayPair(decay, [batch, heads, length]);
  return causal ? causalPair(pair, [heads, length]) : pair;
}

/** Attention of a sequence in pieces: from the right for the states there, then from the left. */
export function inPieces(
  inputs: Tensors,
  pair: LogDecayPair | DiagonalDecayPair | null,
  lengths: readonly number[],
  options: WithStateOptions,
): tf.Tensor4D {
  let start = 0;
  const pieces = lengths.map((length) => {
    start += length;
    const { q, k, v, tokens, forward, backward = null } = cut(
      { ...inputs, ...pair, tokens: options.tokens },
      start - length,
      length,
    );
    return { q, k, v, tokens, pair: pair && { forward, backward } };
  });
  const afters: (tf.Tensor4D | undefined)[] = [];
  let after: tf.Tensor4D | undefined;
  for (const { k, v, pair, tokens } of pieces.toReversed()) {
    afters.unshift(after);
    if (options.causal) continue;
    after = passState(k, v, pair, "after", after, tokens);
  }
  let before: tf.Tensor4D | undefined;
  const answers = pieces.map(({ q, k, v, pair, tokens }, i) => {
    const borders = { before, after: afters[i] };
    const given = { ...options, tokens, ...borders };
    const answer = attendWithState(q, k, v, pair, given);
    before = answer.forward;
    return answer.y;
  });
  return tf.concat(answers, 2);
}

/** How sequences come in pieces; some have several chunks of a kernel. */
const PIECES: readonly (readonly number[])[] = [
  [1],
  [13],
  Array(13).fill(1),
  [4, 1, 6, 2],
  [70, 1, 66],
];

/** Six sequences, so that decays are of all kinds, those of 0 too; and a long one. */
const ofPieces = (pieces: readonly number[]) => {
  const length = pieces.reduce((sum, length) => sum + length);
  const sizes = length > 100 ? { batch: 1, heads: 1 } : { batch: 2, heads: 3 };
  return { ...sizes, length, pieces };
};

/** Cases of attention in pieces. */
function casesOf(decays: readonly LionCase["decay"][], ways: boolean[]) {
  return PIECES.flatMap((pieces) =>
    decays.flatMap((decay) =>
      ways.flatMap((causal) =>
        [true, false].flatMap((normalize) =>
          [false, true].flatMap((padded) => {
            const c = { decay, causal, normalize, padded };
            // Long ones in their corners alone.
            const isLeft = pieces.length === 3 && padded !== normalize;
            return isLeft ? [] : [{ ...ofPieces(pieces), ...c }];
          })
        )
      )
    )
  );
}

const isOfOneWay = (decay: string) => !decay.startsWith("two-sided");

/** Decays that apply from the left. */
export const OF_ONE_WAY = [...DECAYS, ...CHANNELS].filter(isOfOneWay);

/** Those that the delta rule has. */
export const DELTA_OF_ONE_WAY = DELTA_DECAYS.filter(isOfOneWay);

const ways: readonly Way[] = [{ kernel: true }, { kernel: false }];

/** A subject's problems in pieces. */
function inPiecesOf<C extends TokenCase, P>(
  { problemOf, solve, random: _, ...of }: Subject<C, P>,
  decays: readonly string[],
  change: Partial<C>,
) {
  return {
    ...of,
    ...{ ways, hasUntaped: true as const, solve },
    isPlain: ({ kernel }: Way) => kernel === false,
    random: (backend: BackendName) =>
      fc.tuple(
        fc.record({
          ...{ batch: upTo(2), heads: upTo(3), length: upTo(70) },
          ...{ decay: fc.constantFrom(...decays), padded: fc.boolean() },
          ...{ causal: fc.boolean(), normalize: fc.boolean() },
        }),
        headSizes(backend, { headDim: 8, valueDim: 8, chunkSize: 70 }),
        fc.boolean(),
      ).map(([c, { chunkSize, ...dims }, kernel]) => {
        const pieces = Array(Math.ceil(c.length / chunkSize)).fill(chunkSize)
          .with(-1, c.length % chunkSize || Math.min(chunkSize, c.length));
        const drawn = { ...c, ...dims, ...change, pieces };
        return [drawn as unknown as C & Pieces, { kernel }] as const;
      }),
    problemOf: ({ pieces, ...c }: C & Pieces) => ({
      ...problemOf({ ...c as unknown as C, ...change, packed: false }),
      pieces,
    }),
  };
}

/** Attention between states. */
export const PIECE: Subject<LionCase & Pieces, LionProblem & Pieces> = {
  ...inPiecesOf(LION, [...DECAYS, ...CHANNELS], {}),
  name: "attendWithState",
  cases: casesOf([...DECAYS, ...CHANNELS], [false, true]),
  run({ q, k, v, ...decays }, problem, { kernel, mask }) {
    const { causal, normalize, scale, epsilon, pieces } = problem;
    const decay = decayOf(problem.decay, decays);
    const options = { causal, normalize, scale, epsilon };
    return inPieces({ q, k, v }, pairOf(decay, q.shape, causal), pieces, {
      ...{ ...options, kernel, tokens: mask },
    });
  },
};

/** Steps of attention. */
export const RECURRENT_STEP: typeof PIECE = {
  ...inPiecesOf(LION, OF_ONE_WAY, { causal: true }),
  name: "recurrentStep",
  cases: casesOf(OF_ONE_WAY, [true]),
  run(inputs, problem, { kernel, mask }) {
    const { batch, heads, headDim, valueDim, decay, pieces } = problem;
    const { causal: _, ...options } = optionsOf(problem);
    const convention = decay.startsWith("source") ? "source" : "arrival";
    const state = recurrentState({ batch, heads, headDim, valueDim });
    return inSteps(
      state,
      pieces,
      { ...inputs, mask },
      (state, input) =>
        recurrentStep(
          state,
          input as Parameters<typeof recurrentStep>[1],
          { convention, kernel, ...options },
        ),
    );
  },
};

/** Steps of the delta rule. */
export const DELTA_STEP: Subject<DeltaCase & Pieces, DeltaProblem & Pieces> = {
  ...inPiecesOf(DELTA, DELTA_OF_ONE_WAY, { causal: true }),
  name: "deltaStep",
  cases: PIECES.flatMap((pieces) =>
    DELTA_OF_ONE_WAY.flatMap((decay) =>
      [false, true].map((padded) => ({
        ...{ ...ofPieces(pieces), decay, padded, causal: true },
      }))
    )
  ),
  run: (inputs, { given, pieces }, { kernel, mask }) =>
    inSteps<tf.Tensor4D | null>(
      null,
      pieces,
      { ...inputs, mask },
      (state, input) =>
        deltaStep(state, input as Parameters<typeof deltaStep>[1], {
          ...{ kernel, ...given },
        }),
    ),
};

/** Decays of steps of softmax attention. */
const DECAYS_OF_STEPS = ["none", "arrival"] as const;

/** Steps of softmax attention. */
export const SOFTMAX_STEP: Subject<
  SoftmaxCase & Pieces,
  SoftmaxProblem & Pieces
> = {
  ...inPiecesOf(SOFTMAX, DECAYS_OF_STEPS, { causal: true, scale: null }),
  name: "softmaxStep",
  ways: [{}],
  cases: PIECES.flatMap((pieces) =>
    DECAYS_OF_STEPS.flatMap((decay) =>
      [false, true].map((padded) => ({
        ...{ ...ofPieces(pieces), decay, headDim: 6, valueDim: 5, padded },
        // A place of ALiBi's does not count padding.
        ...{ causal: true, sloped: !padded },
      }))
    )
  ),
  run: (inputs, { slopes, pieces }, { mask }) =>
    inSteps<SoftmaxState | undefined>(
      undefined,
      pieces,
      { ...inputs, mask },
      (state, input) =>
        softmaxStep(state, {
          ...input as Parameters<typeof softmaxStep>[1],
          slopes,
        }),
    ),
};

/** Steps of a model of the family, which leave padding out. */
function stepsOf<State extends object>(
  name: string,
  step: (
    before: State | undefined,
    // deno-lint-ignore no-explicit-any -- each has inputs of its own
    inputs: any,
    mask: tf.Tensor2D | undefined,
  ) => { y: tf.Tensor; state: State },
): Subject<FamilyCase & Pieces, FamilyProblem & Pieces> {
  const model = MODELS.find((model) => model.name === name)!;
  const { problemOf, ...subject } = subjectOf({
    ...model,
    leavesOutPadding: true,
  });
  const sizes = { headDim: 4, valueDim: 3, causal: true };
  return {
    ...subject,
    name: step.name,
    cases: PIECES.flatMap((pieces) =>
      [false, true].map((padded) => ({
        ...{ ...ofPieces(pieces), ...sizes, padded },
      }))
    ),
    ways: [{}],
    random: (backend) =>
      fc.tuple(subject.random(backend), upTo(4)).map(([[c], size]) => {
        const pieces = Array(Math.ceil(c.length / size)).fill(size)
          .with(-1, c.length % size || size);
        return [{ ...c, packed: false, causal: true, pieces }, {}] as const;
      }),
    problemOf: ({ pieces, ...c }) => ({ ...problemOf(c), pieces }),
    run: (inputs, { pieces }, { mask }) =>
      inSteps<State | undefined>(
        undefined,
        pieces,
        { ...inputs, mask },
        (state, { mask, ...inputs }) => step(state, inputs, mask),
      ),
  };
}

/** Steps of models of the family. */
export const FAMILY_STEPS = [
  stepsOf<Mamba3State>("mamba3", mamba3Step),
  stepsOf<LogLinearState>("logLinearAttention", logLinearStep),
];
