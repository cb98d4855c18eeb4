/** The contrastive loss equals float64 loops, with its gradients. @module */
import { assertAlmostEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { infoNCE } from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

const N = 5, DIM = 3, TEMPERATURE = 0.2;

/** The loss by its definition. */
function reference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  same: readonly (readonly boolean[])[],
): number {
  const logit = (i: number, j: number) => {
    if (same[i]![j] && i !== j) return -Infinity;
    let sum = 0;
    for (let k = 0; k < DIM; k++) sum += a[i * DIM + k]! * b[j * DIM + k]!;
    return sum / TEMPERATURE;
  };
  const rows = Array.from({ length: N }, (_, i) => i);
  const total = (values: number[]) =>
    Math.log(values.reduce((sum, x) => sum + Math.exp(x), 0));
  return rows.reduce((sum, i) =>
    sum + total(rows.map((j) => logit(i, j))) +
    total(rows.map((j) => logit(j, i))) - 2 * logit(i, i), 0) / (2 * N);
}

for (const hasSame of [false, true]) {
  onEachBackend(
    `infoNCE() equals float64${hasSame ? ", with pairs left out" : ""}`,
    async () => {
      const values = [1, 2].map((seed) => array(N * DIM, uniform(seed)));
      const same = Array.from(
        { length: N },
        (_, i) =>
          Array.from({ length: N }, (_, j) => hasSame && (i + 2 * j) % 3 === 0),
      );
      const [a, b] = values.map((x) => tf.tensor2d(x, [N, DIM]));
      const loss = infoNCE({ temperature: TEMPERATURE });
      const { value, grads } = tf.valueAndGrads((a, b) =>
        loss(
          a as tf.Tensor2D,
          b as tf.Tensor2D,
          ...hasSame ? [same] as const : [],
        )
      )([a!, b!]);
      const of = (x: readonly ArrayLike<number>[]) =>
        reference(x[0]!, x[1]!, same);
      assertAlmostEquals((await value.data())[0]!, of(values), 1e-5);
      for (const side of [0, 1]) {
        const gradient = await grads[side]!.data();
        gradient.forEach((x, i) => {
          const moved = [1e-5, -1e-5].map((step) =>
            of(
              values.map((own, j) =>
                Array.from(own, (y, k) => j === side && k === i ? y + step : y)
              ),
            )
          );
          assertAlmostEquals(x, (moved[0]! - moved[1]!) / 2e-5, 1e-4);
        });
      }
      tf.dispose([a!, b!, value, ...grads]);
    },
  );
}

onEachBackend("infoNCE() says what is wrong", () => {
  const x = tf.ones<tf.Rank.R2>([2, 3]), y = tf.ones<tf.Rank.R2>([3, 3]);
  const loss = infoNCE({ temperature: 1 });
  assertThrows(() => loss(x, y), TypeError, "the shape of a, [2,3], got [3,3]");
  assertThrows(
    () => loss(x, x, [[true, false]]),
    TypeError,
    "same should be 2 lists of 2 values",
  );
  assertThrows(
    () => infoNCE({ temperature: 0 }),
    RangeError,
    "temperature should be above 0, got 0",
  );
  tf.dispose([x, y]);
}, { only: ["cpu"] });
