/** What each form of attention costs. @module */
import type { ConcreteForm } from "./form.ts";
import type { AttentionSizes, Precision } from "./kernel.ts";

/** A problem, as far as its plan depends on it. */
export interface PlannedProblem extends AttentionSizes {
  /** What the caller asked for. */
  readonly form: string;
  /** Whether a fused kernel may run. @default true */
  readonly kernel?: boolean;
  /** Tokens per chunk, if the caller chose. */
  readonly chunkSize: number | undefined;
  /** Whether there are log decays. */
  readonly decays: boolean;
  /** Whether each channel has its own. @default false */
  readonly diagonal?: boolean;
  /** Whether each token attends only to itself and the tokens before it. */
  readonly causal: boolean;
  /** Whether rows are divided by their sum. */
  readonly normalize: boolean;
  /** How numbers are stored while they are multiplied. */
  readonly precision: Precision;
}

/** How often something is there at once. */
interface Alive {
  /** All inputs and outputs. */
  readonly vectors: number;
  /** The scores of a step. */
  readonly scores: number;
}

/** The costs of a form. */
interface Cost {
  /** Tokens a chunk in tfjs operations, if the caller does not say; `null` without any. */
  readonly chunkSize: number | null;
  /** Whether its chunks are computed one after another. */
  readonly isInSteps: boolean;
  /** Keys whose scores tfjs operations make at a time; 0 if they make none. */
  keys(problem: PlannedProblem, chunkSize: number): number;
  /** Whether tfjs operations keep the states of all chunks. */
  carries(problem: PlannedProblem): boolean;
  /** Multiplications and additions of a token, of which each reads so many keys. */
  operations(problem: PlannedProblem, chunkSize: number, keys: number): number;
  /**
   * What tfjs operations hold: with a mask also its segment sums, their
   * exponents and powers. As measured with tf.profile.
   */
  alive(problem: PlannedProblem): Alive;
}

const directionsOf = ({ causal }: PlannedProblem) => causal ? 1 : 2;

/** Numbers of a state. */
function stateOf(problem: PlannedProblem): number {
  return problem.headDim * columnsOf(problem);
}

/** The values of a token, and the one that gives the row sum. */
function columnsOf({ valueDim, normalize }: PlannedProblem): number {
  return valueDim + (normalize ? 1 : 0);
}

/** Scores of a token, their mask, and the sum of the values. */
function scored(problem: PlannedProblem, keys: number): number {
  return 2 * keys * (problem.headDim + columnsOf(problem)) + 2 * keys;
}

/**
 * Decays of each channel make scores by halves of halves: for every halving a
 * token's query or key is multiplied by a power of e.
 */
function halving(problem: PlannedProblem, keys: number): number {
  return problem.diagonal
    ? directionsOf(problem) * 3 * problem.headDim * Math.ceil(Math.log2(keys))
    : 0;
}

/** Without a mask, of scalar decays, or of those of each channel. */
function aliveBy(
  maskFree: Alive,
  scalar: (problem: PlannedProblem) => Alive,
  diagonal: (problem: PlannedProblem) => Alive,
): Cost["alive"] {
  return (problem) =>
    maskless(problem)
      ? maskFree
      : problem.diagonal
      ? diagonal(problem)
      : scalar(problem);
}

/** Each by its scores. */
const quadratic: Pick<Cost, "carries" | "operations"> = {
  carries: () => false,
  operations: (problem, chunkSize, keys) =>
    problem.diagonal
      ? scored(problem, problem.length) + halving(problem, chunkSize)
      : scored(problem, keys),
};

const ofScores = (problem: PlannedProblem): Alive => ({
  vectors: 2,
  scores: 7 + directionsOf(problem),
});

/** The costs. */
export const COSTS: Readonly<Record<ConcreteForm, Cost>> = {
  full: {
    ...quadratic,
    chunkSize: null,
    isInSteps: false,
    keys: ({ length }) => length,
    alive: aliveBy({ vectors: 2, scores: 1 }, ofScores, (problem) => {
      // Halves of halves: a power of two.
      const { length, causal } = problem;
      const padding = 2 ** Math.ceil(Math.log2(length)) / length;
      return {
        vectors: (causal ? 3.8 : 2.5) * padding,
        scores: 4.3 * padding ** 2,
      };
    }),
  },
  blockwise: {
    ...quadratic,
    chunkSize: 256,
    isInSteps: true,
    keys: (_, chunkSize) => chunkSize,
    alive: aliveBy(
      { vectors: 2, scores: 1 },
      ofScores,
      () => ({ vectors: 5, scores: 2.5 }),
    ),
  },
  recurrent: {
    chunkSize: null,
    isInSteps: false,
    keys: () => 0,
    carries: () => false,
    // A token decays the state, writes to it and reads it.
    operations: (problem) => directionsOf(problem) * 5 * stateOf(problem),
    alive: aliveBy(
      { vectors: 2.8, scores: 1 },
      () => ({ vectors: 2.7, scores: 0 }),
      ({ causal }) => ({ vectors: causal ? 4.2 : 3.6, scores: 0 }),
    ),
  },
  chunkwise: {
    chunkSize: 64,
    isInSteps: false,
    keys: (problem, chunkSize) => maskless(problem) ? 0 : chunkSize,
    carries: (problem) => !maskless(problem),
    operations: (problem, chunkSize) =>
      maskless(problem)
        ? 4 * stateOf(problem)
        : scored(problem, chunkSize) + halving(problem, chunkSize) +
          directionsOf(problem) * 4 * stateOf(problem),
    alive: aliveBy(
      { vectors: 2, scores: 1 },
      (problem) => ({
        vectors: 2 + 2.5 * directionsOf(problem),
        scores: 7 + directionsOf(problem),
      }),
      ({ causal }) => ({ vectors: causal ? 10.5 : 12, scores: 2 }),
    ),
  },
};

/** All weights are 1: there is no mask to apply, and none to cut in chunks. */
export function maskless({ decays, causal }: PlannedProblem): boolean {
  return !decays && !causal;
}

/** Tokens; bytes of inputs and output, of a kernel's row sums, and of one state of all heads. */
export function sizesOf(
  problem: PlannedProblem,
): { tokens: number; vectors: number; rowSums: number; states: number } {
  const { batch, heads, length, headDim, valueDim, decays, causal } = problem;
  const perDirection = decays ? problem.diagonal ? headDim : 1 : 0;
  const perToken = 2 * headDim + 2 * valueDim +
    (causal ? 1 : 2) * perDirection;
  const tokens = batch * heads * length;
  return {
    tokens,
    vectors: 4 * tokens * perToken,
    rowSums: 4 * tokens,
    states: 4 * batch * heads * headDim * (valueDim + 1),
  };
}

/** Size of the scores of all queries with so many keys at a time. */
export function scoreBytes(
  { batch, heads, length }: AttentionSizes,
  keys: number,
): number {
  return 4 * batch * heads * length * keys;
}
