import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../../mod.ts";
import { array, uniform } from "../../../random.ts";

/** Softmax of rows in float64. */
function softmaxOf(values: ArrayLike<number>, columns: number): Float64Array {
  const y = new Float64Array(values.length);
  for (let start = 0; start < y.length; start += columns) {
    let largest = -Infinity, sum = 0;
    for (let i = start; i < start + columns; i++) {
      largest = Math.max(largest, values[i]!);
    }
    for (let i = start; i < start + columns; i++) {
      sum += y[i] = Math.exp(values[i]! - largest);
    }
    for (let i = start; i < start + columns; i++) y[i]! /= sum;
  }
  return y;
}

/** The gradient of softmax in float64. */
function gradientOf(
  y: Float64Array,
  dy: ArrayLike<number>,
  columns: number,
): Float64Array {
  let mean = 0;
  return y.map((own, i) => {
    if (i % columns === 0) {
      mean = 0;
      for (let j = i; j < i + columns; j++) mean += y[j]! * dy[j]!;
    }
    return own * (dy[i]! - mean);
  });
}

/** Compares softmax and its gradient with float64; returns both. */
async function check(
  shape: number[],
  logits: Float32Array,
  dy: Float32Array,
): Promise<Float32Array[]> {
  const { value, grad } = tf.tidy(() =>
    tf.valueAndGrad((x: tf.Tensor) => tf.softmax(x))(
      tf.tensor(logits, shape),
      tf.tensor(dy, shape),
    )
  );
  assertEquals([value.shape, grad.shape], [shape, shape]);
  const found = await Promise.all([value, grad].map((x) => x.data()));
  tf.dispose([value, grad]);
  const columns = shape.at(-1)!;
  const y = softmaxOf(logits, columns), dx = gradientOf(y, dy, columns);
  for (
    const [name, values, wanted] of [
      ["softmax", found[0]!, y],
      ["its gradient", found[1]!, dx],
    ] as const
  ) {
    // A difference of 60 is itself off by 2e-6 in 32 bits.
    const wrong = wanted.findIndex((wanted, i) =>
      !(Math.abs(values[i]! - wanted) <= 5e-6 * y[i]! + 1e-37) &&
      !(Number.isNaN(wanted) && Number.isNaN(values[i]!))
    );
    const label = `${name} of [${shape}]: ${values[wrong]}, not ${
      wanted[wrong]
    }`;
    assertEquals(wrong, -1, label);
  }
  return found as Float32Array[];
}

Deno.test("softmax and its gradient are those of float64 [wasm]", async () => {
  const random = uniform(1);
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const before = tf.memory().numTensors;
  for (
    const shape of [
      ...[[1], [3], [17], [1000], [5, 1], [17, 3], [3, 1000], [2, 3, 5, 7]],
      ...[[70, 600], [2, 40_000], [0, 3], [3, 0]],
    ]
  ) {
    const size = tf.util.sizeFromShape(shape);
    for (const scale of [1, 30]) {
      const logits = array(size, random, (u) => scale * (2 * u - 1));
      await check(shape, logits, array(size, random));
    }
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("softmax is the same on one thread and two [wasm]", async () => {
  const found = new Map<string, Float32Array[]>();
  for (const threads of [1, 2]) {
    await useBackend({ prefer: ["wasm"], threads });
    for (const shape of [[60_001], [3, 30_001], [200, 333], [12_000, 5]]) {
      const random = uniform(2), size = tf.util.sizeFromShape(shape);
      const logits = array(size, random), dy = array(size, random);
      const results = await check(shape, logits, dy);
      assertEquals(results, found.get(`${shape}`) ?? results, `[${shape}]`);
      found.set(`${shape}`, results);
    }
  }
});

Deno.test("softmax of NaN, infinity and large numbers is as the definition says [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  for (const columns of [3, 70, 50_000]) {
    for (const odd of [NaN, Infinity, -Infinity, 3e38, -3e38]) {
      const logits = array(2 * columns, uniform(3));
      const dy = array(2 * columns, uniform(4));
      for (const at of [0, 1, columns - 1]) {
        await check([2, columns], logits.with(at, odd), dy);
      }
      await check([2, columns], logits.fill(odd, 0, columns), dy);
      // One of a masked row is left, at its beginning or its end.
      for (const at of [0, columns - 1]) {
        await check([2, columns], logits.with(at, 1), dy);
      }
    }
  }
});

Deno.test("the gradient of softmax has a gradient in that of its result [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const random = uniform(5), shape = [3, 4];
  const [logits, dy, weights] = [1, 2, 3].map(() => array(12, random));
  const before = tf.memory().numTensors;
  const gradient = tf.tidy(() => {
    const x = tf.tensor(logits!, shape), w = tf.tensor(weights!, shape);
    const inner = tf.grad((x: tf.Tensor) => tf.softmax(x));
    return tf.grad((dy: tf.Tensor) => tf.sum(tf.mul(w, inner(x, dy))))(
      tf.tensor(dy!, shape),
    );
  });
  const found = await gradient.data();
  // The map from dy to dx is its own transpose.
  gradientOf(softmaxOf(logits!, 4), weights!, 4).forEach((wanted, i) =>
    assert(Math.abs(found[i]! - wanted) < 1e-6, `${i}: ${found[i]}, ${wanted}`)
  );
  gradient.dispose();
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("softmax of a number, which has no last axis, is refused [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const before = tf.memory().numTensors;
  assertThrows(
    () => tf.tidy(() => tf.softmax(tf.scalar(3))),
    Error,
    "All values in axis param",
  );
  assertEquals(tf.memory().numTensors, before);
});
