/** Moving tokens along their sequence. @module */
import * as tf from "@tensorflow/tfjs-core";

/**
 * Moves the entries along an axis by some places, to the front if `by` is
 * negative. Those that leave it are dropped, and `beyond` comes in; zeros if none stays.
 */
export function shifted<T extends tf.Tensor>(
  x: T,
  by: number,
  axis: number,
  beyond = 0,
): T {
  if (by === 0) return x;
  const kept = x.shape[axis]! - Math.abs(by);
  if (kept <= 0) return tf.zerosLike(x);
  const along = <U>(here: U, elsewhere: U) =>
    x.shape.map((_, i) => i === axis ? here : elsewhere);
  const part = tf.slice(x, along(Math.max(0, -by), 0), along(kept, -1));
  const pads: [number, number] = [Math.max(0, by), Math.max(0, -by)];
  return tf.pad(part, along(pads, [0, 0]), beyond) as T;
}
