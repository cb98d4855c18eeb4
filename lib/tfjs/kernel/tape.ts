/**
 * Extensions of tfjs's tape, the record from which it computes gradients.
 *
 * Importing this makes tfjs dispose of recorded tensors when a function throws
 * while its gradients are computed. On its own, tfjs leaks what its tape has
 * saved, for any loss: in `train`, `model.fit` or `tf.grad`.
 *
 * It also lets a gradient function compute other gradients: on its own, tfjs
 * loses the tape that it is reading. So a part of a computation can be computed
 * again for its gradient ({@linkcode computedAgain}).
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  type GradientEngine,
  gradientsOf,
  type TapeNode,
} from "./backpropagation.ts";
import "./cumulative_sum.ts";
import { assertNotDisposed } from "./shape.ts";

/** Keeps tensors until the gradient is computed. */
type Save = (tensors: tf.Tensor[]) => void;

type GradientArguments = Parameters<typeof gradientsOf> extends
  [unknown, ...infer Rest] ? Rest : never;

/** tfjs's engine, with undeclared members. */
interface Engine extends GradientEngine {
  readonly state: GradientEngine["state"] & { readonly kernelDepth: number };
  keep(tensor: tf.Tensor): tf.Tensor;
  runKernelFunc(run: {
    readonly inputs: tf.NamedTensorMap;
    forwardFunc(backend: unknown, save: Save): tf.Tensor[];
    backwardsFunc(
      dy: tf.Tensor | tf.Tensor[],
      saved: tf.Tensor[],
    ): Record<string, () => tf.Tensor>;
  }): tf.Tensor[];
  readonly backend: { incRef(dataId: object): void };
  clone(x: tf.Tensor): tf.Tensor;
  makeTensorFromTensorInfo(x: tf.TensorInfo): tf.Tensor;
  gradients: {
    (...args: GradientArguments): ReturnType<typeof gradientsOf>;
    freesTape?: true;
  };
}

const engine = tf.engine() as unknown as Engine;
if (!engine.gradients.freesTape) {
  const { clone } = engine;
  // tfjs calls this for what is saved. It runs a kernel, and records it: two of three
  // entries of a tape, which only the gradient of a gradient needs.
  engine.clone = (x) => {
    if (engine.state.gradientDepth > 1) {
      const copy = clone.call(engine, x);
      if (engine.state.kernelDepth > 0) {
        engine.state.activeTape!.at(-1)!.isOfLater = true;
      }
      return copy;
    }
    const { dataId, shape, dtype } = x;
    engine.backend.incRef(dataId);
    return engine.makeTensorFromTensorInfo({ dataId, shape, dtype });
  };
  engine.gradients = Object.assign(
    (...args: GradientArguments) =>
      freeingTape(() => gradientsOf(engine, ...args)),
    { freesTape: true as const },
  );
}

/**
 * Whether operations are being recorded for a gradient.
 *
 * @param order 2 for the gradient of a gradient. @default 1
 */
export function isRecording(order = 1): boolean {
  return engine.state.gradientDepth >= order && engine.state.kernelDepth === 0;
}

/**
 * Runs a function with a custom gradient, like `tf.customGrad`, but with
 * several outputs.
 *
 * @param forward Computes the outputs, and saves tensors for the gradient.
 * @param backward Computes the inputs' gradients from those of all outputs and
 * the saved tensors.
 * @param inParts The index of an output whose gradient `backward` adds up from two parts,
 * where it comes so; the second part comes after the gradients of all outputs.
 */
export function runAsOne(
  inputs: tf.NamedTensorMap,
  forward: (save: Save) => tf.Tensor[],
  backward: (dys: tf.Tensor[], saved: tf.Tensor[]) => tf.NamedTensorMap,
  inParts?: number,
): tf.Tensor[] {
  const recording = isRecording();
  const outputs = engine.runKernelFunc({
    inputs,
    forwardFunc: (_, save) => forward(save),
    backwardsFunc: (dy, saved) => {
      const gradients = backward(Array.isArray(dy) ? dy : [dy], saved);
      return Object.fromEntries(
        Object.entries(gradients).map(([name, x]) => [name, () => x]),
      );
    },
  });
  if (recording) engine.state.activeTape!.at(-1)!.inParts = inParts;
  return outputs;
}

/**
 * Runs a function whose gradient computes it again, instead of keeping what it
 * has computed on the way. Gradients reach all that it reads, variables and
 * other tensors too; its result and they are those of the function itself.
 *
 * The first run is recorded as well, and then forgotten: some operations run
 * other kernels where nothing is recorded, and these round differently.
 *
 * Source: Chen et al. 2016 (arXiv:1604.06174).
 *
 * @param inputs The tensors that the function gets, which are kept until then.
 * @param run Always computes the same, of its inputs and of tensors that exist
 * until the gradient is computed. Where its result is not read, only its gradients
 * have to be those of the same.
 */
export function computedAgain<T extends tf.Tensor>(
  inputs: readonly tf.Tensor[],
  run: (inputs: readonly tf.Tensor[], isRead: boolean) => T,
): T {
  if (!isRecording()) return run(inputs, true);
  const tape = engine.state.activeTape!;
  const begin = tape.length, firstId = engine.nextTensorId();
  const y = tf.tidy(() => run(inputs, true));
  const nodes = tape.splice(begin);
  tf.dispose(nodes.flatMap(({ saved }) => saved ?? []));
  const read = readBy(nodes, y);
  if (read.includes(y)) return y;
  const names = read.map((x, i) => [`${i}`, x] as const);
  const others = read.filter((x) => x.id < firstId && !inputs.includes(x));
  const [value] = runWithGradient(Object.fromEntries(names), (save) => {
    save([...inputs]);
    return [tf.clone(y)];
  }, (needed, [dy], saved) => {
    for (const x of others) {
      assertNotDisposed(
        "what a block with gradientCheckpointing: true reads",
        x,
      );
    }
    const names = Object.keys(needed);
    const xs = names.map((name) => {
      const x = needed[name]!;
      return saved[inputs.indexOf(x)] ?? x;
    });
    // A gradient of this gradient needs all of the tape.
    const isLast = engine.state.gradientDepth === 0;
    const { value, grads } = engine.gradients(
      () => run(saved, !isLast),
      xs,
      dy,
    );
    value.dispose();
    return Object.fromEntries(names.map((name, i) => [name, grads[i]!]));
  });
  y.dispose();
  return value as T;
}

/**
 * Runs a function like {@linkcode runAsOne} while operations are being recorded, with a
 * gradient that is not computed for all.
 *
 * @param backward Computes the gradients of those inputs that need one, such as weights that
 * train, from those of the outputs, `null` of an output that nothing reads.
 */
export function runWithGradient(
  inputs: tf.NamedTensorMap,
  forward: (save: Save) => tf.Tensor[],
  backward: (
    needed: tf.NamedTensorMap,
    dys: readonly (tf.Tensor | null)[],
    saved: readonly tf.Tensor[],
  ) => tf.NamedTensorMap,
): tf.Tensor[] {
  const outputs = runAsOne(inputs, forward, () => ({}));
  const node = engine.state.activeTape!.at(-1)!, saved = node.saved!;
  node.gradient = function (dys) {
    const gradients = backward(this.inputs, dys, saved);
    return Object.fromEntries(
      Object.entries(gradients).map(([name, x]) => [name, () => x]),
    );
  };
  return outputs;
}

/**
 * The gradients of a function's value, of which nothing is disposed of: call it inside
 * `tf.tidy`.
 *
 * @param dy The gradient of the value. @default ones
 * @returns The gradient of each tensor; `undefined` where the value does not depend on it.
 */
export function gradientsIfAny(
  xs: readonly tf.Tensor[],
  value: () => tf.Tensor,
  dy?: tf.Tensor,
): (tf.Tensor | undefined)[] {
  return engine.gradients(value, xs, dy, true).grads;
}

/** The tensors that a result depends on, and that were there before these nodes. */
function readBy(nodes: readonly TapeNode[], y: tf.Tensor): tf.Tensor[] {
  const read = new Map([[y.id, y]]);
  for (const { inputs, outputs } of nodes.toReversed()) {
    if (!outputs.some(({ id }) => read.has(id))) continue;
    for (const { id } of outputs) read.delete(id);
    for (const x of Object.values(inputs)) read.set(x.id, x);
  }
  return [...read.values()];
}

function freeingTape<T>(run: () => T): T {
  const { state, keep } = engine;
  const outermost = state.gradientDepth === 0;
  const tape = state.activeTape;
  const saved: tf.Tensor[] = [];
  engine.keep = (tensor) => {
    // Outside of kernels, saved tensors must be kept by the caller.
    if (state.kernelDepth > 0) saved.push(tensor);
    return keep.call(engine, tensor);
  };
  try {
    return run();
  } catch (error) {
    tf.dispose(saved);
    throw error;
  } finally {
    engine.keep = keep;
    if (outermost) state.activeTape = tape;
  }
}
