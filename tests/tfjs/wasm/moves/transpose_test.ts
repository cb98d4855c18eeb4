import * as tf from "@tensorflow/tfjs-core";
import {
  assertTensor,
  defined,
  DTYPES,
  indexOf,
  onThreads,
  valuesOf,
} from "./definition.ts";

/** All orders of some axes. */
function ordersOf(axes: readonly number[]): number[][] {
  if (axes.length === 0) return [[]];
  return axes.flatMap((axis) =>
    ordersOf(axes.filter((other) => other !== axis))
      .map((order) => [axis, ...order])
  );
}

async function assertTransposed(
  shape: number[],
  orders: readonly number[][],
): Promise<void> {
  for (const dtype of DTYPES) {
    const values = valuesOf(shape, dtype);
    const x = tf.tensor(values, shape, dtype);
    for (const order of orders) {
      const to = order.map((axis) => shape[axis]!);
      const wanted = defined(to, (place) => {
        const from = new Array<number>(shape.length);
        order.forEach((axis, i) => from[axis] = place[i]!);
        return values[indexOf(from, shape)]!;
      });
      const label = `${dtype} [${shape}] by [${order}]`;
      await assertTensor(tf.transpose(x, order), to, dtype, wanted, label);
    }
    x.dispose();
  }
}

onThreads(
  "axes are transposed in every order, few elements and many",
  async () => {
    for (const shape of [[], [0], [1], [17], [3, 0, 2], [17, 3], [1, 17, 1]]) {
      await assertTransposed(shape, ordersOf([...shape.keys()]));
    }
    for (const shape of [[2, 3, 5, 4], [3, 17, 4, 9], [8, 1, 16, 20]]) {
      await assertTransposed(shape, ordersOf([0, 1, 2, 3]));
    }
  },
);

onThreads(
  "matrices of any proportions are transposed, and many axes",
  async () => {
    for (
      const [rows, columns] of [[64, 40], [1, 3000], [3, 9001], [9001, 5], [
        67,
        131,
      ]]
    ) {
      await assertTransposed([rows!, columns!], [[1, 0]]);
    }
    await assertTransposed([3, 2, 5, 4, 6, 7], [
      [5, 4, 3, 2, 1, 0],
      [1, 0, 3, 2, 5, 4],
      [0, 2, 4, 1, 3, 5],
    ]);
  },
);

onThreads(
  "the gradient of a transposed tensor is transposed back",
  async () => {
    const shape = [6, 40, 17], order = [2, 0, 1];
    const values = valuesOf(shape, "float32");
    const weights = valuesOf([17, 6, 40], "float32");
    const gradient = tf.tidy(() =>
      tf.grad((x) =>
        tf.mul(tf.transpose(x, order), tf.tensor(weights, [17, 6, 40]))
      )(
        tf.tensor(values, shape),
      )
    );
    const wanted = defined(
      shape,
      ([a, b, c]) => weights[indexOf([c!, a!, b!], [17, 6, 40])]!,
    );
    await assertTensor(gradient, shape, "float32", wanted, "gradient");
  },
);
