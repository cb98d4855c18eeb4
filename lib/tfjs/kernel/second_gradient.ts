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

/** What second derivatives are computed of. */
interface PlainOperation {
  /** The names of the outputs. */
  readonly outputs: readonly string[];
  /** Computes them, in operations whose gradients have gradients. */
  plain?(
    inputs: object,
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
      const read = names.filter((_, i) => us[i]);
      const slope = () => {
        const dxs = plainGradients(operation, kept, read, attributes);
        const terms = us.filter((u) => u !== null)
          .flatMap((u, i) => dxs[i] ? [tf.sum(tf.mul(u, dxs[i]))] : []);
        return terms.length > 0 ? tf.addN(terms) : tf.scalar(0);
      };
      const xs = Object.keys(needed).map((name) => kept[name]!);
      const found = gradientsIfAny(xs, slope);
      const all: tf.NamedTensorMap = {};
      Object.keys(needed).forEach((name, i) =>
        all[name] = found[i] ?? tf.zerosLike(xs[i]!)
      );
      return all;
    }));
  return Object.fromEntries(names.map((name, i) => [name, gradients[i]!]));
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
    return gradientsIfAny(xs, () => run()[outputs[0]!]!, dyOf(outputs[0]!));
  }
  return gradientsIfAny(xs, () => {
    const found = Object.entries(run());
    return tf.addN(found.map(([name, y]) => tf.sum(tf.mul(y, dyOf(name)))));
  });
}
