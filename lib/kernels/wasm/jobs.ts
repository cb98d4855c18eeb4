/**
 * The jobs of attention: the single description from which both the module's source and
 * what the host writes are made. Those of other operations are described in their folders,
 * `wasm.ts` in `lib/operations`.
 *
 * @module
 */
import {
  addresses,
  type Fields,
  floats,
  integers,
  jobsOf,
} from "@lionjs/tfjs/wasm";

/** The job of an attention; the address of an absent optional tensor is 0. */
export const ATTENTION = {
  sequences: "i32",
  /**
   * Sequences in a row that have the same queries and keys; 1 in forms other than
   * chunkwise.
   */
  groupSize: "i32",
  ...integers("length", "headDim", "valueDim", "chunkSize"),
  /** The number of tasks that a sequence is divided into. */
  splits: "i32",
  ...integers("causal", "normalize"),
  /** Whether each channel of the keys has its own log decay. */
  diagonal: "i32",
  ...floats("scale", "epsilon"),
  ...addresses("q", "k", "v", "f", "b"),
  /**
   * The states that enter a part of a sequence from before and after it, and those
   * that leave it.
   */
  before: "usize",
  ...addresses("after", "forward", "backward"),
  ...addresses("y", "rowSums"),
  ...addresses("dy", "dq", "dk", "dv", "df", "db"),
} as const satisfies Fields;

/**
 * The job of transitions of rank one, or of its gradient if there is a `dy`; the address
 * of an absent optional tensor is 0. There is at most one of `a` and `beta`, and no `b`
 * without `a`.
 */
const TRANSITION = {
  ...integers("sequences", "length", "headDim", "valueDim"),
  /** Tokens of a chunk, and steps of a token. */
  chunkSize: "i32",
  steps: "i32",
  causal: "i32",
  /** Whether each channel of the keys has its own log decay. */
  diagonal: "i32",
  /** The number of tasks per sweep, each with some columns of the values; 1 for the gradient. */
  parts: "i32",
  /**
   * Whether a task of the gradient has a whole sequence, one sweep after the other;
   * unused in the forward pass.
   */
  whole: "i32",
  scale: "f32",
  ...addresses("q", "k", "v", "a", "b", "beta"),
  /** Log decays of the sweep from the left, and of that from the right. */
  f: "usize",
  g: "usize",
  /** The state that enters a causal part of a sequence, and the one that leaves the part. */
  before: "usize",
  forward: "usize",
  y: "usize",
  ...addresses("dy", "dforward"),
  ...addresses("dq", "dk", "dv", "da", "db", "dbeta", "dbefore", "df", "dg"),
} as const satisfies Fields;

/**
 * The job of softmax attention, or of its gradient if there is a `dy`; the address of an
 * absent optional tensor is 0.
 */
const SOFTMAX = {
  ...integers("sequences", "heads", "length", "headDim", "valueDim", "causal"),
  /** The number of tasks per sequence of the gradient. */
  parts: "i32",
  scale: "f32",
  ...addresses("q", "k", "v", "f", "b", "mask", "segments"),
  ...addresses("y", "maxima", "sums"),
  ...addresses("dy", "dq", "dk", "dv", "df", "db"),
} as const satisfies Fields;

/** The jobs of attention. */
export const LION_JOBS = jobsOf({
  chunkwiseForward: ATTENTION,
  chunkwiseBackward: ATTENTION,
  softmax: SOFTMAX,
  fullForward: ATTENTION,
  recurrentForward: ATTENTION,
  transition: TRANSITION,
});
