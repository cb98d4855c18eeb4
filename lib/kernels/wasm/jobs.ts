/**
 * The jobs of LION's kernels: the single description from which both the module's
 * source and what the host writes are made.
 *
 * @module
 */
import {
  addresses,
  type Fields,
  floats,
  integers,
  jobsOf,
} from "../../tfjs/wasm/job.ts";

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
   * The states that enter a piece of a sequence from before and after it, and those
   * that leave it.
   */
  before: "usize",
  ...addresses("after", "forward", "backward"),
  ...addresses("y", "rowSums"),
  ...addresses("dy", "dq", "dk", "dv", "df", "db"),
} as const satisfies Fields;

/**
 * The job of the delta rule, or of its gradient if there is a `dy`; the address of an
 * absent optional tensor is 0.
 */
const DELTA = {
  ...integers("sequences", "length", "headDim", "valueDim", "chunkSize"),
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
  ...addresses("q", "k", "v", "beta", "f", "b"),
  /** The state that enters a causal piece of a sequence, and the one that leaves it. */
  before: "usize",
  forward: "usize",
  y: "usize",
  ...addresses("dy", "dforward"),
  ...addresses("dq", "dk", "dv", "dbeta", "dbefore", "df", "db"),
} as const satisfies Fields;

/**
 * The job of softmax attention, or of its gradient if there is a `dy`; `mask` and
 * `segments` are 0 for none.
 */
const SOFTMAX = {
  ...integers("sequences", "heads", "length", "headDim", "valueDim", "causal"),
  /** The number of tasks per sequence of the gradient. */
  parts: "i32",
  scale: "f32",
  ...addresses("q", "k", "v", "mask", "segments"),
  ...addresses("y", "maxima", "sums"),
  ...addresses("dy", "dq", "dk", "dv"),
} as const satisfies Fields;

/**
 * The job of the selective scan, or of its gradient if there is a `dy`; the address of
 * an absent optional tensor is 0.
 */
const SELECTIVE_SCAN = {
  ...integers("batch", "length", "channels", "stateDim"),
  /** Tokens between states that are kept. */
  chunkSize: "i32",
  reverse: "i32",
  ...addresses("x", "dt", "a", "b", "c", "d", "z", "begins"),
  ...addresses("y", "states"),
  ...addresses("dy", "dx", "ddt", "da", "db", "dc", "dd", "dz"),
} as const satisfies Fields;

/**
 * The job of layer normalisation of rows, or of its gradient if there is a `dy`. If
 * rows are `added` to x, their `sum` is written, and normalised; `dsum` is added to
 * the gradient. Both are 0 for none.
 */
const LAYER_NORM = {
  ...integers("rows", "columns", "rowsPerTask"),
  epsilon: "f32",
  ...addresses("x", "scale", "offset", "y", "dy", "dx", "dscale", "doffset"),
  ...addresses("added", "sum", "dsum"),
} as const satisfies Fields;

/**
 * The job of root mean square normalisation of rows, or of its gradient if there is a
 * `dy`; `gate` is 0 for none.
 */
const RMS_NORM = {
  ...integers("rows", "columns", "rowsPerTask"),
  epsilon: "f32",
  ...addresses("x", "scale", "gate", "y", "dy", "dx", "dscale", "dgate"),
} as const satisfies Fields;

/** The job that splits rows into heads; if there is a `dx`, of its gradient: q, k and v are then gradients, and `dx` is that in x. */
const SPLIT_HEADS = {
  ...integers("batch", "length", "heads", "headDim", "featureMap"),
  ...addresses("x", "q", "k", "v", "dx"),
} as const satisfies Fields;

/**
 * The job of a short convolution, or of its gradient if there is a `dy`. Tap k of token
 * t reads token t + first + step k.
 */
const SHORT_CONVOLUTION = {
  ...integers("batch", "length", "channels", "taps", "first", "step"),
  /** Whether SiLU is applied to the sums. */
  silu: "i32",
  ...addresses("x", "weight", "bias", "segments"),
  y: "usize",
  ...addresses("dy", "dx", "dweight", "dbias"),
} as const satisfies Fields;

/** The job that splits rows into heads that read from both ends, or of its gradient if there is a `dmixed`. */
const SPLIT_DIRECTIONS = {
  ...integers("batch", "length", "heads", "headDim", "stateDim"),
  ...addresses("mixed", "dt", "x", "q", "k", "v", "dx", "dq", "dk", "dv"),
  ...addresses("dmixed", "ddt"),
} as const satisfies Fields;

/**
 * The job that joins the outputs of heads from both ends to rows, or of its gradient if
 * there is a `dy`; `segments` is 0 for none.
 */
const JOIN_DIRECTIONS = {
  ...integers("batch", "length", "heads", "headDim"),
  ...addresses("read", "x", "own", "segments"),
  y: "usize",
  ...addresses("dy", "dread", "dx", "down"),
} as const satisfies Fields;

/**
 * The job of random numbers from 0 to 1; its extra memory holds the generator's state at
 * the beginning of each task.
 */
const UNIFORM = {
  ...integers("size", "sizePerTask"),
  y: "usize",
} as const satisfies Fields;

/**
 * The job of the mean cross-entropy of rows of logits, or of its gradient if there is
 * a `dlogits`.
 */
const CROSS_ENTROPY = {
  ...integers("rows", "classes", "rowsPerTask"),
  /** The label of rows that do not count. */
  notCounted: "i32",
  /** What the loss of a row is multiplied by: one over the number of rows that count. */
  share: "f32",
  smoothing: "f32",
  ...addresses("logits", "labels", "loss", "maxima", "sums"),
  ...addresses("dloss", "dlogits"),
} as const satisfies Fields;

/**
 * The job that makes log decays of heads of logits of tokens, or of its gradient if
 * there is a `dy`.
 */
const TOKEN_DECAY = {
  ...integers("batch", "length", "heads"),
  /** The token that does not decay; -1 for none. */
  kept: "i32",
  ...addresses("x", "y", "dy", "dx"),
} as const satisfies Fields;

/** The job of the mean of tokens, or of its gradient if there is a `dy`; `mask` is 0 for none. */
const TOKEN_MEAN = {
  ...integers("batch", "length", "columns"),
  ...addresses("x", "mask", "y", "dy", "dx"),
} as const satisfies Fields;

/** The jobs of LION's kernels. */
export const LION_JOBS = jobsOf({
  chunkwiseForward: ATTENTION,
  chunkwiseBackward: ATTENTION,
  layerNorm: LAYER_NORM,
  splitHeads: SPLIT_HEADS,
  softmax: SOFTMAX,
  fullForward: ATTENTION,
  recurrentForward: ATTENTION,
  delta: DELTA,
  selectiveScan: SELECTIVE_SCAN,
  shortConvolution: SHORT_CONVOLUTION,
  rmsNorm: RMS_NORM,
  splitDirections: SPLIT_DIRECTIONS,
  joinDirections: JOIN_DIRECTIONS,
  uniform: UNIFORM,
  crossEntropy: CROSS_ENTROPY,
  tokenDecay: TOKEN_DECAY,
  tokenMean: TOKEN_MEAN,
});
