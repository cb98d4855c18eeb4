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

/** The queue of jobs, through which threads share them. */
export const QUEUE = {
  /** Counts jobs; threads wait for it to change. */
  turn: "i32",
  operation: "i32",
  /** The next task and the number of tasks done, for each of a job's two phases. */
  next: "i32",
  nextSecond: "i32",
  done: "i32",
  doneSecond: "i32",
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
  length: "i32",
  headDim: "i32",
  valueDim: "i32",
  chunkSize: "i32",
  /** The number of tasks that a sequence is divided into. */
  splits: "i32",
  causal: "i32",
  normalize: "i32",
  /** Whether each channel of the keys has its own log decay. */
  diagonal: "i32",
  scale: "f32",
  epsilon: "f32",
  q: "usize",
  k: "usize",
  v: "usize",
  f: "usize",
  b: "usize",
  /**
   * The states that enter a piece of a sequence from before and after it, and those
   * that leave it.
   */
  before: "usize",
  after: "usize",
  forward: "usize",
  backward: "usize",
  y: "usize",
  rowSums: "usize",
  dy: "usize",
  dq: "usize",
  dk: "usize",
  dv: "usize",
  df: "usize",
  db: "usize",
} as const satisfies Fields;

/**
 * The job of a batched matrix product; its extra memory holds where each pair of
 * matrices begins in a and b, in floats.
 */
export const MATMUL = {
  batch: "i32",
  rows: "i32",
  inner: "i32",
  columns: "i32",
  transposeA: "i32",
  transposeB: "i32",
  rowsPerTask: "i32",
  columnsPerTask: "i32",
  a: "usize",
  b: "usize",
  c: "usize",
  bias: "usize",
} as const satisfies Fields;

/**
 * The job of a batched matrix product whose left factor has few rows; its extra
 * memory begins like that of {@linkcode MATMUL}.
 */
export const GEMV = {
  batch: "i32",
  rows: "i32",
  inner: "i32",
  columns: "i32",
  transposeA: "i32",
  transposeB: "i32",
  a: "usize",
  b: "usize",
  c: "usize",
  bias: "usize",
} as const satisfies Fields;

/** The job of layer normalisation of rows, or of its gradient if there is a `dy`. */
export const LAYER_NORM = {
  rows: "i32",
  columns: "i32",
  rowsPerTask: "i32",
  epsilon: "f32",
  x: "usize",
  scale: "usize",
  offset: "usize",
  y: "usize",
  dy: "usize",
  dx: "usize",
  dscale: "usize",
  doffset: "usize",
} as const satisfies Fields;

/**
 * The job of root mean square normalisation of rows, or of its gradient if there is a
 * `dy`; `gate` is 0 for none.
 */
export const RMS_NORM = {
  rows: "i32",
  columns: "i32",
  rowsPerTask: "i32",
  epsilon: "f32",
  x: "usize",
  scale: "usize",
  gate: "usize",
  y: "usize",
  dy: "usize",
  dx: "usize",
  dscale: "usize",
  dgate: "usize",
} as const satisfies Fields;

/**
 * The job of an elementwise operation; if there is a `dy`, of its gradient, and `y` is
 * then the gradient in x.
 */
export const ELEMENTWISE = {
  size: "i32",
  x: "usize",
  y: "usize",
  dy: "usize",
} as const satisfies Fields;

/** The job that raises log decays to at least `lowest`, element by element. */
export const FINITE_DECAY = {
  ...ELEMENTWISE,
  lowest: "f32",
} as const satisfies Fields;

/** The job that splits rows into heads; if there is a `dx`, of its gradient: q, k and v are then gradients, and `dx` is that in x. */
export const SPLIT_HEADS = {
  batch: "i32",
  length: "i32",
  heads: "i32",
  headDim: "i32",
  featureMap: "i32",
  x: "usize",
  q: "usize",
  k: "usize",
  v: "usize",
  dx: "usize",
} as const satisfies Fields;

/** The job that splits rows into heads that read from both ends, or of its gradient if there is a `dmixed`. */
export const SPLIT_DIRECTIONS = {
  batch: "i32",
  length: "i32",
  heads: "i32",
  headDim: "i32",
  stateDim: "i32",
  mixed: "usize",
  dt: "usize",
  x: "usize",
  q: "usize",
  k: "usize",
  v: "usize",
  dx: "usize",
  dq: "usize",
  dk: "usize",
  dv: "usize",
  dmixed: "usize",
  ddt: "usize",
} as const satisfies Fields;

/**
 * The job that joins the outputs of heads from both ends to rows, or of its gradient if
 * there is a `dy`; `segments` is 0 for none.
 */
export const JOIN_DIRECTIONS = {
  batch: "i32",
  length: "i32",
  heads: "i32",
  headDim: "i32",
  read: "usize",
  x: "usize",
  own: "usize",
  segments: "usize",
  y: "usize",
  dy: "usize",
  dread: "usize",
  dx: "usize",
  down: "usize",
} as const satisfies Fields;

/** The job of an Adam step. */
export const ADAM = {
  size: "i32",
  stepSize: "f32",
  beta1: "f32",
  beta2: "f32",
  /** 1 - beta1 and 1 - beta2, which would lose digits if subtracted in 32 bits. */
  rest1: "f32",
  rest2: "f32",
  rootCorrection: "f32",
  epsilon: "f32",
  keep: "f32",
  value: "usize",
  gradient: "usize",
  mean: "usize",
  square: "usize",
  newValue: "usize",
  newMean: "usize",
  newSquare: "usize",
} as const satisfies Fields;

/** The job of the sum of a matrix's rows. */
export const COLUMN_SUM = {
  rows: "i32",
  columns: "i32",
  x: "usize",
  y: "usize",
} as const satisfies Fields;

/**
 * The job of softmax attention, or of its gradient if there is a `dy`; `mask` and
 * `segments` are 0 for none.
 */
export const SOFTMAX = {
  sequences: "i32",
  heads: "i32",
  length: "i32",
  headDim: "i32",
  valueDim: "i32",
  causal: "i32",
  /** The number of tasks per sequence of the gradient. */
  parts: "i32",
  scale: "f32",
  q: "usize",
  k: "usize",
  v: "usize",
  mask: "usize",
  segments: "usize",
  y: "usize",
  maxima: "usize",
  sums: "usize",
  dy: "usize",
  dq: "usize",
  dk: "usize",
  dv: "usize",
} as const satisfies Fields;

/**
 * The job of the delta rule, or of its gradient if there is a `dy`; the address of an
 * absent optional tensor is 0.
 */
export const DELTA = {
  sequences: "i32",
  length: "i32",
  headDim: "i32",
  valueDim: "i32",
  chunkSize: "i32",
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
  q: "usize",
  k: "usize",
  v: "usize",
  beta: "usize",
  f: "usize",
  b: "usize",
  /** The state that enters a causal piece of a sequence, and the one that leaves it. */
  before: "usize",
  forward: "usize",
  y: "usize",
  dy: "usize",
  dforward: "usize",
  dq: "usize",
  dk: "usize",
  dv: "usize",
  dbeta: "usize",
  dbefore: "usize",
  df: "usize",
  db: "usize",
} as const satisfies Fields;

/**
 * The job of the selective scan, or of its gradient if there is a `dy`; the address of
 * an absent optional tensor is 0.
 */
export const SELECTIVE_SCAN = {
  batch: "i32",
  length: "i32",
  channels: "i32",
  stateDim: "i32",
  /** Tokens between states that are kept. */
  chunkSize: "i32",
  reverse: "i32",
  x: "usize",
  dt: "usize",
  a: "usize",
  b: "usize",
  c: "usize",
  d: "usize",
  z: "usize",
  begins: "usize",
  y: "usize",
  states: "usize",
  dy: "usize",
  dx: "usize",
  ddt: "usize",
  da: "usize",
  db: "usize",
  dc: "usize",
  dd: "usize",
  dz: "usize",
} as const satisfies Fields;

/**
 * The job of a short convolution, or of its gradient if there is a `dy`. Tap k of token
 * t reads token t + first + step k.
 */
export const SHORT_CONVOLUTION = {
  batch: "i32",
  length: "i32",
  channels: "i32",
  taps: "i32",
  first: "i32",
  step: "i32",
  /** Whether SiLU is applied to the sums. */
  silu: "i32",
  x: "usize",
  weight: "usize",
  bias: "usize",
  segments: "usize",
  y: "usize",
  dy: "usize",
  dx: "usize",
  dweight: "usize",
  dbias: "usize",
} as const satisfies Fields;

/** The offset in bytes of a job's record from the start of the queue. */
export const JOB_OFFSET = 128;

/** The records of jobs; their order gives the jobs their numbers. */
export const JOBS = {
  chunkwiseForward: ATTENTION,
  chunkwiseBackward: ATTENTION,
  matmul: MATMUL,
  layerNorm: LAYER_NORM,
  gelu: ELEMENTWISE,
  splitHeads: SPLIT_HEADS,
  adam: ADAM,
  columnSum: COLUMN_SUM,
  softmax: SOFTMAX,
  fullForward: ATTENTION,
  recurrentForward: ATTENTION,
  delta: DELTA,
  gemv: GEMV,
  logSigmoid: ELEMENTWISE,
  finiteDecay: FINITE_DECAY,
  selectiveScan: SELECTIVE_SCAN,
  shortConvolution: SHORT_CONVOLUTION,
  rmsNorm: RMS_NORM,
  splitDirections: SPLIT_DIRECTIONS,
  joinDirections: JOIN_DIRECTIONS,
} as const satisfies Record<string, Fields>;
