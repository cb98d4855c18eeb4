/**
 * What an operation and its kernels agree on, how the operation runs them, and
 * what a kernel may rely on: all of its inputs hold float32, whoever calls it.
 *
 * An operation asks the current backend for a kernel of its name, and is made
 * of tfjs operations where there is none.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "./floats.ts";
import { isRecording, runAsOne } from "./tape.ts";

/**
 * An operation of ours as a kernel, by the names of what goes in and out, in
 * order. Of an operation with forms, each form is one.
 *
 * The gradient kernel is given what the forward kernel is given, the outputs of
 * `gradientReads`, and `d` + its name for the gradient in each of `outputs`. It
 * returns the gradients in those of `gradientsIn` that are there.
 */
export interface Operation<
  Output extends string = string,
  Further extends string = string,
> {
  /** The kernel's name; that of its gradient has `Grad` after it. */
  readonly kernel: string;
  /** Inputs that it is differentiable in; none if there is no gradient kernel. All others are constants. */
  readonly gradientsIn: readonly string[];
  /** Outputs; differentiable ones, if any is. */
  readonly outputs: readonly Output[];
  /** Outputs after those that have no gradient, and are not there where one is recorded. */
  readonly further?: readonly Further[];
  /** Outputs of any kind that the gradient kernel needs. @default none */
  readonly gradientReads?: readonly (Output | Further)[];
  /**
   * What the kernels are given in the place of an input, or of the gradient in
   * an output. Gradients do not go through it. @default what came
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

/** What a kernel would do. */
export interface KernelPlan {
  /** Tokens per chunk or tile, at most those asked for; `null` without any. */
  readonly chunkSize: number | null;
  /** Bytes that the forward pass needs beside its inputs and outputs. */
  readonly scratchBytes: number;
  /** Those of them that do not stay in a processor's cache. @default all */
  readonly carriedBytes?: number;
  /** How it runs, for people: such as "2 threads". */
  readonly how: string;
}

/** Why a kernel does not run, in words. */
export interface Refusal {
  /** The reason. */
  readonly refusal: string;
}

/** What a kernel would do with a problem, or in words why it cannot. */
export type Planner<Request> = (request: Request) => KernelPlan | Refusal;

/** The kernels of an operation on a backend. */
export interface Kernels<Request = never> {
  /** The forward kernel. */
  readonly forward: tf.KernelFunc;
  /** The gradient kernel. */
  readonly gradient?: tf.KernelFunc | undefined;
  /** Plans the forward kernel. @default it does whatever it is asked for */
  readonly plan?: Planner<Request> | undefined;
}

/**
 * Registers the kernels of an operation, in the place of those it had.
 *
 * @param backendName The backend.
 * @param operation The operation.
 * @param kernels Its kernels; they refuse inputs that do not hold float32.
 */
export function registerKernels<Request>(
  backendName: string,
  operation: Operation,
  { forward, gradient, plan }: Kernels<Request>,
): void {
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
  register(operation.kernel, forward, plan && { plan });
  if (gradient) register(gradientKernel(operation), gradient);
}

/** Whether the current backend has the kernel of an operation. */
export function hasKernel({ kernel }: Operation): boolean {
  return tf.getKernel(kernel, tf.getBackend()) !== undefined;
}

/** What the current backend's kernel would do with a request; `undefined` if there is none that plans. */
export function planKernel<Request>(
  { kernel }: Operation,
  request: Request,
): KernelPlan | Refusal | undefined {
  const registered = tf.getKernel(kernel, tf.getBackend()) as
    | (tf.KernelConfig & { readonly plan?: Planner<Request> })
    | undefined;
  return registered?.plan?.(request);
}

/**
 * Runs the current backend's kernel of an operation, on inputs converted to
 * float32; differentiable in those of `gradientsIn`. The gradient is computed
 * from the inputs and the outputs of `gradientReads`, which are kept for it.
 *
 * In a tidy of the caller's, if `operation` prepares inputs.
 *
 * @param operation The operation.
 * @param inputs Its inputs; what is undefined is not there.
 * @param attributes Its attributes.
 * @returns Its outputs.
 * @throws {TypeError} If an input holds neither numbers nor booleans.
 */
export function runKernel<Output extends string, Further extends string>(
  operation: Operation<Output, Further>,
  inputs: Readonly<Record<string, tf.Tensor | undefined>>,
  attributes: object = {},
): Record<Output, tf.Tensor> & Partial<Record<Further, tf.Tensor>> {
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

function runPrepared(
  { kernel, outputs, further = [] }: Operation,
  inputs: tf.NamedTensorMap,
  attributes: object,
): tf.NamedTensorMap {
  const results = call(kernel, inputs, attributes);
  return named([...outputs, ...further].slice(0, results.length), results);
}

/** As one entry of tfjs's tape. */
function runRecorded(
  operation: Operation,
  given: tf.NamedTensorMap,
  attributes: object,
): tf.NamedTensorMap {
  const { gradientsIn, outputs, gradientReads = [] } = operation;
  const differentiable = pick(given, gradientsIn);
  let kept: string[];
  const results = runAsOne(differentiable, (save) => {
    const inputs = prepared(operation, given, given);
    const results = runPrepared(operation, inputs, attributes);
    const needed = { ...inputs, ...pick(results, gradientReads) };
    kept = Object.keys(needed);
    save(Object.values(needed));
    return Object.values(pick(results, outputs));
  }, (dys, saved) => {
    const needed = named(kept, saved);
    const slopes = named(outputs.map((name) => `d${name}`), dys);
    const gradients = call(
      gradientKernel(operation),
      { ...needed, ...prepared(operation, slopes, needed) },
      attributes,
    );
    return named(Object.keys(differentiable), gradients);
  });
  return named(outputs, results);
}

/** What kernels are given in the place of some tensors. */
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

/** Those of these names that are there, in this order. */
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
 * The kernel, refusing what is not float32. {@linkcode runKernel} converts; this
 * is for calls past it, whose integers would be read as floats.
 */
function onFloats(name: string, kernelFunc: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    for (const [input, tensor] of Object.entries(call.inputs)) {
      const { dtype } = tensor as tf.TensorInfo;
      if (dtype === "float32") continue;
      throw new TypeError(
        `${name}'s ${input} should be float32, got ${dtype}; cast it`,
      );
    }
    return kernelFunc(call);
  };
}
