/** What copies of elements are, element by element. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../../mod.ts";
import { onEachBackend } from "../../../backends.ts";

/** The types whose elements are copied. */
export const DTYPES = ["float32", "int32", "bool"] as const;

/** Registers a test of the wasm backend on one thread and on two. */
export function onThreads(
  name: string,
  run: () => Promise<void> | void,
): void {
  onEachBackend(name, async () => {
    for (const threads of [1, 2]) {
      await useBackend({ prefer: ["wasm"], threads });
      await run();
    }
  }, ["wasm"]);
}

/** Values of a type that tell elements apart, as far as it can. */
export function valuesOf(
  shape: readonly number[],
  dtype: typeof DTYPES[number],
): number[] {
  return Array.from(
    { length: tf.util.sizeFromShape([...shape]) },
    (_, i) => dtype === "bool" ? i * i % 11 % 2 : i - 3,
  );
}

/** The index of a place in a tensor of a shape. */
export function indexOf(
  place: readonly number[],
  shape: readonly number[],
): number {
  return place.reduce((index, at, axis) => index * shape[axis]! + at, 0);
}

/** The values of a tensor by a function of the place. */
export function defined(
  shape: readonly number[],
  valueAt: (place: number[]) => number,
): number[] {
  const size = tf.util.sizeFromShape([...shape]);
  return Array.from({ length: size }, (_, n) => {
    const place = new Array<number>(shape.length);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place[axis] = n % shape[axis]!;
      n = Math.floor(n / shape[axis]!);
    }
    return valueAt(place);
  });
}

/** Checks the shape, type and values of a tensor, and disposes of it. */
export async function assertTensor(
  y: tf.Tensor,
  shape: readonly number[],
  dtype: string,
  values: readonly number[],
  label: string,
): Promise<void> {
  assertEquals(y.shape, shape, label);
  assertEquals(y.dtype, dtype, label);
  const got = await y.data();
  assertEquals(got.length, values.length, label);
  // Only where they differ is a comparison of all worth its time.
  if (values.some((value, i) => got[i] !== value)) {
    assertEquals([...got], values, label);
  }
  y.dispose();
}
