/** The choice of form and kernel for a problem, and their costs. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertOneOf, assertPositiveInteger } from "../../base/values.ts";
import { largestTensorBytes } from "../../tfjs/kernel/limits.ts";
import { type ConcreteForm, FORMS } from "../forms/form.ts";
import {
  type KernelPlan,
  type Refusal,
  warnOfLack,
} from "../../tfjs/kernel/kernel.ts";
import { shown } from "../../base/shown.ts";
import {
  COSTS,
  maskless,
  type PlannedProblem,
  scoreBytes,
  sizesOf,
} from "./costs.ts";
import {
  ATTENTION,
  hasSharedKernel,
  planForm,
  SHARED_CHUNKWISE,
} from "./kernel.ts";

/** How attention would run, and what it would cost. */
export interface AttentionPlan {
  /** The form that would run; for `"auto"`, the chosen one. */
  readonly form: ConcreteForm;
  /**
   * The name of the kernel, or `null` where the form's tfjs operations run.
   */
  readonly kernel: string | null;
  /** How the kernel runs, or why none does. */
  readonly reason: string;
  /** Tokens per chunk, block or tile, or `null` where there are none. */
  readonly chunkSize: number | null;
  /** The number of multiplications and additions in the forward pass. */
  readonly operations: number;
  /**
   * A lower bound on the bytes that the forward pass reads and writes: inputs,
   * output and the states between steps.
   */
  readonly bytes: number;
  /**
   * Estimated peak memory of the forward pass in bytes, with inputs and output;
   * accurate to within a third.
   */
  readonly peakBytes: number;
}

/**
 * The length up to which the full form is faster than the chunkwise form in
 * tfjs operations, forward and gradient, as measured on two CPU cores (webgpu
 * on Mesa's software adapter) with 4 heads of 64.
 */
const CROSSOVER: Record<string, number> = { webgpu: 384, wasm: 192, cpu: 256 };

/** Plans a problem on the current backend. */
export function planAttention(problem: PlannedProblem): AttentionPlan {
  assertOptions(problem);
  const { form } = problem;
  const wanted = form === "auto" ? "chunkwise" : form as ConcreteForm;
  const kernel: KernelPlan | Refusal = problem.kernel === false
    ? { refusal: "kernel: false asks for tfjs operations" }
    : planForm(wanted, { ...problem, decays: !maskless(problem) });
  if ("refusal" in kernel) {
    assertSinglePrecision(problem, kernel.refusal);
    const plain = form === "auto" ? automaticForm(problem) : wanted;
    return planPlain(problem, plain, kernel.refusal);
  }
  const { gradientRefusal } = kernel;
  if (gradientRefusal === undefined || !problem.withGradient) {
    return planFused(problem, wanted, kernel);
  }
  assertSinglePrecision(problem, gradientRefusal);
  warnOfLack(kernel.gradientLacks, gradientRefusal);
  return planPlain(problem, formOfGradient(problem, wanted), gradientRefusal);
}

/** Throws if tfjs operations, which have only 32 bits, would have to multiply in 16. */
function assertSinglePrecision(
  { precision }: PlannedProblem,
  refusal: string,
): void {
  if (precision !== "f16") return;
  throw new RangeError(`precision "f16" is not available: ${refusal}`);
}

/**
 * The form in which tfjs operations compute a problem with its gradient, if the kernel
 * has only a forward pass: the chunkwise form, the fastest, unless its scores are too
 * large for a tensor.
 */
function formOfGradient(
  problem: PlannedProblem,
  wanted: ConcreteForm,
): ConcreteForm {
  const { keys, chunkSize } = COSTS.chunkwise;
  const bytes = scoreBytes(
    problem,
    keys(problem, Math.min(problem.chunkSize ?? chunkSize!, problem.length)),
  );
  return bytes <= largestTensorBytes() ? "chunkwise" : wanted;
}

function planFused(
  problem: PlannedProblem,
  form: ConcreteForm,
  kernel: KernelPlan,
): AttentionPlan {
  const { chunkSize, scratchBytes, carriedBytes = scratchBytes } = kernel;
  const { how, gradientRefusal } = kernel;
  const { vectors, rowSums, tokens } = sizesOf(problem);
  // Causal kernels skip the tiles that no token attends to.
  const { causal, length } = problem;
  const keys = causal ? (length + (chunkSize ?? 1)) / 2 : length;
  const { heads, keyHeads = heads } = problem;
  const isShared = keyHeads < heads && hasSharedKernel(form);
  // The bytes of the copies of q and k for each head, which a shared kernel saves.
  const spared = isShared
    ? 8 * problem.batch * (heads - keyHeads) * length * problem.headDim
    : 0;
  return {
    form,
    kernel: isShared ? SHARED_CHUNKWISE.kernel : ATTENTION[form].kernel,
    reason: gradientRefusal === undefined
      ? how
      : `${how}; with gradients tfjs operations run: ${gradientRefusal}`,
    chunkSize,
    operations: tokens * COSTS[form].operations(problem, chunkSize ?? 1, keys),
    bytes: vectors - spared + rowSums + 2 * carriedBytes,
    peakBytes: vectors - spared + rowSums + scratchBytes,
  };
}

function planPlain(
  problem: PlannedProblem,
  form: ConcreteForm,
  reason: string,
): AttentionPlan {
  const { length } = problem;
  const cost = COSTS[form];
  const chunkSize = cost.chunkSize &&
    Math.min(problem.chunkSize ?? cost.chunkSize, length);
  const together = chunkSize ?? length;
  const keys = cost.keys(problem, together);
  assertAllocatable(problem, form, keys);
  const { vectors, states, tokens } = sizesOf(problem);
  const chunks = Math.ceil(length / together);
  const carried = cost.carries(problem) ? 2 * chunks * states : 0;
  const alive = cost.alive(problem);
  const scores = alive.scores * scoreBytes(problem, keys);
  const steps = cost.isInSteps ? chunks : 1;
  return {
    form,
    kernel: null,
    reason,
    chunkSize,
    operations: tokens * cost.operations(problem, together, length),
    bytes: vectors + 2 * (steps * scores + carried),
    peakBytes: alive.vectors * vectors + scores + carried,
  };
}

/**
 * The form that `"auto"` chooses in tfjs operations. Without a mask, chunkwise is two
 * small products, faster from headDim tokens on.
 */
function automaticForm(problem: PlannedProblem): ConcreteForm {
  const { length, headDim } = problem;
  const crossover = maskless(problem)
    ? headDim
    : CROSSOVER[tf.getBackend()] ?? 256;
  const fits = scoreBytes(problem, length) <= largestTensorBytes();
  return length <= crossover && fits ? "full" : "chunkwise";
}

/** Throws unless the form exists and the chunk size is valid. */
export function assertForm(form: string, chunkSize: number | undefined): void {
  if (form !== "auto" && !FORMS.includes(form as ConcreteForm)) {
    throw new RangeError(
      `form should be "auto", ${
        FORMS.map((name) => `"${name}"`).join(", ")
      }, got ${shown(form)}`,
    );
  }
  if (chunkSize !== undefined) assertPositiveInteger("chunkSize", chunkSize);
}

function assertOptions({ form, chunkSize, precision }: PlannedProblem): void {
  assertForm(form, chunkSize);
  assertOneOf("precision", precision, ["f32", "f16"]);
}

/**
 * Throws if the scores do not fit into a tensor of the backend, and says what
 * would fit.
 */
function assertAllocatable(
  problem: PlannedProblem,
  form: string,
  keys: number,
): void {
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
