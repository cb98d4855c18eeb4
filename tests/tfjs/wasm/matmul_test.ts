import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../mod.ts";
import { denseGelu } from "../../../lib/operations/dense/dense.ts";
import { dense, gelu } from "../../../lib/operations/mod.ts";
import { BACKENDS, onEachBackend } from "../../backends.ts";
import { array, uniform } from "../../random.ts";

/** Multiplies as the definition says. */
function product(
  a: Float32Array,
  b: Float32Array,
  { rows, inner, columns, transposeA, transposeB }: {
    rows: number;
    inner: number;
    columns: number;
    transposeA: boolean;
    transposeB: boolean;
  },
): Float64Array {
  const c = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      for (let n = 0; n < inner; n++) {
        c[i * columns + j]! += a[transposeA ? n * rows + i : i * inner + n]! *
          b[transposeB ? j * inner + n : n * columns + j]!;
      }
    }
  }
  return c;
}

const SIZES = [
  { rows: 1, inner: 1, columns: 1 },
  { rows: 1, inner: 300, columns: 70 },
  { rows: 1, inner: 400, columns: 700 },
  { rows: 3, inner: 5, columns: 7 },
  { rows: 8, inner: 513, columns: 515 },
  { rows: 16, inner: 515, columns: 513 },
  { rows: 20, inner: 300, columns: 333 },
  { rows: 64, inner: 64, columns: 64 },
  { rows: 200, inner: 257, columns: 65 },
  { rows: 50, inner: 260, columns: 128 },
];

Deno.test("matMul is right at any size, transposed or not, on any number of threads [wasm]", async () => {
  const random = uniform(3);
  for (const threads of [1, 2, 3]) {
    await useBackend({ prefer: ["wasm"], threads });
    const before = tf.memory().numTensors;
    for (const size of SIZES) {
      const { rows, inner, columns } = size;
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          const a = array(rows * inner, random);
          const b = array(inner * columns, random);
          const c = tf.tidy(() =>
            tf.matMul(
              tf.tensor2d(a, transposeA ? [inner, rows] : [rows, inner]),
              tf.tensor2d(b, transposeB ? [columns, inner] : [inner, columns]),
              transposeA,
              transposeB,
            )
          );
          const label = JSON.stringify({ ...size, transposeA, transposeB });
          const wanted = product(a, b, { ...size, transposeA, transposeB });
          const got = await c.data();
          wanted.forEach((x, i) => assertAlmostEquals(got[i]!, x, 2e-5, label));
          c.dispose();
        }
      }
    }
    assertEquals(tf.memory().numTensors, before);
  }
});

Deno.test("the gradients of a product of few rows are the definition's [wasm]", async () => {
  const random = uniform(5);
  for (const threads of [1, 2]) {
    await useBackend({ prefer: ["wasm"], threads });
    for (const rows of [1, 2, 8]) {
      const [inner, columns] = [613, 1003];
      const x = array(rows * inner, random);
      const w = array(inner * columns, random);
      const dy = array(rows * columns, random);
      const [dx, dw, db] = tf.tidy(() =>
        tf.grads((x, w, b) => dense(x, w as tf.Tensor2D, b as tf.Tensor1D))(
          [
            tf.tensor2d(x, [rows, inner]),
            tf.tensor2d(w, [inner, columns]),
            tf.zeros([columns]),
          ],
          tf.tensor2d(dy, [rows, columns]),
        )
      ) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const expected: [tf.Tensor, Float64Array][] = [
        [
          dx,
          product(dy, w, {
            ...{ rows, inner: columns, columns: inner },
            ...{ transposeA: false, transposeB: true },
          }),
        ],
        [
          dw,
          product(x, dy, {
            ...{ rows: inner, inner: rows, columns },
            ...{ transposeA: true, transposeB: false },
          }),
        ],
        [
          db,
          product(new Float32Array(rows).fill(1), dy, {
            ...{ rows: 1, inner: rows, columns },
            ...{ transposeA: false, transposeB: false },
          }),
        ],
      ];
      for (const [gradient, wanted] of expected) {
        const got = await gradient.data();
        wanted.forEach((x, i) => assertAlmostEquals(got[i]!, x, 3e-5));
      }
      tf.dispose([dx, dw, db]);
    }
  }
});

Deno.test("a product of few rows is the same on any number of threads [wasm]", async () => {
  const random = uniform(6);
  const a = array(3 * 900, random), b = array(900 * 1100, random);
  const results: number[][] = [];
  for (const threads of [1, 2, 3]) {
    await useBackend({ prefer: ["wasm"], threads });
    for (const transposeB of [false, true]) {
      const c = tf.tidy(() =>
        tf.matMul(
          tf.tensor2d(a, [3, 900]),
          tf.tensor2d(b, transposeB ? [1100, 900] : [900, 1100]),
          false,
          transposeB,
        )
      );
      results.push([...await c.data()]);
      c.dispose();
    }
  }
  const [lies, transposed] = results;
  results.forEach((c, i) => assertEquals(c, i % 2 ? transposed : lies));
});

Deno.test("few rows are multiplied with a batch that is broadcast [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const random = uniform(7);
  const a = array(2 * 3 * 5, random), b = array(4 * 5 * 6, random);
  const c = tf.tidy(() =>
    tf.matMul(tf.tensor4d(a, [2, 1, 3, 5]), tf.tensor3d(b, [4, 5, 6]))
  );
  assertEquals(c.shape, [2, 4, 3, 6]);
  const got = await c.data();
  const size = { rows: 3, inner: 5, columns: 6 };
  for (let matrix = 0; matrix < 8; matrix++) {
    const ofA = a.subarray(Math.floor(matrix / 4) * 15).subarray(0, 15);
    const ofB = b.subarray(matrix % 4 * 30).subarray(0, 30);
    product(ofA, ofB, { ...size, transposeA: false, transposeB: false })
      .forEach((x, i) => assertAlmostEquals(got[matrix * 18 + i]!, x, 1e-6));
  }
  c.dispose();
});

Deno.test("matMul adds a bias and applies an activation [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const random = uniform(4);
  const size = { rows: 9, inner: 6, columns: 5 };
  const a = array(9 * 6, random), b = array(6 * 5, random);
  const bias = array(5, random);
  const plain = product(a, b, {
    ...size,
    transposeA: false,
    transposeB: false,
  }).map((x, i) => x + bias[i % 5]!);
  const activations = {
    linear: (x: number) => x,
    relu: (x: number) => Math.max(0, x),
    relu6: (x: number) => Math.min(6, Math.max(0, x)),
    elu: (x: number) => x > 0 ? x : Math.expm1(x),
    sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
    leakyrelu: (x: number) => x > 0 ? x : 0.3 * x,
    prelu: (x: number) => x > 0 ? x : 0.5 * x,
  };
  for (const [activation, apply] of Object.entries(activations)) {
    const c = tf.tidy(() =>
      tf.fused.matMul({
        a: tf.tensor2d(a, [9, 6]),
        b: tf.tensor2d(b, [6, 5]),
        bias: tf.tensor1d(bias),
        activation: activation as "relu",
        leakyreluAlpha: 0.3,
        preluActivationWeights: tf.fill([5], 0.5),
      })
    );
    const got = await c.data();
    plain.forEach((x, i) =>
      assertAlmostEquals(got[i]!, apply(x), 1e-5, activation)
    );
    c.dispose();
  }
});

Deno.test("a product with GELU is GELU of the product, with the same gradients, on any number of threads [wasm]", async () => {
  const random = uniform(9);
  // Few rows; several slices of the inner dimension; several tasks, ragged.
  for (
    const [rows, inner, columns] of [[2, 30, 9], [7, 300, 70], [270, 90, 133]]
  ) {
    const values = [
      rows! * inner!,
      inner! * columns!,
      columns!,
      rows! * columns!,
    ]
      .map((size) => array(size, random));
    const results: Float32Array[][] = [];
    for (const threads of [1, 2]) {
      await useBackend({ prefer: ["wasm"], threads });
      const before = tf.memory().numTensors;
      for (
        const apply of [
          denseGelu,
          (...x: Parameters<typeof denseGelu>) => gelu(dense(...x)),
        ]
      ) {
        const tensors = tf.tidy(() => {
          const [x, weight, bias, dy] = [
            tf.tensor2d(values[0]!, [rows!, inner!]),
            tf.tensor2d(values[1]!, [inner!, columns!]),
            tf.tensor1d(values[2]!),
            tf.tensor2d(values[3]!, [rows!, columns!]),
          ];
          const { value, grads } = tf.valueAndGrads((x, weight, bias) =>
            apply(x!, weight!, bias!)
          )([x, weight, bias], dy);
          return [apply(x, weight, bias), value, ...grads];
        });
        results.push(
          await Promise.all(
            tensors.map((x) => x.data() as Promise<Float32Array>),
          ),
        );
        tf.dispose(tensors);
      }
      assertEquals(tf.memory().numTensors, before);
    }
    for (const result of results) assertEquals(result, results[0]);
    assertEquals(results[0]![0], results[0]![1]);
  }
});

onEachBackend("matMul of integers is exact", async () => {
  const large = 2 ** 24 + 1;
  const product = tf.tidy(() =>
    tf.matMul(
      tf.tensor2d([[large, 1], [-large, 3]], [2, 2], "int32"),
      tf.tensor2d([[1, 2], [0, -1]], [2, 2], "int32"),
      false,
      true,
    )
  );
  assertEquals(product.dtype, "int32");
  assertEquals([...await product.data()], [large + 2, -1, 6 - large, -3]);
  product.dispose();
});

onEachBackend(
  "matMul refuses a vector, and names it",
  () => {
    tf.tidy(() => {
      const [matrix, vector] = [tf.ones<tf.Rank.R2>([3, 3]), tf.ones([3])];
      for (const transposed of [false, true]) {
        const products = {
          a: () => tf.matMul(vector, matrix, transposed, false),
          b: () => tf.matMul(matrix, vector, false, transposed),
        };
        for (const [name, product] of Object.entries(products)) {
          assertThrows(
            product,
            TypeError,
            `matMul's ${name} should have at least two dimensions, got [3]`,
          );
        }
      }
    });
  },
  // tfjs-cpu has words of its own, and leaves data behind.
  BACKENDS.filter((name) => name !== "cpu"),
);

Deno.test("products and convolutions refuse an activation that is not there [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const before = tf.backend().numDataIds();
  const activation = "swish" as "relu";
  const calls = [
    () =>
      tf.fused.matMul({ a: tf.ones([2, 3]), b: tf.ones([3, 2]), activation }),
    () =>
      tf.fused.conv2d({
        x: tf.ones<tf.Rank.R4>([1, 3, 3, 1]),
        filter: tf.ones<tf.Rank.R4>([2, 2, 1, 1]),
        strides: 1,
        pad: "same",
        activation,
      }),
    () =>
      tf.fused.conv2d({
        x: tf.ones<tf.Rank.R4>([1, 1, 3, 3]),
        filter: tf.ones<tf.Rank.R4>([2, 2, 1, 2]),
        bias: tf.ones([2]),
        strides: 1,
        pad: "same",
        dataFormat: "NCHW",
        activation,
      }),
  ];
  for (const call of calls) {
    assertThrows(() => tf.tidy(call), RangeError, 'got "swish"');
  }
  assertEquals(tf.backend().numDataIds(), before);
});
