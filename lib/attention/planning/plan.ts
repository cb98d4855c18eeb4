/** The choice of form and kernel for a problem, and their costs. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertOneOf, assertPositiveInteger, shown } from "@lionjs/base";
import {
  type KernelPlan,
  largestTensorBytes,
  type Refusal,
  warnOfLack,
} from "@lionjs/tfjs/kernel";
import { type ConcreteForm, FORMS } from "../forms/form.ts";
import { kernelCosts, plainChunk, plainCosts, plainScores } from "./costs.ts";
import {
  ATTENTION,
  hasSharedKernel,
  maskless,
  planForm,
  type PlannedProblem,
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
  assertChoices(problem);
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
  const chunkSize = plainChunk(problem, "chunkwise");
  const { bytes } = plainScores(problem, "chunkwise", chunkSize);
  return bytes <= largestTensorBytes() ? "chunkwise" : wanted;
}

function planFused(
  problem: PlannedProblem,
  form: ConcreteForm,
  kernel: KernelPlan,
): AttentionPlan {
  const { chunkSize, how, gradientRefusal } = kernel;
  const { heads, keyHeads = heads } = problem;
  const isShared = keyHeads < heads && hasSharedKernel(form);
  return {
    form,
    kernel: isShared ? SHARED_CHUNKWISE.kernel : ATTENTION[form].kernel,
    reason: gradientRefusal === undefined
      ? how
      : `${how}; with gradients tfjs operations run: ${gradientRefusal}`,
    chunkSize,
    ...kernelCosts(problem, form, kernel, isShared),
  };
}

function planPlain(
  problem: PlannedProblem,
  form: ConcreteForm,
  reason: string,
): AttentionPlan {
  const chunkSize = plainChunk(problem, form);
  assertAllocatable(problem, form, chunkSize);
  const costs = plainCosts(problem, form, chunkSize);
  return { form, kernel: null, reason, chunkSize, ...costs };
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
  const { bytes } = plainScores(problem, "full", null);
  const fits = bytes <= largestTensorBytes();
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

function assertChoices({ form, chunkSize, precision }: PlannedProblem): void {
  assertForm(form, chunkSize);
  assertOneOf("precision", precision, ["f32", "f16"]);
}

/**
 * Throws if the scores do not fit into a tensor of the backend, and says what
 * would fit.
 */
function assertAllocatable(
  problem: PlannedProblem,
  form: ConcreteForm,
  chunkSize: number | null,
): void {
  const { keys, bytes } = plainScores(problem, form, chunkSize);
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
