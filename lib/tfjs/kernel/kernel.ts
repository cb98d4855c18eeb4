/**
 * The contract between an operation and its kernels, and how the operation runs
 * them. A kernel may rely on all of its inputs being float32.
 *
 * An operation asks the current backend for a kernel by name, and runs tfjs
 * operations if there is none.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "./floats.ts";
import { withSecondGradient } from "./second_gradient.ts";
import { isRecording, runAsOne } from "./tape.ts";
import { shown, warnOnce } from "@lionjs/base";

/**
 * The description of a kernel, with the names of its inputs and outputs in
 * order. Each form of an operation has its own.
 *
 * The gradient kernel gets the inputs of the forward kernel, or those of them in
 * `gradientInputs`, the outputs in `gradientReads`, and the gradient of each of
 * `outputs` as `d` + its name. It returns the gradients of those `gradientsIn` that
 * were given.
 */
export interface Operation<
  Output extends string = string,
  Further extends string = string,
> {
  /** The kernel's name; its gradient kernel has `Grad` appended. */
  readonly kernel: string;
  /**
   * Differentiable inputs; none if there is no gradient kernel. All others are
   * constants.
   */
  readonly gradientsIn: readonly string[];
  /** Outputs, which are differentiable if there is a gradient kernel. */
  readonly outputs: readonly Output[];
  /**
   * Further outputs after these, which have no gradient, and are absent if one
   * is recorded.
   */
  readonly further?: readonly Further[];
  /** Outputs of any kind that the gradient kernel needs. @default none */
  readonly gradientReads?: readonly (Output | Further)[];
  /**
   * Inputs that the gradient kernel needs; others are not kept for it.
   * @default all
   */
  readonly gradientInputs?: readonly string[];
  /**
   * Computes the outputs, or those of them that second derivatives may need, of the
   * inputs as they were given, in operations whose gradients have gradients: what the
   * gradient kernel has as its own gradient. @default there are no second derivatives
   */
  plain?(
    inputs: object,
    attributes: object,
  ): Partial<Record<Output, tf.Tensor>>;
  /**
   * Computes how all outputs change along directions of some of the inputs, like `plain`,
   * where that takes less than the gradients of `plain`, of which it is computed
   * otherwise.
   */
  along?(
    inputs: object,
    directions: object,
    attributes: object,
  ): Partial<Record<Output, tf.Tensor>>;
  /**
   * Replaces an input, or the gradient of an output, before the kernels get it.
   * Not differentiated. @default unchanged
   */
  readonly prepare?: (
    name: string,
    x: tf.Tensor,
    inputs: tf.NamedTensorMap,
  ) => tf.Tensor;
}

/** The name of an operation's gradient kernel. */
export function gradientKernel({ kernel }: Operation): string {
  return `${kernel}Grad`;
}

/** A kernel's plan for a problem: how it would run, and with how much memory. */
export interface KernelPlan {
  /** Tokens per chunk or tile, at most those asked for; `null` without any. */
  readonly chunkSize: number | null;
  /** Bytes that the forward pass needs besides its inputs and outputs. */
  readonly scratchBytes: number;
  /** The part of `scratchBytes` that does not stay in the processor's cache. @default all */
  readonly carriedBytes?: number;
  /** How the kernel runs, as text for users, such as "2 threads". */
  readonly how: string;
  /** Why the gradient kernel cannot take the problem, in words, if it cannot. */
  readonly gradientRefusal?: string;
  /** The device's limit that is too low for the gradient, if that is the reason. */
  readonly gradientLacks?: string | undefined;
}

/** Why a kernel does not run, in words. */
export interface Refusal {
  /** The reason, as text for users. */
  readonly refusal: string;
  /** The device's limit that is too low, if that is the reason. */
  readonly lacks?: string | undefined;
}

/** Returns what a kernel would do with a problem, or why it cannot run it. */
export type Planner<Request> = (request: Request) => KernelPlan | Refusal;

/** The kernels of an operation on a backend. */
export interface Kernels<Request = never> {
  /** Computes the outputs. */
  readonly forward: tf.KernelFunc;
  /** Computes the gradients of inputs. @default there is none */
  readonly gradient?: tf.KernelFunc | undefined;
  /** Plans the forward kernel. @default it runs every problem */
  readonly plan?: Planner<Request> | undefined;
  /**
   * The name of an output whose gradient the gradient kernel also takes in two parts,
   * `d` + the name and `d` + the name + `2`, where two operations have read it.
   * @default none
   */
  readonly inParts?: string | undefined;
}

/**
 * Registers the kernels of an operation, replacing existing ones.
 *
 * @example A product with a number, and its gradient
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import {
 *   hasKernel,
 *   openBackend,
 *   registerKernels,
 *   runKernel,
 * } from "@lionjs/lion/tfjs";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * const SCALED = {
 *   kernel: "Scaled",
 *   gradientsIn: ["x"],
 *   outputs: ["y"],
 *   gradientInputs: [],
 * } as const;
 * const scaled = (name: string): tf.KernelFunc => ({ inputs, backend, attrs }) => {
 *   const x = inputs[name]!, cpu = backend as tf.KernelBackend;
 *   const values = (cpu.readSync(x.dataId) as Float32Array)
 *     .map((value) => value * Number(attrs!["by"]));
 *   const dataId = cpu.write(values, x.shape, x.dtype);
 *   return { dataId, shape: x.shape, dtype: x.dtype };
 * };
 * const { name } = await openBackend("cpu");
 * registerKernels(name, SCALED, {
 *   forward: scaled("x"),
 *   gradient: scaled("dy"),
 * });
 * assertEquals(hasKernel(SCALED), true);
 * const triple = (x: tf.Tensor) => runKernel(SCALED, { x }, { by: 3 }).y;
 * assertEquals([...await triple(tf.tensor1d([1, 2])).data()], [3, 6]);
 * assertEquals([...await tf.grad(triple)(tf.zeros([2])).data()], [3, 3]);
 * ```
 *
 * @param backendName The name of a backend of TensorFlow.js.
 * @param operation What the kernels compute.
 * @param kernels Its kernels; they will throw for inputs that are not float32.
 * @throws {TypeError} If `operation` has no kernel's name, or there is no function
 * `forward`.
 */
export function registerKernels<Request>(
  backendName: string,
  operation: Operation,
  { forward, gradient, plan, inParts }: Kernels<Request>,
): void {
  assertOperation(operation);
  if (typeof forward !== "function") {
    throw new TypeError(
      `${operation.kernel}'s forward should be a kernel function, got ${
        shown(forward)
      }`,
    );
  }
  const register = (
    kernelName: string,
    kernelFunc: tf.KernelFunc,
    more: object = {},
  ) => {
    if (tf.getKernel(kernelName, backendName)) {
      tf.unregisterKernel(kernelName, backendName);
    }
    tf.registerKernel({
      ...more,
      kernelName,
      backendName,
      kernelFunc: onFloats(kernelName, kernelFunc),
    });
  };
  register(operation.kernel, forward, { plan, inParts });
  if (gradient) register(gradientKernel(operation), gradient);
}

/** Throws a TypeError unless an operation names its kernel. */
function assertOperation(operation: Operation): void {
  if (typeof operation?.kernel === "string") return;
  throw new TypeError(
    `operation should describe a kernel, with its name as \`kernel\`, got ${
      shown(operation)
    }`,
  );
}

/**
 * Whether the current backend has the kernel of an operation.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hasKernel, openBackend } from "@lionjs/lion/tfjs";
 *
 * await openBackend("cpu");
 * const unknown = { kernel: "Unknown", gradientsIn: [], outputs: ["y"] };
 * assertEquals(hasKernel(unknown), false);
 * ```
 *
 * @param operation What the kernel computes.
 * @throws {TypeError} If `operation` has no kernel's name.
 */
export function hasKernel(operation: Operation): boolean {
  assertOperation(operation);
  return tf.getKernel(operation.kernel, tf.getBackend()) !== undefined;
}

/**
 * Warns, once for each limit, that operations of TensorFlow.js run where a device has
 * too little for a kernel.
 */
export function warnOfLack(lacks: string | undefined, refusal: string): void {
  if (lacks === undefined) return;
  warnOnce(
    lacks,
    `LION's kernel cannot run, and TensorFlow.js's operations are slower and ` +
      `take more memory: ${refusal}`,
  );
}

/** The current backend's registration of a kernel; `undefined` if it has none. */
function registered<Request>(kernel: string) {
  return tf.getKernel(kernel, tf.getBackend()) as
    | (tf.KernelConfig & Pick<Kernels<Request>, "plan" | "inParts">)
    | undefined;
}

/**
 * The plan of the current backend's kernel for a request, or its refusal; `undefined` if
 * there is no planner. Warns where the device has too little.
 */
export function planKernel<Request>(
  { kernel }: Operation,
  request: Request,
): KernelPlan | Refusal | undefined {
  const plan = registered<Request>(kernel)?.plan?.(request);
  if (plan && "refusal" in plan) warnOfLack(plan.lacks, plan.refusal);
  return plan;
}

/**
 * Runs the current backend's kernel of an operation, on inputs converted to
 * float32; differentiable in `gradientsIn`. The gradient is computed from the
 * inputs, or those in `gradientInputs`, and the outputs in `gradientReads`, which
 * are kept for it.
 *
 * Call it inside `tf.tidy` if `operation` prepares inputs.
 *
 * @example Of a backend without the kernel
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { openBackend, runKernel } from "@lionjs/lion/tfjs";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * await openBackend("cpu");
 * const operation = { kernel: "Unknown", gradientsIn: [], outputs: ["y"] };
 * assertThrows(
 *   () => runKernel(operation, { x: tf.scalar(1) }),
 *   Error,
 *   "Kernel 'Unknown' not registered for backend 'cpu'",
 * );
 * ```
 *
 * @param operation What the kernel computes; see {@linkcode registerKernels}.
 * @param inputs Tensors by their names; those that are absent are not passed.
 * @param attributes What the kernel depends on besides tensors.
 * @returns The outputs by their names.
 * @throws {TypeError} If `operation` has no kernel's name, or an input is not of numbers.
 * @throws {Error} If the backend has no such kernel.
 */
export function runKernel<Output extends string, Further extends string>(
  operation: Operation<Output, Further>,
  inputs: Readonly<Record<string, tf.Tensor | undefined>>,
  attributes: object = {},
): Record<Output, tf.Tensor> & Partial<Record<Further, tf.Tensor>> {
  assertOperation(operation);
  const given: tf.NamedTensorMap = {};
  for (const name in inputs) {
    const x = inputs[name];
    if (!x) continue;
    given[name] = x.dtype === "float32"
      ? x
      : floats(`${operation.kernel}'s ${name}`, x);
  }
  const results = operation.gradientsIn.length > 0 && isRecording()
    ? runRecorded(operation, given, attributes)
    : runPrepared(operation, prepared(operation, given, given), attributes);
  return results as ReturnType<typeof runKernel<Output, Further>>;
}

/**
 * Records an operation like {@linkcode runKernel}, for its gradients alone: its
 * outputs are zeros, of the given shapes. Nothing may read them, not even its own
 * gradient kernel.
 */
export function recordKernel<Output extends string>(
  operation: Operation<Output>,
  inputs: tf.NamedTensorMap,
  shapes: Readonly<Record<Output, number[]>>,
): Record<Output, tf.Tensor> {
  return runRecorded(operation, inputs, {}, () => {
    const zeros = operation.outputs.map((name) => tf.zeros(shapes[name]));
    return named(operation.outputs, zeros);
  }) as Record<Output, tf.Tensor>;
}

function runPrepared(
  { kernel, outputs, further = [] }: Operation,
  inputs: tf.NamedTensorMap,
  attributes: object,
): tf.NamedTensorMap {
  const results = call(kernel, inputs, attributes);
  return named([...outputs, ...further].slice(0, results.length), results);
}

/** Runs a kernel as one entry of tfjs's tape. */
function runRecorded(
  operation: Operation,
  given: tf.NamedTensorMap,
  attributes: object,
  run: typeof runPrepared = runPrepared,
): tf.NamedTensorMap {
  const { gradientsIn, outputs, gradientReads = [], gradientInputs } =
    operation;
  const differentiable = pick(given, gradientsIn);
  // The gradient of a gradient is computed of the inputs as they were given.
  const hasSecond = isRecording(2) && operation.plain !== undefined;
  const whole = hasSecond ? given : {};
  const inParts = hasSecond ? undefined : registered(operation.kernel)?.inParts;
  let kept: string[];
  const results = runAsOne(differentiable, (save) => {
    const inputs = prepared(operation, given, given);
    const results = run(operation, inputs, attributes);
    const read = gradientInputs ? pick(inputs, gradientInputs) : inputs;
    const needed = { ...read, ...pick(results, gradientReads) };
    kept = Object.keys(needed);
    save([...Object.values(needed), ...Object.values(whole)]);
    return Object.values(pick(results, outputs));
  }, (dys, saved) => {
    const needed = named(kept, saved);
    const names = outputs.map((name) => `d${name}`);
    if (dys.length > names.length) names.push(`d${inParts}2`);
    const outputGradients = named(names, dys);
    const run = () => {
      const gradients = call(
        gradientKernel(operation),
        { ...needed, ...prepared(operation, outputGradients, needed) },
        attributes,
      );
      return named(Object.keys(differentiable), gradients);
    };
    if (!hasSecond || !isRecording()) return run();
    const inputs = named(Object.keys(whole), saved.slice(kept.length));
    return withSecondGradient(
      ...[operation, inputs, outputGradients, attributes] as const,
      run,
    );
  }, inParts === undefined ? undefined : outputs.indexOf(inParts));
  return named(outputs, results);
}

/** Replaces tensors by the results of the operation's `prepare`. */
function prepared(
  { prepare }: Operation,
  tensors: tf.NamedTensorMap,
  inputs: tf.NamedTensorMap,
): tf.NamedTensorMap {
  if (!prepare) return tensors;
  const result: tf.NamedTensorMap = {};
  for (const name in tensors) {
    result[name] = prepare(name, tensors[name]!, inputs);
  }
  return result;
}

function call(
  kernel: string,
  inputs: tf.NamedTensorMap,
  attributes: object,
): tf.Tensor[] {
  const outputs: unknown = tf.engine()
    .runKernel(kernel, inputs, attributes as tf.NamedAttrMap);
  return Array.isArray(outputs) ? outputs : [outputs as tf.Tensor];
}

function named(
  names: readonly string[],
  tensors: readonly tf.Tensor[],
): tf.NamedTensorMap {
  const result: tf.NamedTensorMap = {};
  names.forEach((name, i) => result[name] = tensors[i]!);
  return result;
}

/** The tensors with these names that exist, in this order. */
function pick(
  tensors: tf.NamedTensorMap,
  names: readonly string[],
): tf.NamedTensorMap {
  const result: tf.NamedTensorMap = {};
  for (const name of names) {
    if (tensors[name]) result[name] = tensors[name];
  }
  return result;
}

/**
 * Wraps a kernel so that it throws for dtypes other than float32.
 * {@linkcode runKernel} converts; direct calls would have integers read as
 * floats.
 */
function onFloats(name: string, kernelFunc: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const inputs = call.inputs as Record<string, tf.TensorInfo>;
    for (const input in inputs) {
      const { dtype } = inputs[input]!;
      if (dtype === "float32") continue;
      throw new TypeError(
        `${name}'s ${input} should be float32, got ${dtype}; cast it`,
      );
    }
    return kernelFunc(call);
  };
}
