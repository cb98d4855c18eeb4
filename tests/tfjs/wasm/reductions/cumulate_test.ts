import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../../mod.ts";
import { array, uniform } from "../../../random.ts";

/** A cumulative sum or product along an axis, in float64. */
function cumulated(
  values: Float32Array,
  shape: readonly number[],
  axis: number,
  { product, exclusive, reverse }: Readonly<Record<string, boolean>>,
): Float64Array {
  const count = shape[axis]!, found = new Float64Array(values.length);
  const stride = tf.util.sizeFromShape(shape.slice(axis + 1));
  const step = reverse ? -stride : stride;
  for (let line = 0; line < values.length / count; line++) {
    const start = Math.floor(line / stride) * stride * count + line % stride;
    let at = reverse ? start + (count - 1) * stride : start;
    let total = product ? 1 : 0;
    for (let i = 0; i < count; i++, at += step) {
      const next = product ? total * values[at]! : total + values[at]!;
      found[at] = exclusive ? total : next;
      total = next;
    }
  }
  return found;
}

const FLAGS = [false, true].flatMap((product) =>
  [false, true].flatMap((exclusive) =>
    [false, true].map((reverse) => ({ product, exclusive, reverse }))
  )
);

/** Compares all cumulative functions of a tensor with float64; returns the results. */
async function check(
  values: Float32Array,
  shape: number[],
  axis: number,
): Promise<Float32Array[]> {
  const results: Float32Array[] = [];
  for (const flags of FLAGS) {
    const { product, exclusive, reverse } = flags;
    const own = product ? values.map((x) => 1 + x / 100) : values;
    const y = tf.tidy(() =>
      (product ? tf.cumprod : tf.cumsum)(
        tf.tensor(own, shape),
        axis,
        exclusive,
        reverse,
      )
    );
    assertEquals(y.shape, shape);
    const found = await y.data() as Float32Array;
    y.dispose();
    const along = axis < 0 ? axis + shape.length : axis;
    const wanted = cumulated(own, shape, along, flags);
    const wrong = wanted.findIndex((wanted, i) => {
      const bound = 1e-7 * Math.max(1, Math.abs(wanted));
      return !(Math.abs(found[i]! - wanted) <= bound) &&
        !Object.is(found[i]! + 0, Math.fround(wanted) + 0);
    });
    const label = `${JSON.stringify(flags)} of [${shape}] along ${axis}`;
    assertEquals(wrong, -1, `${label}: ${found[wrong]}, not ${wanted[wrong]}`);
    results.push(found);
  }
  return results;
}

Deno.test("cumulative sums and products are those of float64 on every axis [wasm]", async () => {
  const random = uniform(1);
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const before = tf.memory().numTensors;
  for (
    const shape of [
      ...[[1], [3], [17], [1000], [1, 5], [5, 1], [17, 3], [3, 1000]],
      ...[[2, 3, 5, 4], [3, 1, 17, 2], [2, 40, 600]],
    ]
  ) {
    for (const axis of shape.keys()) {
      const values = array(tf.util.sizeFromShape(shape), random);
      await check(values, shape, axis);
      await check(values, shape, axis - shape.length);
    }
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("large cumulative functions are right, and the same on one thread and two [wasm]", async () => {
  const cases: readonly [number[], number][] = [
    ...[[[130_003], 0], [[3, 50_001], 1], [[260, 500], 1]],
    ...[[[260, 501], 0], [[2, 260, 260], 1], [[50_001, 3], 0]],
  ] as [number[], number][];
  const found = new Map<string, Float32Array[]>();
  for (const threads of [1, 2]) {
    await useBackend({ prefer: ["wasm"], threads });
    for (const [shape, axis] of cases) {
      const values = array(tf.util.sizeFromShape(shape), uniform(2));
      const results = await check(values, shape, axis);
      const label = `[${shape}] along ${axis}`;
      assertEquals(results, found.get(label) ?? results, label);
      found.set(label, results);
    }
  }
});

Deno.test("cumulative sums of NaN and infinity are those of float64 [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  for (const odd of [NaN, Infinity, -Infinity, 3e38]) {
    for (const at of [0, 5, 89]) {
      const values = new Float32Array(90).fill(2);
      values[at] = odd;
      for (const [shape, axis] of [[[90], 0], [[9, 10], 0]] as const) {
        await check(values, [...shape], axis);
      }
    }
  }
});

Deno.test("a cumulative sum of a million numbers has no error that grows [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const size = 1e6, value = Math.fround(0.1);
  const y = tf.tidy(() => tf.cumsum(tf.fill([size], value)));
  const wrong = (await y.data()).findIndex((found, i) =>
    !(Math.abs(found / (value * (i + 1)) - 1) < 1e-7)
  );
  assertEquals(wrong, -1);
  y.dispose();
});

Deno.test("integers are added up by the kernel before [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const y = tf.tidy(() => tf.cumsum(tf.tensor1d([2 ** 24, 1, 1], "int32")));
  assertEquals(y.dtype, "int32");
  assertEquals([...await y.data()], [2 ** 24, 2 ** 24 + 1, 2 ** 24 + 2]);
  y.dispose();
});
