/** float32, the only dtype that operations and kernels compute with. @module */
import * as tf from "@tensorflow/tfjs-core";
import "./missing_backend.ts";
import { assertNotDisposed } from "./shape.ts";
import { shown } from "@lionjs/base";

/**
 * Returns the tensor as float32, the only dtype that kernels support:
 * unchanged, or converted if it is int32 or bool. Differentiable. If it
 * converts, call it inside `tf.tidy`.
 */
export function floats<T extends tf.Tensor>(name: string, x: T): T {
  assertNumbers(name, x);
  if (x.dtype === "float32") return x;
  return tf.cast(x, "float32");
}

/**
 * Calls a function with its tensors as {@linkcode floats}, inside `tf.tidy`
 * only if one is converted.
 *
 * @param tensors The tensors by argument name, the first of which is required;
 * other undefined ones stay undefined.
 */
export function withFloats<
  T extends Readonly<Record<string, tf.Tensor | undefined>>,
  R extends tf.TensorContainer,
>(operation: string, tensors: T, compute: (tensors: T) => R): R {
  const given = Object.entries(tensors).filter(([, x], i) =>
    i === 0 || x !== undefined
  );
  const owner = operation.endsWith("s") ? `${operation}'` : `${operation}'s`;
  for (const [name, x] of given) assertNumbers(`${owner} ${name}`, x!);
  if (given.every(([, x]) => x!.dtype === "float32")) return compute(tensors);
  return tf.tidy(() => {
    const converted = given.map(([name, x]) => [name, floats(name, x!)]);
    return compute({ ...tensors, ...Object.fromEntries(converted) });
  });
}

/** Throws unless a tensor can be converted to float32 without a loss. */
export function assertNumbers(name: string, x: tf.Tensor): void {
  // Callers in plain JavaScript and notebooks are not type-checked.
  const given: unknown = x;
  if (!(given instanceof tf.Tensor)) {
    throw new TypeError(`${name} should be a tensor, got ${shown(given)}`);
  }
  assertNotDisposed(name, given);
  const dtype: string = given.dtype;
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return;
  const instead = dtype === "complex64"
    ? "take tf.real, tf.imag or tf.abs of it"
    : "convert it to numbers";
  throw new TypeError(
    `${name} should be float32, or int32 or bool, which are converted; got ${dtype}: ${instead}`,
  );
}
