import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  dense,
  gelu,
  joinHeads,
  layerNorm,
  splitHeads,
} from "../../lib/operations/mod.ts";
import { onEachBackend } from "../backends.ts";

const ids = (...values: number[]) => tf.tensor1d(values, "int32");

/** What comes of tensors without values: a shape, and one value everywhere. */
const CASES: readonly [
  name: string,
  run: () => tf.Tensor | tf.Tensor[],
  shape: number[],
  value?: number,
][] = [
  ["sum of all", () => tf.sum(tf.zeros([0, 3])), [], 0],
  ["sum of rows", () => tf.sum(tf.zeros([0, 3]), 0), [3], 0],
  ["sum of columns", () => tf.sum(tf.zeros([3, 0]), 1, true), [3, 1], 0],
  ["sum between", () => tf.sum(tf.zeros([2, 0, 3]), 1), [2, 3], 0],
  ["sum to nothing", () => tf.sum(tf.zeros([0, 3]), 1), [0]],
  ["sum of integers", () => tf.sum(tf.zeros([0], "int32")), [], 0],
  ["mean", () => tf.mean(tf.zeros([0, 3]), 0), [3], NaN],
  ["max", () => tf.max(tf.zeros([2, 0]), 1), [2], -Infinity],
  ["min", () => tf.min(tf.zeros([2, 0]), 1), [2], Infinity],
  ["max of bools", () => tf.max(tf.zeros([2, 0], "bool"), 1), [2], 0],
  ["min of bools", () => tf.min(tf.zeros([2, 0], "bool"), 1), [2], 1],
  ["prod", () => tf.prod(tf.zeros([2, 0]), 1), [2], 1],
  ["all", () => tf.all(tf.zeros([2, 0], "bool"), 1), [2], 1],
  ["any", () => tf.any(tf.zeros([2, 0], "bool"), 1), [2], 0],
  ["matMul", () => tf.matMul(tf.zeros([2, 0]), tf.zeros([0, 3])), [2, 3], 0],
  [
    "matMul, transposed",
    () => tf.matMul(tf.zeros([4, 0, 2]), tf.zeros([4, 3, 0]), true, true),
    [4, 2, 3],
    0,
  ],
  ["matMul, no rows", () => tf.matMul(tf.zeros([0, 2]), tf.ones([2, 3])), [
    0,
    3,
  ]],
  [
    "matMul, no columns",
    () => tf.matMul(tf.ones([3, 2]), tf.zeros([2, 0])),
    [3, 0],
  ],
  [
    "matMul, no batch",
    () => tf.matMul(tf.zeros([0, 2, 2]), tf.zeros([0, 2, 4])),
    [0, 2, 4],
  ],
  [
    "matMul, no batch with one that is repeated",
    () => tf.matMul(tf.zeros([0, 1, 4, 2]), tf.ones([3, 4, 5]), true),
    [0, 3, 2, 5],
  ],
  [
    "matMul of integers, no batch with a matrix",
    () => tf.matMul(tf.ones([2, 3], "int32"), tf.zeros([0, 3, 4], "int32")),
    [0, 2, 4],
  ],
  [
    "matMul with bias",
    () =>
      tf.fused.matMul({
        a: tf.zeros([2, 0]),
        b: tf.zeros([0, 4]),
        bias: tf.fill([4], 3),
        activation: "relu",
      }),
    [2, 4],
    3,
  ],
  ["dense", () => dense(tf.zeros([0, 3]), tf.ones([3, 4]), tf.zeros([4])), [
    0,
    4,
  ]],
  ["gather, no ids", () => tf.gather(tf.ones([3, 2]), ids()), [0, 2]],
  ["gather, no columns", () => tf.gather(tf.ones([3, 0]), ids(1)), [1, 0]],
  ["slice", () => tf.slice(tf.ones([3, 4]), [1, 0], [0, 4]), [0, 4]],
  ["slice of nothing", () => tf.slice(tf.ones([0, 4]), [0, 1], [0, 2]), [0, 2]],
  ["split", () => tf.split(tf.ones([0, 4]), 2, 1), [0, 2]],
  ["unstack", () => tf.unstack(tf.ones([2, 0])), [0]],
  [
    "stridedSlice",
    () => tf.stridedSlice(tf.ones([3, 4]), [2, 0], [1, 4], [1, 2]),
    [0, 2],
  ],
  ["clone", () => tf.clone(tf.zeros([0, 3])), [0, 3]],
  ["cumsum", () => tf.cumsum(tf.zeros([2, 0]), 1), [2, 0]],
  ["cumsum of rows", () => tf.cumsum(tf.zeros([0, 3]), 1), [0, 3]],
  [
    "cumprod of integers",
    () => tf.cumprod(tf.zeros([0, 3], "int32"), 1),
    [0, 3],
  ],
  [
    "layerNorm",
    () => layerNorm(tf.zeros([0, 4]), tf.ones([4]), tf.zeros([4])),
    [0, 4],
  ],
  ["gelu", () => gelu(tf.zeros([0, 3])), [0, 3]],
  [
    "splitHeads",
    () => Object.values(splitHeads(tf.zeros([2, 0, 12]), { numHeads: 2 })),
    [2, 2, 0, 2],
  ],
  ["joinHeads", () => joinHeads(tf.zeros([2, 2, 0, 3])), [2, 0, 6]],
];

onEachBackend("of no values comes what the definition says", async () => {
  // What tfjs-wasm's memory held before must not come out.
  for (let size = 1; size < 32; size++) tf.fill([size], 7).dispose();
  for (const [name, run, shape, value] of CASES) {
    const outputs = tf.tidy(() => {
      const output = run();
      return Array.isArray(output) ? output : [output];
    });
    for (const output of outputs) {
      assertEquals(output.shape, shape, name);
      const values = [...await output.data()];
      assertEquals(values, values.map(() => value!), name);
      assertEquals(values.length, tf.util.sizeFromShape(shape), name);
    }
    tf.dispose(outputs);
  }
});

onEachBackend("a bias has a gradient where there are no rows", async () => {
  const [x, weight, bias] = [
    tf.zeros<tf.Rank.R2>([0, 3]),
    tf.ones<tf.Rank.R2>([3, 4]),
    tf.ones<tf.Rank.R1>([4]),
  ];
  const gradients = tf.grads((x, weight, bias) =>
    dense(x as tf.Tensor2D, weight as tf.Tensor2D, bias as tf.Tensor1D)
  )([x, weight, bias]);
  for (const [i, like] of [x, weight, bias].entries()) {
    assertEquals(gradients[i]!.shape, like.shape);
    assertEquals(
      [...await gradients[i]!.data()],
      new Array<number>(like.size).fill(0),
    );
  }
  tf.dispose([x, weight, bias, ...gradients]);
});

onEachBackend("what is empty has its axes and inner sizes, too", () => {
  tf.tidy(() => {
    const none = tf.zeros([0, 2, 3]);
    assertThrows(() => tf.cumsum(none, 7), Error, "axis 7");
    assertThrows(() => tf.matMul(none, tf.ones([4, 5])), Error, "inner");
  });
});

onEachBackend(
  "what was repeated no times has a gradient of zeros",
  async () => {
    const [a, b] = [tf.zeros([0, 2, 3]), tf.ones([1, 3, 2])];
    const gradients = tf.tidy(() => [
      tf.grads((a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b))([a, b])[1]!,
      tf.grads((a: tf.Tensor, b: tf.Tensor) => tf.maximum(a, b))([
        ...[tf.zeros([0, 3]), tf.ones([1, 1])],
      ])[1]!,
    ]);
    assertEquals(gradients.map(({ shape }) => shape), [[1, 3, 2], [1, 1]]);
    const values = await Promise.all(gradients.map((x) => x.data()));
    assertEquals(values.flatMap((x) => [...x]), [0, 0, 0, 0, 0, 0, 0]);
    tf.dispose([a, b, gradients]);
  },
);

onEachBackend("an axis given twice is an error that names it", () => {
  const x = tf.ones([2, 3]), bools = tf.ones([2, 3], "bool");
  const twice: Record<string, (axes: number[]) => tf.Tensor> = {
    Sum: (axes) => tf.sum(x, axes),
    Mean: (axes) => tf.mean(x, axes),
    Prod: (axes) => tf.prod(x, axes),
    Max: (axes) => tf.max(x, axes),
    Min: (axes) => tf.min(x, axes),
    All: (axes) => tf.all(bools, axes),
    Any: (axes) => tf.any(bools, axes),
  };
  for (const reduce of Object.values(twice)) {
    for (const axes of [[1, -1], [0, 0], [0, 1, -2]]) {
      assertThrows(
        () => reduce(axes),
        RangeError,
        "axis should have each axis once, got",
      );
    }
    reduce([0, -1]).dispose();
  }
  tf.dispose([x, bools]);
});
