/**
 * The records that the host writes and the module reads, field by field: the single
 * description from which both the module's source and the host's writer are made.
 *
 * Every field takes four bytes.
 *
 * @module
 */

/** How a field is stored. */
export type FieldType = "i32" | "f32" | "usize";

/** The fields of a record, in order. */
export type Fields = Readonly<Record<string, FieldType>>;

/** Fields of one type. */
const fieldsOf =
  <T extends FieldType>(type: T) =>
  <N extends string>(...names: N[]): Readonly<Record<N, T>> =>
    Object.fromEntries(names.map((name) => [name, type])) as Record<N, T>;

const integers = fieldsOf("i32");
const floats = fieldsOf("f32");
const addresses = fieldsOf("usize");

/** The queue of jobs, through which threads share them. */
export const QUEUE = {
  /** Counts jobs; threads wait for it to change. */
  turn: "i32",
  operation: "i32",
  /** The next task and the number of tasks done, for each of a job's two phases. */
  next: "i32",
  ...integers("nextSecond", "done", "doneSecond"),
  /** Whether other threads may no longer join the job. */
  closed: "i32",
  /** The number of other threads that work on the job, or are about to see that it is closed. */
  active: "i32",
  /** The number of other threads that have started. */
  ready: "i32",
  /** The number of other threads that will never write again: they ended by themselves, or died. */
  left: "i32",
  /**
   * Set when a thread has died or the host is done, after which no thread begins
   * another task.
   */
  over: "i32",
  /** Counts steps of tasks. */
  progress: "i32",
  /** Milliseconds without progress after which a thread counts as dead. */
  patience: "i32",
  scratch: "usize",
  /** Bytes of scratch memory for each thread. */
  scratchBytes: "usize",
  /** Memory that all threads read and write. */
  extra: "usize",
  /** Whether matrix products use wide tiles. */
  wide: "i32",
} as const satisfies Fields;

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

/** What a product or a convolution does to its sums, by their numbers in records. */
export const ACTIVATIONS = ["linear", "gelu", "relu", "relu6"] as const;

/**
 * The job of a batched matrix product; its extra memory holds where each pair of
 * matrices begins in a and b, in floats.
 */
const MATMUL = {
  ...integers("batch", "rows", "inner", "columns"),
  ...integers("transposeA", "transposeB", "rowsPerTask", "columnsPerTask"),
  /** What is done to the sums, which are kept at `hidden` if that is not 0. */
  activation: "i32",
  ...addresses("a", "b", "c", "bias", "hidden"),
} as const satisfies Fields;

/**
 * The job of a batched matrix product whose left factor has few rows; its extra
 * memory begins like that of {@linkcode MATMUL}.
 */
const GEMV = {
  ...integers("batch", "rows", "inner", "columns", "transposeA", "transposeB"),
  ...addresses("a", "b", "c", "bias"),
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

/**
 * An operand of {@linkcode ELEMENTWISE}: where it lies, the bytes of its elements, and
 * how many elements it advances along a row, and along each outer axis.
 */
const operand = <N extends string>(name: N) => ({
  ...addresses(name),
  ...integers(
    ...[`${name}Bytes`, `${name}0`, `${name}1`, `${name}2`] as const,
    ...[`${name}3`, `${name}4`, `${name}5`] as const,
  ),
});

/**
 * The job of a function of each element (`elementwise/functions.ts`), of one operand
 * to three. Rows lie one behind the other in the output, and in operands along `axes`
 * outer axes of these sizes.
 */
const ELEMENTWISE = {
  ...integers("operation", "rows", "columns", "rowsPerTask", "columnsPerTask"),
  ...integers("axes", "size1", "size2", "size3", "size4", "size5"),
  ...operand("x"),
  ...operand("y"),
  ...operand("z"),
  out: "usize",
  outBytes: "i32",
  /** Numbers that the function takes. */
  ...floats("p", "q"),
} as const satisfies Fields;

/** The job that splits rows into heads; if there is a `dx`, of its gradient: q, k and v are then gradients, and `dx` is that in x. */
const SPLIT_HEADS = {
  ...integers("batch", "length", "heads", "headDim", "featureMap"),
  ...addresses("x", "q", "k", "v", "dx"),
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
 * The job that changes weights by an optimizer's rule; its extra memory holds for each
 * weight its first task, its size, and the addresses of its value, its gradient and the
 * three tensors that a rule may keep.
 */
const UPDATE = {
  ...integers("rule", "weights", "tasks"),
  ...floats("factor", "step", "decay1"),
  /** 1 - decay1 and 1 - decay2, which would lose digits if subtracted in 32 bits. */
  rest1: "f32",
  ...floats("decay2", "rest2", "correction", "epsilon", "keep"),
} as const satisfies Fields;

/**
 * The job that adds up squares of tensors in columns; its extra memory holds the size
 * and the address of each tensor.
 */
const SQUARE_SUMS = {
  ...integers("tensors", "columns"),
  y: "usize",
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

/**
 * TensorFlow.js's kernels of reductions, whose place is the `kind` of a
 * {@linkcode REDUCE}: first those that add and multiply, last those of places.
 */
export const REDUCTIONS = [
  "Sum",
  "Mean",
  "Prod",
  "Max",
  "Min",
  "All",
  "Any",
  "ArgMax",
  "ArgMin",
] as const;

/** The job of a reduction of a tensor [repeats, outer, reduced, inner] over repeats, too. */
const REDUCE = {
  ...integers("kind", "repeats", "outer", "reduced", "inner"),
  ...addresses("x", "y"),
} as const satisfies Fields;

/** The job of a cumulative sum, or product, of a tensor [outer, reduced, inner]. */
const CUMULATE = {
  ...integers("product", "exclusive", "reverse", "outer", "reduced", "inner"),
  ...addresses("x", "y"),
} as const satisfies Fields;

/** The job of softmax along rows, or of its gradient if there is a `dy`; `x` is then unused. */
const SOFTMAX_ROWS = {
  ...integers("rows", "columns"),
  ...addresses("x", "y", "dy", "dx"),
} as const satisfies Fields;

/**
 * The job that copies elements between places that lie in a regular order; its extra
 * memory holds the parts, as `moves/parts.ts` writes them.
 */
const MOVE = {
  /** The number of parts, and of all tasks. */
  ...integers("parts", "tasks"),
  /** Bytes of an element: 4 or 1. */
  bytes: "i32",
  /** The bits of the constant that parts without a source are filled with. */
  value: "i32",
} as const satisfies Fields;

/**
 * The job that copies rows from where tuples of indices say; its extra memory holds how
 * many rows an index of each axis is worth.
 */
const GATHER_ROWS = {
  /** Groups of rows, and how many of them in a row have the same tuples. */
  ...integers("groups", "groupsPerBatch"),
  /** Tuples for a group, indices in a tuple, and rows that there are in a group. */
  ...integers("places", "depth", "rows"),
  /** Bytes of a row. */
  bytes: "i32",
  rowsPerTask: "i32",
  ...addresses("x", "indices", "y"),
  /** Where 1 is written if a row is not there; 0 for nowhere. */
  wrong: "usize",
} as const satisfies Fields;

/**
 * The job that adds rows to those that tuples of indices name, or replaces them; its
 * extra memory is like that of {@linkcode GATHER_ROWS}.
 */
const SCATTER_ROWS = {
  /** Tuples, which have a row each; indices in a tuple; and rows that there are. */
  ...integers("places", "depth", "rows"),
  /** Elements of a row, and how many of them belong to a task. */
  ...integers("columns", "columnsPerTask"),
  /** Whether elements are integers, and whether they replace others. */
  ...integers("areIntegers", "replace"),
  /** What y is before, or 0 for zeros. */
  before: "usize",
  ...addresses("x", "indices", "y"),
  /** Where 1 is written if a row is not there; 0 if it is passed over. */
  wrong: "usize",
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
 * The job of a convolution of images, or of its gradient in them if there is a `dx`, or
 * in its kernel if there is a `dfilter`. A pixel of the output reads from that pixel
 * on, times the strides, `top` rows and `left` columns before.
 */
const CONVOLUTION = {
  ...integers("batch", "height", "width", "channels"),
  ...integers("outHeight", "outWidth", "filters"),
  ...integers("kernelHeight", "kernelWidth", "strideY", "strideX"),
  /** Pixels from tap to tap; 1 for the gradient in the images. */
  ...integers("dilationY", "dilationX", "top", "left"),
  ...integers("rowsPerTask", "columnsPerTask", "activation"),
  ...addresses("x", "filter", "bias", "y"),
  ...addresses("dy", "dx", "dfilter"),
} as const satisfies Fields;

/** The job of GELU of each element, or of its gradient if there is a `dy`. */
const GELU = {
  size: "i32",
  ...addresses("x", "y", "dy"),
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

/** The offset in bytes of a job's record from the start of the queue. */
export const JOB_OFFSET = 128;

/** The records of jobs; their order gives the jobs their numbers. */
export const JOBS = {
  chunkwiseForward: ATTENTION,
  chunkwiseBackward: ATTENTION,
  matmul: MATMUL,
  layerNorm: LAYER_NORM,
  splitHeads: SPLIT_HEADS,
  update: UPDATE,
  softmax: SOFTMAX,
  fullForward: ATTENTION,
  recurrentForward: ATTENTION,
  delta: DELTA,
  gemv: GEMV,
  selectiveScan: SELECTIVE_SCAN,
  shortConvolution: SHORT_CONVOLUTION,
  rmsNorm: RMS_NORM,
  splitDirections: SPLIT_DIRECTIONS,
  joinDirections: JOIN_DIRECTIONS,
  elementwise: ELEMENTWISE,
  reduce: REDUCE,
  cumulate: CUMULATE,
  softmaxRows: SOFTMAX_ROWS,
  move: MOVE,
  gatherRows: GATHER_ROWS,
  scatterRows: SCATTER_ROWS,
  uniform: UNIFORM,
  convolution: CONVOLUTION,
  gelu: GELU,
  squareSums: SQUARE_SUMS,
  /** The gradients of a convolution whose channels have a kernel of their own each. */
  depthwise: CONVOLUTION,
  crossEntropy: CROSS_ENTROPY,
  tokenDecay: TOKEN_DECAY,
  tokenMean: TOKEN_MEAN,
} as const satisfies Record<string, Fields>;
