/** Each of these fails on stock tfjs 4.22.0 on at least one backend. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import "@tensorflow/tfjs-backend-webgpu";
import { useBackend } from "../../mod.ts";
import { UNDONE } from "../../lib/tfjs/replaced.ts";
import { REPLACED_KERNELS } from "../../tools/replaced_kernels.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

/** What TensorFlow.js's packages have registered. */
const kernelsOf = (backend: string) =>
  new Map(
    tf.getKernelsForBackend(backend)
      .map(({ kernelName, kernelFunc }) => [kernelName, kernelFunc]),
  );
const STOCK = {
  cpu: kernelsOf("cpu"),
  wasm: kernelsOf("wasm"),
  webgpu: kernelsOf("webgpu"),
};

/** Cumulative sum in loops. */
function cumulative(
  x: Float32Array,
  shape: number[],
  axis: number,
  exclusive: boolean,
  reverse: boolean,
): Float32Array {
  const count = shape[axis]!;
  const stride = tf.util.sizeFromShape(shape.slice(axis + 1));
  return x.map((own, at) => {
    const here = Math.floor(at / stride) % count;
    let sum = exclusive ? 0 : own;
    const step = reverse ? 1 : -1;
    for (let i = here + step; i >= 0 && i < count; i += step) {
      sum += x[at + (i - here) * stride]!;
    }
    return sum;
  });
}

onEachBackend(
  "cumsum and its gradient are right on every axis, twice",
  async () => {
    const random = uniform(1);
    for (const shape of [[7], [12], [3, 4], [5, 5, 5], [2, 3, 4, 5]]) {
      for (const axis of shape.keys()) {
        for (const exclusive of [false, true]) {
          for (const reverse of [false, true]) {
            const size = tf.util.sizeFromShape(shape);
            const [values, dy] = [array(size, random), array(size, random)];
            const [x, weights] = [
              tf.tensor(values, shape),
              tf.tensor(dy, shape),
            ];
            const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
              tf.cumsum(x, axis, exclusive, reverse)
            )(x, weights);
            const label = `[${shape}] axis ${axis} ${exclusive} ${reverse}`;
            const [y, dx] = await Promise.all([value.data(), grad.data()]);
            cumulative(values, shape, axis, exclusive, reverse)
              .forEach((wanted, i) =>
                assertAlmostEquals(y[i]!, wanted, 1e-5, label)
              );
            cumulative(dy, shape, axis, exclusive, !reverse)
              .forEach((wanted, i) =>
                assertAlmostEquals(dx[i]!, wanted, 1e-5, `gradient ${label}`)
              );
            tf.dispose([x, weights, value, grad]);
          }
        }
      }
    }
    const integers = tf.tidy(() => tf.cumsum(tf.tensor1d([1, 2, 3], "int32")));
    assertEquals([...await integers.data()], [1, 3, 6]);
    const cast = tf.tidy(() =>
      tf.cumsum(tf.cast(tf.tensor1d([true, false, true], "bool"), "float32"))
    );
    assertEquals([...await cast.data()], [1, 1, 2]);
    tf.dispose([integers, cast]);
  },
);

onEachBackend(
  "products of batches that are both repeated are right",
  async () => {
    const { numTensors } = tf.memory();
    for (const dtype of ["float32", "int32"] as const) {
      const of = (size: number, shape: number[]) =>
        tf.reshape(tf.range(1, 1 + size, 1, dtype), shape);
      for (
        const [a, b, wanted] of [
          [[2, 1, 1, 1], [3, 1, 1], [1, 2, 3, 2, 4, 6]],
          [[2, 1, 1, 1], [2, 3, 1, 1], [1, 2, 3, 8, 10, 12]],
          [[3, 1, 1], [2, 1, 1, 1], [1, 2, 3, 2, 4, 6]],
          [[2, 3, 1, 1], [3, 1, 1], [1, 4, 9, 4, 10, 18]],
        ] as const
      ) {
        const size = tf.util.sizeFromShape;
        const y = tf.tidy(() =>
          tf.matMul(of(size([...a]), [...a]), of(size([...b]), [...b]))
        );
        assertEquals(y.shape, [2, 3, 1, 1]);
        assertEquals(
          [...await y.data()],
          [...wanted],
          `${dtype} [${a}] [${b}]`,
        );
        y.dispose();
      }
    }
    assertEquals(tf.memory().numTensors, numTensors);
  },
);

onEachBackend(
  "cumulative functions count axes from the last one, too, and refuse others",
  async () => {
    for (const dtype of ["float32", "int32"] as const) {
      for (const [axis, sums] of [[-1, [1, 3, 3, 7]], [-2, [1, 2, 4, 6]]]) {
        const y = tf.tidy(() =>
          tf.cumsum(tf.tensor2d([1, 2, 3, 4], [2, 2], dtype), axis as number)
        );
        assertEquals([y.dtype, y.shape], [dtype, [2, 2]]);
        assertEquals([...await y.data()], sums);
        y.dispose();
      }
      for (const cumulate of [tf.cumsum, tf.cumprod]) {
        assertThrows(
          () => tf.tidy(() => cumulate(tf.scalar(3, dtype))),
          Error,
          "axis 0",
        );
      }
    }
  },
);

onEachBackend(
  "cumprod is right on every axis, at one length after another",
  async () => {
    const random = uniform(6);
    for (const shape of [[4], [7], [3, 5], [5, 3], [2, 3, 4]]) {
      for (const axis of shape.keys()) {
        for (const exclusive of [false, true]) {
          for (const reverse of [false, true]) {
            const size = tf.util.sizeFromShape(shape);
            const values = array(size, random, (u) => 0.5 + u);
            const x = tf.tensor(values, shape);
            const y = tf.cumprod(x, axis, exclusive, reverse);
            // A product is the exponential of a sum.
            const wanted = cumulative(
              values.map(Math.log),
              shape,
              axis,
              exclusive,
              reverse,
            ).map(Math.exp);
            const label = `[${shape}] axis ${axis} ${exclusive} ${reverse}`;
            (await y.data()).forEach((value, i) =>
              assertAlmostEquals(value, wanted[i]!, 1e-5, label)
            );
            tf.dispose([x, y]);
          }
        }
      }
    }
  },
);

onEachBackend("matMul is right after a reshape of its operand", async () => {
  const products = tf.tidy(() => {
    const b = tf.range(0, 16);
    return [[4, 4], [8, 2], [2, 8], [4, 4]].map(([rows, columns]) =>
      tf.matMul(
        tf.ones<tf.Rank.R2>([1, rows!]),
        tf.reshape(b, [rows!, columns!]) as tf.Tensor2D,
      )
    );
  });
  const values = await Promise.all(products.map((x) => x.data()));
  assertEquals(values.map((x) => [...x]), [
    [24, 28, 32, 36],
    [56, 64],
    [8, 10, 12, 14, 16, 18, 20, 22],
    [24, 28, 32, 36],
  ]);
  tf.dispose(products);
});

onEachBackend(
  "matMul is right for large, batched and transposed operands",
  async () => {
    const random = uniform(2);
    const [rows, inner, columns] = [40, 33, 37];
    for (const batch of [1, 3]) {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const a = array(batch * rows * inner, random);
          const b = array(batch * inner * columns, random);
          const product = tf.tidy(() =>
            tf.matMul(
              tf.tensor(
                a,
                transposeA ? [batch, inner, rows] : [batch, rows, inner],
              ),
              tf.tensor(
                b,
                transposeB ? [batch, columns, inner] : [batch, inner, columns],
              ),
              transposeA,
              transposeB,
            )
          );
          assertEquals(product.shape, [batch, rows, columns]);
          const values = await product.data();
          for (let at = 0; at < values.length; at++) {
            const column = at % columns;
            const row = Math.floor(at / columns) % rows;
            const entry = Math.floor(at / columns / rows);
            let sum = 0;
            for (let n = 0; n < inner; n++) {
              const left = transposeA ? n * rows + row : row * inner + n;
              const right = transposeB
                ? column * inner + n
                : n * columns + column;
              sum += a[entry * rows * inner + left]! *
                b[entry * inner * columns + right]!;
            }
            assertAlmostEquals(values[at]!, sum, 1e-5);
          }
          product.dispose();
        }
      }
    }
  },
);

onEachBackend(
  "matMul's gradient adds up what was broadcast",
  async (backend) => {
    const random = uniform(5);
    const batches = [[[2, 5], [5]], [[5], [2, 5]]];
    // tfjs's own products are wrong where both are broadcast.
    if (backend === "wasm") batches.push([[2, 1], [5]]);
    for (const [batchA, batchB] of batches) {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const shapes = [
            [...batchA!, ...(transposeA ? [4, 3] : [3, 4])],
            [...batchB!, ...(transposeB ? [6, 4] : [4, 6])],
          ];
          const inputs = shapes.map((shape) =>
            tf.tensor(array(tf.util.sizeFromShape(shape), random), shape)
          );
          const dy = tf.tensor(array(2 * 5 * 3 * 6, random), [2, 5, 3, 6]);
          const gradients = (copies: tf.Tensor) =>
            tf.grads((a: tf.Tensor, b: tf.Tensor) =>
              tf.matMul(
                tf.mul(a, copies),
                tf.mul(b, copies),
                transposeA,
                transposeB,
              )
            )(inputs, dy);
          const [actual, wanted] = tf.tidy(() => [
            gradients(tf.scalar(1)),
            gradients(tf.ones([2, 5, 1, 1])),
          ]);
          for (const [i, gradient] of actual!.entries()) {
            assertEquals(gradient.shape, shapes[i]);
            const [x, y] = [await gradient.data(), await wanted![i]!.data()];
            x.forEach((value, at) => assertAlmostEquals(value, y[at]!, 1e-5));
          }
          tf.dispose([...inputs, dy, ...actual!, ...wanted!]);
        }
      }
    }
  },
);

onEachBackend("an embedding has a gradient", async () => {
  const table = tf.ones<tf.Rank.R2>([4, 2]);
  const ids = tf.tensor1d([3, 1, 3], "int32");
  const dy = tf.tensor2d([1, 2, 10, 20, 100, 200], [3, 2]);
  const gradient = tf.grad((table: tf.Tensor) => tf.gather(table, ids))(
    table,
    dy,
  );
  assertEquals([...await gradient.data()], [0, 0, 10, 20, 0, 0, 101, 202]);
  tf.dispose([table, ids, dy, gradient]);
});

onEachBackend(
  "gather refuses an index that is out of range, or marks what it got",
  async (backend) => {
    const table = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    for (const index of [-1, 3, 2 ** 31 - 1]) {
      const ids = tf.tensor1d([0, index, 2], "int32");
      assertThrows(
        () => tf.gather(table, ids),
        backend === "cpu" ? Error : RangeError,
        `${index}`,
      );
      ids.dispose();
      if (backend !== "webgpu") continue;
      // Computed on the GPU, where nobody knows what it is.
      const computed = tf.tidy(() =>
        tf.add(tf.tensor1d([0, index, 2], "int32"), tf.scalar(0, "int32"))
      );
      const whole = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2], "int32");
      const [rows, integers, columns, batches] = tf.tidy(() => {
        const cube = tf.reshape(tf.tile(table, [2, 1]), [2, 3, 2]);
        const ids = tf.stack([computed, tf.zerosLike(computed)]) as tf.Tensor2D;
        return [
          tf.gather(table, computed),
          tf.gather(whole, computed),
          tf.gather(tf.transpose(table), computed, 1),
          tf.gather(cube, ids, 1, 1),
        ];
      });
      assertEquals([...await rows!.data()], [1, 2, NaN, NaN, 5, 6]);
      const lowest = -(2 ** 31);
      assertEquals([...await integers!.data()], [1, 2, lowest, lowest, 5, 6]);
      assertEquals([...await columns!.data()], [1, NaN, 5, 2, NaN, 6]);
      assertEquals(
        [...await batches!.data()],
        [1, 2, NaN, NaN, 5, 6, 1, 2, 1, 2, 1, 2],
      );
      tf.dispose([computed, whole, rows!, integers!, columns!, batches!]);
    }
    table.dispose();
  },
);

Deno.test("an allocation that fails raises, and spoils nothing [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const wasm = tf.backend() as BackendWasm;
  const first = tf.tensor1d([1, 2]);
  // Never written to, so that they take addresses and no memory.
  const size = 128 * 1024 * 1024;
  const outputs: tf.TensorInfo[] = [];
  assertThrows(
    () => {
      while (outputs.length < 12) {
        outputs.push(wasm.makeOutput([size], "float32"));
      }
    },
    RangeError,
    `WebAssembly has no ${4 * size} bytes left`,
  );
  assert(outputs.length > 4);
  assertEquals([...await first.data()], [1, 2]);
  outputs.forEach(({ dataId }) => wasm.disposeData(dataId));
  first.dispose();
});

onEachBackend("no kernel is replaced that is not listed", (backend) => {
  const changed = tf.getKernelsForBackend(backend)
    .filter(({ kernelName, kernelFunc }) =>
      STOCK[backend].get(kernelName) !== (UNDONE.get(kernelFunc) ?? kernelFunc)
    )
    .map(({ kernelName }) => kernelName)
    // Ours, which tfjs has not.
    .filter((name) => !name.startsWith("Lion"));
  assertEquals(
    new Set(changed),
    new Set(REPLACED_KERNELS[backend].flatMap(({ kernels }) => kernels)),
  );
});

onEachBackend("oneHot() has the type that is asked for", async () => {
  const indices = tf.tensor1d([2, 0, -1, 3], "int32");
  for (const dtype of ["float32", "int32", "bool"] as const) {
    const rows = tf.oneHot(indices, 3, 1, 0, dtype);
    assertEquals(rows.dtype, dtype);
    assertEquals([...await rows.data()], [0, 0, 1, 1, ...Array(8).fill(0)]);
    rows.dispose();
  }
  const rows = tf.oneHot(indices, 3, 2.5, -0.5, "float32");
  const off = -0.5, none = [off, off, off];
  assertEquals(
    [...await rows.data()],
    [off, off, 2.5, 2.5, off, off, ...none, ...none],
  );
  tf.dispose([indices, rows]);
});

onEachBackend("exp() is right to the last bits, however large", async () => {
  for (const size of [1, 7, 4096]) {
    const x = array(size, uniform(size), (u) => 176 * u - 88);
    const powers = tf.tidy(() => tf.exp(tf.tensor1d(x)));
    let worst = 0;
    (await powers.data()).forEach((y, i) => {
      const wanted = Math.exp(x[i]!);
      // Smaller ones are no normal numbers, and may be 0.
      if (wanted < 2 ** -126) return;
      worst = Math.max(worst, Math.abs(y - wanted) / wanted);
    });
    assertLess(worst, 2e-7);
    powers.dispose();
  }
  const ends = [-Infinity, -200, 0, 88.5, 89, Infinity, NaN];
  const powers = tf.tidy(() => tf.exp(tf.tensor1d(ends)));
  const [low, lower, one, high, ...beyond] = await powers.data();
  assertEquals([low, lower, one, ...beyond], [
    0,
    0,
    1,
    Infinity,
    Infinity,
    NaN,
  ]);
  assertAlmostEquals(high! / Math.exp(88.5), 1, 1e-5);
  const integers = tf.tidy(() => tf.exp(tf.tensor1d([0, 1], "int32")));
  assertAlmostEquals((await integers.data())[1]!, Math.E, 1e-6);
  tf.dispose([powers, integers]);
});

onEachBackend(
  "the place of a vector's extreme is a number, of any type",
  async () => {
    for (const dtype of ["float32", "int32"] as const) {
      const places = tf.tidy(() => {
        const x = tf.tensor1d([3, 1, 5], dtype);
        return [tf.argMax(x), tf.argMin(x)];
      });
      assertEquals(await Promise.all(places.map((x) => x.array())), [2, 1]);
      tf.dispose(places);
    }
  },
);

onEachBackend("what is cut of integers may be empty", async () => {
  for (const dtype of ["float32", "int32", "bool"] as const) {
    const parts = tf.tidy(() => {
      const x = tf.cast(tf.ones([3, 4]), dtype);
      const none = tf.slice(x, [1, 0], [0, 4]);
      return [
        ...[none, tf.split(x, [0, 3])[0]!, tf.stridedSlice(x, [2], [1], [1])],
        ...[tf.concat([none, none]), tf.tile(none, [2, 1]), tf.abs(none)],
      ];
    });
    for (const part of parts) {
      assertEquals([part.shape, part.dtype], [[0, 4], dtype]);
      assertEquals((await part.data()).length, 0);
    }
    tf.dispose(parts);
  }
});

onEachBackend("strided slices leave axes out, and put others in", async () => {
  const slices = tf.tidy(() => {
    const x = tf.reshape(tf.range(0, 20), [4, 5]);
    const integers = tf.cast(x, "int32");
    return [
      tf.stridedSlice(x, [0, 3], [4, 4], [2, 1], 0, 0, 0, 0, 2),
      tf.stridedSlice(x, [3, -2], [-9, 0], [-1, 1], 0, 0, 0, 0, 2),
      tf.stridedSlice(integers, [1, 4], [2, 0], [1, -2], 0, 0, 0, 0, 1),
      tf.stridedSlice(x, [0, 0, 4], [1, 4, 5], [1, 3, 1], 0, 0, 0, 1),
    ];
  });
  assertEquals(slices.map(({ shape }) => shape), [[2], [4], [2], [1, 2, 1]]);
  const values = await Promise.all(slices.map((x) => x.data()));
  assertEquals(values.map((x) => [...x]), [
    [3, 13],
    [18, 13, 8, 3],
    [9, 7],
    [4, 19],
  ]);
  tf.dispose(slices);
});
