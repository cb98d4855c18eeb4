/**
 * The queue of jobs, and the jobs of TensorFlow.js's kernels and of optimizers: the
 * single description from which both the module's source and what the host writes are
 * made.
 *
 * @module
 */
import {
  addresses,
  type Fields,
  floats,
  integers,
  type Job,
  jobsOf,
} from "./job.ts";

/** The queue of jobs, through which threads share them. */
export const QUEUE = {
  /** Counts jobs; threads wait for it to change. */
  turn: "i32",
  /** The module that has the job, and the job's number there. */
  module: "i32",
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

/** The offset in bytes of a job's record from the start of the queue. */
export const JOB_OFFSET = 128;

/**
 * The activations that a product or a convolution applies to its sums; records have
 * their indices.
 */
export const ACTIVATIONS = ["linear", "gelu", "relu", "relu6"] as const;

/**
 * The job of a batched matrix product; its extra memory holds where each pair of
 * matrices begins in a and b, in floats.
 */
const MATMUL = {
  ...integers("batch", "rows", "inner", "columns"),
  ...integers("transposeA", "transposeB", "rowsPerTask", "columnsPerTask"),
  /** The index of the activation of the sums, which are kept at `hidden` if that is not 0. */
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
  /** Parameters of the function. */
  ...floats("p", "q"),
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
  /** The address at which 1 is written if a row is not there; 0 if such rows are passed over. */
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
  /** The address of the values that y begins with, or 0 for zeros. */
  before: "usize",
  ...addresses("x", "indices", "y"),
  /** The address at which 1 is written if a row is not there; 0 if such rows are passed over. */
  wrong: "usize",
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

/** The jobs of TensorFlow.js's kernels and of optimizers. */
export const JOBS = jobsOf({
  matmul: MATMUL,
  update: UPDATE,
  gemv: GEMV,
  elementwise: ELEMENTWISE,
  reduce: REDUCE,
  cumulate: CUMULATE,
  softmaxRows: SOFTMAX_ROWS,
  move: MOVE,
  gatherRows: GATHER_ROWS,
  scatterRows: SCATTER_ROWS,
  convolution: CONVOLUTION,
  gelu: GELU,
  squareSums: SQUARE_SUMS,
  /** The gradients of a convolution whose channels have a kernel of their own each. */
  depthwise: CONVOLUTION,
});

/** The job of GELU, for kernels of other packages. */
export const GELU_JOB: Job<
  & Readonly<Record<"size", "i32">>
  & Readonly<Record<"x" | "y" | "dy", "usize">>
> = JOBS.gelu;

/** The job of a reduction, for kernels of other packages. */
export const REDUCE_JOB: Job<
  & Readonly<
    Record<"kind" | "repeats" | "outer" | "reduced" | "inner", "i32">
  >
  & Readonly<Record<"x" | "y", "usize">>
> = JOBS.reduce;
