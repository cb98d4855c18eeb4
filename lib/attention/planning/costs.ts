/** The cost models of the forms of attention. @module */
import type { KernelPlan } from "@lionjs/tfjs/kernel";
import type { ConcreteForm } from "../forms/form.ts";
import {
  type AttentionSizes,
  maskless,
  type PlannedProblem,
} from "./kernel.ts";

/** The numbers of tensors of each kind that are alive at once. */
interface Alive {
  /** Tensors as large as the inputs and outputs. */
  readonly vectors: number;
  /** Tensors as large as one step's scores. */
  readonly scores: number;
}

/** The cost model of a form. */
interface Cost {
  /** Default tokens per chunk in tfjs operations; `null` without chunks. */
  readonly chunkSize: number | null;
  /** Whether chunks are computed one after another. */
  readonly isInSteps: boolean;
  /** Keys whose scores tfjs operations hold at a time; 0 if they make no scores. */
  keys(problem: PlannedProblem, chunkSize: number): number;
  /** Whether tfjs operations keep the states of all chunks. */
  carries(problem: PlannedProblem): boolean;
  /** Multiplications and additions per token that reads that many keys. */
  operations(problem: PlannedProblem, chunkSize: number, keys: number): number;
  /**
   * The tensors that tfjs operations keep alive; with a mask, these include its segment
   * sums, their exponents and powers. Measured with tf.profile.
   */
  alive(problem: PlannedProblem): Alive;
}

const directionsOf = ({ causal }: PlannedProblem) => causal ? 1 : 2;

/** The count of numbers in a state. */
function stateOf(problem: PlannedProblem): number {
  return problem.headDim * columnsOf(problem);
}

/** The number of columns of a token's values, plus the column that yields the row sum. */
function columnsOf({ valueDim, normalize }: PlannedProblem): number {
  return valueDim + (normalize ? 1 : 0);
}

/** The operations for a token's scores, their mask, and the weighted sum of the values. */
function scored(problem: PlannedProblem, keys: number): number {
  return 2 * keys * (problem.headDim + columnsOf(problem)) + 2 * keys;
}

/**
 * The operations for a token's diagonal decays: its scores are computed by repeated
 * halving, and each halving multiplies its query or key by a power of e.
 */
function halving(problem: PlannedProblem, keys: number): number {
  return problem.diagonal
    ? directionsOf(problem) * 3 * problem.headDim * Math.ceil(Math.log2(keys))
    : 0;
}

/**
 * Chooses among the tensors that are alive without a mask, with scalar decays, and
 * with diagonal decays.
 */
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

/** The forms whose cost is that of their scores. */
const quadratic: Pick<Cost, "carries" | "operations"> = {
  carries: () => false,
  operations: (problem, chunkSize, keys) =>
    problem.diagonal
      ? scored(problem, problem.length) + halving(problem, chunkSize)
      : scored(problem, keys),
};

const maskedScores = (problem: PlannedProblem): Alive => ({
  vectors: 2,
  scores: 7 + directionsOf(problem),
});

/** The cost model of each form. */
const COSTS: Readonly<Record<ConcreteForm, Cost>> = {
  full: {
    ...quadratic,
    chunkSize: null,
    isInSteps: false,
    keys: ({ length }) => length,
    alive: aliveBy({ vectors: 2, scores: 1 }, maskedScores, (problem) => {
      // Repeated halving needs a power of two.
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
      maskedScores,
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

/**
 * The sizes of a problem: the number of tokens; the bytes of inputs and output, of a
 * kernel's row sums, and of one state for all heads.
 */
function sizesOf(
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

/** Bytes of the scores of all queries with that many keys. */
function scoreBytes(
  { batch, heads, length }: AttentionSizes,
  keys: number,
): number {
  return 4 * batch * heads * length * keys;
}

/** The costs of a problem's forward pass, by their names in `AttentionPlan` (`plan.ts`). */
type Costs = Readonly<Record<"operations" | "bytes" | "peakBytes", number>>;

/**
 * The costs of a form's kernel.
 *
 * @param isShared Whether it takes the queries and keys that all heads share.
 */
export function kernelCosts(
  problem: PlannedProblem,
  form: ConcreteForm,
  { chunkSize, scratchBytes, carriedBytes = scratchBytes }: KernelPlan,
  isShared: boolean,
): Costs {
  const { vectors, rowSums, tokens } = sizesOf(problem);
  // Causal kernels skip the tiles that no token attends to.
  const { causal, length } = problem;
  const keys = causal ? (length + (chunkSize ?? 1)) / 2 : length;
  const { heads, keyHeads = heads } = problem;
  // The bytes of the copies of q and k for each head, which a shared kernel saves.
  const spared = isShared
    ? 8 * problem.batch * (heads - keyHeads) * length * problem.headDim
    : 0;
  return {
    operations: tokens * COSTS[form].operations(problem, chunkSize ?? 1, keys),
    bytes: vectors - spared + rowSums + 2 * carriedBytes,
    peakBytes: vectors - spared + rowSums + scratchBytes,
  };
}

/** The costs of a form in tfjs operations; with its tokens per chunk, or `null`. */
export function plainCosts(
  problem: PlannedProblem,
  form: ConcreteForm,
  chunkSize: number | null,
): Costs {
  const { length } = problem;
  const cost = COSTS[form];
  const together = chunkSize ?? length;
  const { vectors, states, tokens } = sizesOf(problem);
  const chunks = Math.ceil(length / together);
  const carried = cost.carries(problem) ? 2 * chunks * states : 0;
  const alive = cost.alive(problem);
  const { bytes } = plainScores(problem, form, chunkSize);
  const scores = alive.scores * bytes;
  const steps = cost.isInSteps ? chunks : 1;
  return {
    operations: tokens * cost.operations(problem, together, length),
    bytes: vectors + 2 * (steps * scores + carried),
    peakBytes: alive.vectors * vectors + scores + carried,
  };
}

/** Tokens per chunk of a form in tfjs operations; `null` without chunks. */
export function plainChunk(
  { chunkSize, length }: PlannedProblem,
  form: ConcreteForm,
): number | null {
  const usual = COSTS[form].chunkSize;
  return usual && Math.min(chunkSize ?? usual, length);
}

/** The scores that a form in tfjs operations holds at a time: of how many keys, and their bytes. */
export function plainScores(
  problem: PlannedProblem,
  form: ConcreteForm,
  chunkSize: number | null,
): { keys: number; bytes: number } {
  const keys = COSTS[form].keys(problem, chunkSize ?? problem.length);
  return { keys, bytes: scoreBytes(problem, keys) };
}
