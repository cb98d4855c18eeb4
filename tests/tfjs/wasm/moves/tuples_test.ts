import { assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { array, uniform } from "../../../random.ts";
import {
  assertTensor,
  defined,
  DTYPES,
  indexOf,
  onThreads,
  valuesOf,
} from "./definition.ts";

/** Shapes of tensors that are indexed, indices in a tuple, and numbers of tuples. */
const CASES: readonly (readonly [number[], number, number])[] = [
  [[5], 1, 3],
  [[3, 17], 1, 4],
  [[3, 4, 5], 2, 7],
  [[3, 4, 5], 3, 1],
  [[40, 70], 1, 900],
  [[40, 70], 2, 3000],
  [[20, 5, 33], 2, 600],
  [[7, 200], 1, 5],
];

/** Random tuples of indices, of which some are the same. */
function tuplesOf(
  shape: readonly number[],
  depth: number,
  count: number,
): number[][] {
  const random = uniform(count);
  return Array.from(
    { length: count },
    () =>
      [...array(depth, random, (u) => u)]
        .map((u, axis) => Math.floor(u * shape[axis]!)),
  );
}

onThreads(
  "tuples of indices take rows, add to rows and replace them",
  async () => {
    for (const [shape, depth, count] of CASES) {
      const tuples = tuplesOf(shape, depth, count);
      const rest = shape.slice(depth), rows = [count, ...rest];
      const indices = tf.tensor2d(tuples, [count, depth], "int32");
      for (const dtype of DTYPES) {
        const label = `${dtype} [${shape}] by ${count} tuples of ${depth}`;
        const values = valuesOf(shape, dtype);
        const x = tf.tensor(values, shape, dtype);
        const taken = defined(
          rows,
          ([tuple, ...place]) =>
            values[indexOf([...tuples[tuple!]!, ...place], shape)]!,
        );
        await assertTensor(tf.gatherND(x, indices), rows, dtype, taken, label);
        // Small numbers, of which sums are exact.
        const updates = valuesOf(rows, dtype)
          .map((value) => dtype === "bool" ? value : value % 100);
        const y = tf.tensor(updates, rows, dtype);
        const sums = defined(shape, () => 0), replaced = [...values];
        tuples.forEach((tuple, i) =>
          defined(rest, (place) => {
            const at = indexOf([...tuple, ...place], shape);
            const value = updates[indexOf([i, ...place], rows)]!;
            sums[at]! += value;
            return replaced[at] = value;
          })
        );
        const update = tf.tensorScatterUpdate(x, indices, y);
        await assertTensor(update, shape, dtype, replaced, label);
        if (dtype !== "bool") {
          const sum = tf.scatterND(indices, y, shape);
          await assertTensor(sum, shape, dtype, sums, label);
        }
        tf.dispose([x, y]);
      }
      indices.dispose();
    }
  },
);

onThreads("tuples that name nothing are refused, few and many", () => {
  for (const count of [3, 2000]) {
    for (const wrong of [-1, 50]) {
      const tuples = tuplesOf([50], 1, count).with(count - 1, [wrong]);
      const indices = tf.tensor2d(tuples, [count, 1], "int32");
      const x = tf.zeros([50, 30]), rows = tf.zeros([count, 30]);
      const refused = (run: () => tf.Tensor) =>
        assertThrows(
          () => tf.tidy(run),
          RangeError,
          `Invalid indices: ${wrong} does not index into 50,30`,
        );
      refused(() => tf.gatherND(x, indices));
      refused(() => tf.scatterND(indices, rows, [50, 30]));
      refused(() => tf.tensorScatterUpdate(x, indices, rows));
      tf.dispose([indices, x, rows]);
    }
  }
});

onThreads(
  "gather takes rows of any length along any axis, many of them",
  async () => {
    const random = uniform(3);
    for (
      const [shape, axis] of [[[300, 9], 0], [[40, 90], 1], [[6, 50, 17], 1], [[
        2000,
      ], 0]] as const
    ) {
      const size = shape[axis]!;
      const places = array(700, random, (u) => Math.floor(u * size));
      const indices = tf.tensor1d(places, "int32");
      const to = (shape as readonly number[]).with(axis, 700);
      for (const dtype of DTYPES) {
        const values = valuesOf(shape, dtype);
        const x = tf.tensor(values, [...shape], dtype);
        const wanted = defined(
          to,
          (place) =>
            values[indexOf(place.with(axis, places[place[axis]!]!), shape)]!,
        );
        const label = `${dtype} [${shape}] along ${axis}`;
        await assertTensor(
          tf.gather(x, indices, axis),
          to,
          dtype,
          wanted,
          label,
        );
        x.dispose();
      }
      const x = tf.zeros([...shape]);
      const far = tf.tensor1d(places.with(699, size), "int32");
      assertThrows(
        () => tf.gather(x, far, axis),
        RangeError,
        `GatherV2: the index value ${size} is not in [0, ${size - 1}]`,
      );
      tf.dispose([indices, x, far]);
    }
  },
);

onThreads(
  "segments are added up in order, and ids out of range passed over",
  async () => {
    for (
      const [rows, columns, segments] of [[7, 3, 4], [900, 1, 50], [
        500,
        40,
        30,
      ], [64, 515, 9]] as const
    ) {
      const random = uniform(rows);
      const ids = [
        ...array(rows, random, (u) => Math.floor(u * (segments + 2)) - 1),
      ];
      const indices = tf.tensor1d(ids, "int32");
      for (const dtype of ["float32", "int32"] as const) {
        const values = array(
          rows * columns,
          random,
          (u) => dtype === "int32" ? Math.floor(2 ** 31 * u) : u,
        );
        const sums = dtype === "int32"
          ? new Int32Array(segments * columns)
          : new Float32Array(segments * columns);
        ids.forEach((id, row) => {
          if (id < 0 || id >= segments) return;
          for (let column = 0; column < columns; column++) {
            sums[id * columns + column]! += values[row * columns + column]!;
          }
        });
        const x = tf.tensor(values, [rows, columns], dtype);
        const y = tf.unsortedSegmentSum(x, indices, segments);
        const label = `${dtype} [${rows}, ${columns}]`;
        await assertTensor(y, [segments, columns], dtype, [...sums], label);
        x.dispose();
      }
      indices.dispose();
    }
  },
);

onThreads("the gradient of a lookup is the sum over its rows", async () => {
  const ids = Array.from({ length: 400 }, (_, i) => i * i % 23);
  const weights = valuesOf([400, 16], "float32");
  const gradient = tf.tidy(() =>
    tf.grad((table) =>
      tf.mul(
        tf.gather(table, tf.tensor1d(ids, "int32")),
        tf.tensor2d(weights, [400, 16]),
      )
    )(tf.ones([23, 16]))
  );
  const wanted = defined(
    [23, 16],
    ([row, column]) =>
      ids.reduce(
        (sum, id, i) => sum + (id === row ? weights[16 * i + column!]! : 0),
        0,
      ),
  );
  await assertTensor(gradient, [23, 16], "float32", wanted, "gradient");
});
