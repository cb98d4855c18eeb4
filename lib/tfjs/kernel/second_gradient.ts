/**
 * The gradients of gradient kernels, which no backend has kernels of.
 *
 * A gradient kernel computes dx_i = Σ_o (∂y_o/∂x_i)ᵀ dy_o of inputs x and gradients dy. Where
 * the gradients of its results are u, its own are those of the number
 *
 *     s(x, dy) = Σ_i ⟨u_i, dx_i⟩
 *
 * in x and dy. They are computed of the operation's plain form, again from the inputs, so that
 * nothing of it is kept in between.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { gradientsIfAny, runWithGradient } from "./tape.ts";

/** An operation, as second derivatives need it. */
interface PlainOperation {
  /** The names of the outputs. */
  readonly outputs: readonly string[];
  /** Computes the outputs, in operations whose gradients have gradients. */
  plain?(
    inputs: object,
    attributes: object,
  ): Partial<Record<string, tf.Tensor>>;
  /** Computes the derivatives of all outputs in a direction. */
  along?(
    inputs: object,
    directions: object,
    attributes: object,
  ): Partial<Record<string, tf.Tensor>>;
}

/**
 * Runs a gradient kernel as one entry of tfjs's tape, with a gradient of its own.
 *
 * @param operation An operation with a plain form.
 * @param inputs Its inputs by name.
 * @param dys The gradients of its outputs, by their names behind a `d`.
 * @param run Runs the gradient kernel; returns the gradients of the inputs by name.
 */
export function withSecondGradient(
  operation: PlainOperation,
  inputs: tf.NamedTensorMap,
  dys: tf.NamedTensorMap,
  attributes: object,
  run: () => tf.NamedTensorMap,
): tf.NamedTensorMap {
  const tensors = { ...inputs, ...dys };
  let names: string[] = [];
  const gradients = runWithGradient(tensors, (save) => {
    save(Object.values(tensors));
    const dxs = run();
    names = Object.keys(dxs);
    return Object.values(dxs);
  }, (needed, us, saved) =>
    tf.tidy(() => {
      const kept: tf.NamedTensorMap = {};
      Object.keys(tensors).forEach((name, i) => kept[name] = saved[i]!);
      const given: tf.NamedTensorMap = {};
      names.forEach((name, i) => us[i] && (given[name] = us[i]));
      const call = { operation, tensors: kept, us: given, attributes };
      const wanted = Object.keys(needed);
      const found = operation.along
        ? gradientsAlong(call, wanted)
        : gradientsOfPlain(call, wanted);
      const all: tf.NamedTensorMap = {};
      for (const name of wanted) {
        all[name] = found[name] ?? tf.zerosLike(kept[name]!);
      }
      return all;
    }));
  return Object.fromEntries(names.map((name, i) => [name, gradients[i]!]));
}

/** A call of a gradient kernel, and the gradients of its results by the inputs' names. */
interface GradientCall {
  readonly operation: PlainOperation;
  /** The inputs, and the gradients of the outputs behind a `d`. */
  readonly tensors: tf.NamedTensorMap;
  readonly us: tf.NamedTensorMap;
  readonly attributes: object;
}

/** Gradients by name; `undefined` where there is none. */
type Gradients = Partial<tf.NamedTensorMap>;

/** The gradients of s by those of the plain form, in some of the tensors. */
function gradientsOfPlain(
  { operation, tensors, us, attributes }: GradientCall,
  wanted: readonly string[],
): Gradients {
  const slope = () => {
    const read = Object.keys(us);
    const dxs = plainGradients(operation, tensors, read, attributes);
    const terms = dxs.flatMap((dx, i) =>
      dx ? [tf.sum(tf.mul(us[read[i]!]!, dx))] : []
    );
    return terms.length > 0 ? tf.addN(terms) : tf.scalar(0);
  };
  const { grads } = gradientsIfAny(wanted.map((name) => tensors[name]!), slope);
  return Object.fromEntries(wanted.map((name, i) => [name, grads[i]]));
}

/** The same of s = Σ_o ⟨dy_o, ẏ_o⟩, where ẏ is the derivative of y in the direction u. */
function gradientsAlong(
  { operation, tensors, us, attributes }: GradientCall,
  wanted: readonly string[],
): Gradients {
  const { outputs } = operation;
  const changes = () => operation.along!(tensors, us, attributes);
  const [output] = outputs as [string], dy = `d${output}`;
  const isSingle = outputs.length === 1;
  const names = wanted.filter((name) => !isSingle || name !== dy);
  const { value, grads } = gradientsIfAny(
    names.map((name) => tensors[name]!),
    () => {
      const ys = changes();
      if (isSingle) return ys[output]!;
      const terms = outputs.map((name) =>
        tf.sum(tf.mul(ys[name]!, tensors[`d${name}`]!))
      );
      return tf.addN(terms);
    },
    isSingle ? tensors[dy] : undefined,
  );
  const found = names.map((name, i) => [name, grads[i]] as const);
  return { ...Object.fromEntries(found), ...isSingle && { [dy]: value } };
}

/** The gradients of some inputs by the plain form; `undefined` where it does not depend on one. */
function plainGradients(
  { plain, outputs }: PlainOperation,
  tensors: tf.NamedTensorMap,
  names: readonly string[],
  attributes: object,
): (tf.Tensor | undefined)[] {
  const dyOf = (output: string) => tensors[`d${output}`]!;
  const xs = names.map((name) => tensors[name]!);
  const run = () => plain!(tensors, attributes) as tf.NamedTensorMap;
  if (outputs.length === 1) {
    const [output] = outputs as [string];
    return gradientsIfAny(xs, () => run()[output]!, dyOf(output)).grads;
  }
  return gradientsIfAny(xs, () => {
    const found = Object.entries(run());
    return tf.addN(found.map(([name, y]) => tf.sum(tf.mul(y, dyOf(name)))));
  }).grads;
}
