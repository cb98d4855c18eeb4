/** Which form and which kernel run a problem, and what that costs. @module */
import * as tf from "@tensorflow/tfjs-core";
import { largestTensorBytes } from "../contract/limits.ts";
import { type ConcreteForm, FORMS } from "./form.ts";
import {
  type AttentionSizes,
  type KernelPlan,
  KERNELS,
  planKernel,
  type Precision,
  type Refusal,
} from "./kernel.ts";

/** How an attention would run, and what it would cost. */
export interface AttentionPlan {
  /** The form, chosen if it was `"auto"`. */
  readonly form: ConcreteForm;
  /** The kernel registered with tfjs, or `null` where the form's tfjs operations run. */
  readonly kernel: string | null;
  /** How the kernel runs, or why none does, in words. */
  readonly reason: string;
  /** Tokens of a chunk, block or tile, or `null` where there is none. */
  readonly chunkSize: number | null;
  /** Multiplications and additions of the forward pass. */
  readonly operations: number;
  /** Bytes that the forward pass reads and writes at the least: its inputs, its output and what the form keeps between its steps. */
  readonly bytes: number;
  /** Bytes alive at once in the forward pass, inputs and output included; to within a third. */
  readonly peakBytes: number;
}

/** A problem, as far as its plan depends on it. */
export interface PlannedProblem extends AttentionSizes {
  /** What the caller asked for. */
  readonly form: string;
  /** Whether a fused kernel may run. @default true */
  readonly kernel?: boolean;
  /** Tokens a chunk, if the caller chose. */
  readonly chunkSize: number | undefined;
  /** Whether there are log decays. */
  readonly decays: boolean;
  /** Whether a token reads only itself and the tokens before it. */
  readonly causal: boolean;
  /** Whether rows are divided by their sum. */
  readonly normalize: boolean;
  /** How numbers are stored while they are multiplied. */
  readonly precision: Precision;
}

/**
 * Tokens up to which the plain full form is faster than the plain chunkwise
 * form, forward with gradients, as measured on two CPU cores (webgpu on Mesa's
 * software adapter) with 4 heads of 64.
 */
const CROSSOVER: Record<string, number> = { webgpu: 384, wasm: 192, cpu: 256 };

/** Tokens a chunk of the plain forms. */
const PLAIN_CHUNK = { chunkwise: 64, blockwise: 256 };

/**
 * Plans a problem on the current backend.
 *
 * @throws {RangeError} If an option has an impossible value, or the form's
 * largest tensor does not fit the backend.
 */
export function planAttention(problem: PlannedProblem): AttentionPlan {
  assertOptions(problem);
  const { form } = problem;
  const wanted = form === "auto" ? "chunkwise" : form as ConcreteForm;
  const kernel: KernelPlan | Refusal = problem.kernel === false
    ? { refusal: "kernel: false asks for tfjs operations" }
    : planKernel(wanted, { ...problem, decays: !maskless(problem) });
  if (!("refusal" in kernel)) return planFused(problem, wanted, kernel);
  if (problem.precision === "f16") {
    throw new RangeError(`precision "f16" cannot be had: ${kernel.refusal}`);
  }
  const plain = form === "auto" ? automaticForm(problem) : wanted;
  return planPlain(problem, plain, kernel.refusal);
}

function planFused(
  problem: PlannedProblem,
  form: ConcreteForm,
  { chunkSize, scratchBytes, carriedBytes = scratchBytes, how }: KernelPlan,
): AttentionPlan {
  const { vectors, rowSums } = sizesOf(problem);
  return {
    form,
    kernel: KERNELS[form],
    reason: how,
    chunkSize,
    operations: operationsOf(problem, form, chunkSize, true),
    bytes: vectors + rowSums + 2 * carriedBytes,
    peakBytes: vectors + rowSums + scratchBytes,
  };
}

function planPlain(
  problem: PlannedProblem,
  form: ConcreteForm,
  reason: string,
): AttentionPlan {
  const { length } = problem;
  const chunked = form === "blockwise" || form === "chunkwise";
  const chunkSize = chunked
    ? Math.min(problem.chunkSize ?? PLAIN_CHUNK[form], length)
    : null;
  const keys = form === "recurrent" || form === "chunkwise" && maskless(problem)
    ? 0
    : chunkSize ?? length;
  assertFits(problem, form, keys);
  const { vectors, states } = sizesOf(problem);
  const chunks = chunkSize === null ? 1 : Math.ceil(length / chunkSize);
  const carried = form === "chunkwise" && !maskless(problem)
    ? 2 * chunks * states
    : 0;
  const alive = aliveIn(problem, form);
  const scores = scoreBytes(problem, keys);
  const steps = form === "blockwise" ? chunks : 1;
  return {
    form,
    kernel: null,
    reason,
    chunkSize,
    operations: operationsOf(problem, form, chunkSize, false),
    bytes: vectors + 2 * (steps * alive.scores * scores + carried),
    peakBytes: alive.vectors * vectors + alive.scores * scores + carried,
  };
}

/**
 * How often the plain forms hold all inputs and outputs, and the scores of a
 * step, at once: with a mask its segment sums, their exponents and powers as
 * well. As measured with tf.profile.
 */
function aliveIn(
  problem: PlannedProblem,
  form: ConcreteForm,
): { vectors: number; scores: number } {
  const directions = problem.causal ? 1 : 2;
  if (maskless(problem)) {
    return { vectors: form === "recurrent" ? 2.8 : 2, scores: 1 };
  }
  switch (form) {
    case "full":
    case "blockwise":
      return { vectors: 2, scores: 7 + directions };
    case "recurrent":
      return { vectors: 2.7, scores: 0 };
    case "chunkwise":
      return { vectors: 2 + 2.5 * directions, scores: 7 + directions };
  }
}

/** All weights are 1: there is no mask to apply, and none to cut in chunks. */
function maskless({ decays, causal }: PlannedProblem): boolean {
  return !decays && !causal;
}

/** Without a mask, chunkwise is two small products, and pays from headDim on. */
function automaticForm(problem: PlannedProblem): ConcreteForm {
  const { length, headDim } = problem;
  const crossover = maskless(problem)
    ? headDim
    : CROSSOVER[tf.getBackend()] ?? 256;
  const fits = scoreBytes(problem, length) <= largestTensorBytes();
  return length <= crossover && fits ? "full" : "chunkwise";
}

function operationsOf(
  problem: PlannedProblem,
  form: ConcreteForm,
  chunkSize: number | null,
  fused: boolean,
): number {
  const { batch, heads, length, headDim, causal } = problem;
  const columns = problem.valueDim + (problem.normalize ? 1 : 0);
  const tokens = batch * heads * length;
  const directions = problem.causal ? 1 : 2;
  const masked = (keys: number) => 2 * keys * (headDim + columns) + 2 * keys;
  const state = headDim * columns;
  switch (form) {
    case "full":
    case "blockwise":
      // Kernels leave out the tiles that a causal token does not read.
      return tokens *
        masked(fused && causal ? (length + chunkSize!) / 2 : length);
    case "recurrent":
      // A token decays the state, writes to it and reads it.
      return tokens * directions * 5 * state;
    case "chunkwise":
      return maskless(problem)
        ? tokens * 4 * state
        : tokens * (masked(chunkSize!) + directions * 4 * state);
  }
}

/** Bytes of inputs and output, of a kernel's row sums, and of one state of all heads. */
function sizesOf(
  problem: PlannedProblem,
): { vectors: number; rowSums: number; states: number } {
  const { batch, heads, length, headDim, valueDim, decays, causal } = problem;
  const perToken = 2 * headDim + 2 * valueDim + (decays ? causal ? 1 : 2 : 0);
  return {
    vectors: 4 * batch * heads * length * perToken,
    rowSums: 4 * batch * heads * length,
    states: 4 * batch * heads * headDim * (valueDim + 1),
  };
}

/** Size of the scores of all queries with so many keys at a time. */
function scoreBytes(
  { batch, heads, length }: AttentionSizes,
  keys: number,
): number {
  return 4 * batch * heads * length * keys;
}

/**
 * Throws unless there is such a form, and such a chunk size.
 *
 * @throws {RangeError} If there is not.
 */
export function assertForm(form: string, chunkSize: number | undefined): void {
  if (form !== "auto" && !FORMS.includes(form as ConcreteForm)) {
    throw new RangeError(
      `form should be "auto", ${
        FORMS.map((name) => `"${name}"`).join(", ")
      }, got ${JSON.stringify(form)}`,
    );
  }
  if (
    chunkSize !== undefined && !(Number.isInteger(chunkSize) && chunkSize >= 1)
  ) {
    throw new RangeError(
      `chunkSize should be a positive integer, got ${chunkSize}`,
    );
  }
}

function assertOptions({ form, chunkSize, precision }: PlannedProblem): void {
  assertForm(form, chunkSize);
  if (precision !== "f32" && precision !== "f16") {
    throw new RangeError(
      `precision should be "f32" or "f16", got ${JSON.stringify(precision)}`,
    );
  }
}

/** Refuses scores that no tensor of the backend can hold, and says what would fit. */
function assertFits(problem: PlannedProblem, form: string, keys: number): void {
  const bytes = scoreBytes(problem, keys);
  const limit = largestTensorBytes();
  if (bytes <= limit) return;
  const { batch, heads, length } = problem;
  const backend = tf.getBackend();
  throw new RangeError(
    `form "${form}" makes scores of shape [batch, heads, length, keys] = ` +
      `[${batch}, ${heads}, ${length}, ${keys}], ${bytes} bytes, more than ` +
      `the ${limit} of a tensor on ${backend}${
        backend === "webgpu" ? " (maxStorageBufferBindingSize)" : ""
      }; use form: "chunkwise"${
        form === "full" ? "" : " with a smaller chunkSize"
      }`,
  );
}
