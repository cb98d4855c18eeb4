import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

/** Shapes of x and of indices, the axis, and how many axes are of batches. */
const CASES: readonly [number[], number[], number, number][] = [
  // More batch entries than indices of each, and fewer.
  [[5, 4, 3], [5, 2], 1, 1],
  [[2, 4, 20], [2, 7], 1, 1],
  [[1, 4, 3], [1, 6], 1, 1],
  // Each entry has several rows along the axis.
  [[3, 2, 4, 5], [3, 2], -2, 1],
  [[3, 2, 4], [3, 5], 2, 1],
  [[4, 3], [4, 1], 1, 1],
  [[3, 4, 2], [3, 2, 5], 1, 1],
  [[2, 3, 4, 5], [2, 3, 2], 2, 2],
  [[2, 3, 4], [2, 3, 2, 3], -1, -2],
];

/** For each element of the result in order, which one of x it is: the definition, in loops. */
function elementsOf(
  shape: readonly number[],
  indices: ArrayLike<number>,
  axis: number,
  batchAxes: number,
): number[] {
  const size = tf.util.sizeFromShape;
  const batches = size(shape.slice(0, batchAxes));
  const outer = size(shape.slice(batchAxes, axis));
  const inner = size(shape.slice(axis + 1));
  const places = indices.length / batches;
  const elements: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    for (let row = 0; row < outer; row++) {
      for (let place = 0; place < places; place++) {
        const index = indices[batch * places + place]!;
        for (let n = 0; n < inner; n++) {
          const group = batch * outer + row;
          elements.push((group * shape[axis]! + index) * inner + n);
        }
      }
    }
  }
  return elements;
}

onEachBackend("gather takes the indices of each batch entry", async () => {
  const random = uniform(1);
  for (const [shape, shapeOfIndices, axis, batchDims] of CASES) {
    const along = (axis + shape.length) % shape.length;
    const batchAxes = batchDims < 0
      ? batchDims + shapeOfIndices.length
      : batchDims;
    const places = array(
      tf.util.sizeFromShape(shapeOfIndices),
      random,
      (u) => Math.floor(shape[along]! * u),
    );
    const elements = elementsOf(shape, places, along, batchAxes);
    const indices = tf.tensor(places, shapeOfIndices, "int32");
    for (const dtype of ["float32", "int32", "bool"] as const) {
      const values = array(
        tf.util.sizeFromShape(shape),
        random,
        (u) => Math.floor((dtype === "bool" ? 2 : 100) * u),
      );
      const x = tf.tensor(values, shape, dtype);
      const y = tf.gather(x, indices, axis, batchDims);
      const label = `${dtype} [${shape}] at [${shapeOfIndices}], axis ${axis}`;
      assertEquals(y.dtype, dtype, label);
      assertEquals(
        y.shape,
        [
          ...shape.slice(0, along),
          ...shapeOfIndices.slice(batchAxes),
          ...shape.slice(along + 1),
        ],
        label,
      );
      assertEquals([...await y.data()], elements.map((i) => values[i]!), label);
      tf.dispose([x, y]);
    }
    indices.dispose();
  }
});

onEachBackend(
  "gather of batches refuses an index that is out of range",
  (backend) => {
    const x = tf.ones([2, 3, 4]);
    const indices = tf.tensor2d([[0, 2], [1, 3]], [2, 2], "int32");
    assertThrows(
      () => tf.gather(x, indices, 1, 1),
      backend === "cpu" ? Error : RangeError,
      "the index value 3 is not in [0, 2]",
    );
    tf.dispose([x, indices]);
  },
);

onEachBackend("gather of no batch entries is empty", async () => {
  const empty = tf.tidy(() =>
    tf.gather(tf.zeros([0, 4, 3]), tf.zeros([0, 2], "int32"), 1, 1)
  );
  assertEquals(empty.shape, [0, 2, 3]);
  assertEquals((await empty.data()).length, 0);
  empty.dispose();
}, ["wasm"]);
