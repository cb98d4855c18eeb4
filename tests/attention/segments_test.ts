/** Packed sequences: each is what it is alone, whatever is beside it. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  explainAttention,
  fixedDecay,
  lionAttention,
  selectiveDecay,
  softmaxAttention,
} from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { largest } from "../comparison.ts";
import { sampleForms } from "../sample.ts";
import {
  type Axes,
  axesOfAnswer,
  BORDERS,
  numbersOf,
  readings,
  results,
  shapeOf,
  SIZES,
} from "../subjects/operations.ts";
import { FORMS } from "../subjects/lion.ts";

/** What the vectors of each segment are larger by: products are of 1e18 beside those of 1. */
const FACTORS = [1, 1e4, 1, 1e6];

onEachBackend(
  "packed sequences are each what it is alone, beside huge numbers too",
  async (backend) => {
    const all = readings(backend).filter(({ operation }) => operation.packs);
    const chosen = sampleForms(backend, all, ({ isPlain }) => isPlain);
    const starts = [0, ...BORDERS, SIZES.length];
    const failures: string[] = [];
    for (const reading of chosen) {
      const { axes, name } = reading.operation;
      /** A row of all tokens, cut to those of a segment. */
      const rows = (
        values: Float32Array,
        axes: Axes,
        change: (row: Float32Array, head: number) => Float32Array,
      ) => {
        if (axes[0] !== "batch") return values;
        const heads = axes[1] === "heads" ? SIZES.heads : 1;
        const size = values.length / heads;
        return Float32Array.from(
          Array.from({ length: heads }, (_, head) => {
            const row = values.subarray(head * size, (head + 1) * size);
            return [...change(row, head)];
          }).flat(),
        );
      };
      const cut = (values: Float32Array, axes: Axes, segment: number) =>
        rows(values, axes, (row) => {
          const columns = row.length / SIZES.length;
          const [start, end] = starts.slice(segment, segment + 2);
          return row.subarray(start! * columns, end! * columns);
        });
      const isHuge = name.startsWith("lionAttention as");
      const numbers = Object.fromEntries(
        Object.entries(axes).map(([input, axes]) => {
          const own = numbersOf(input, shapeOf(axes, { ...SIZES, batch: 1 }));
          if (!isHuge || !["q", "k", "v"].includes(input)) return [input, own];
          const scaled = rows(own, axes, (row) => {
            const columns = row.length / SIZES.length;
            return row.map((x, i) => {
              const token = Math.floor(i / columns);
              const segment = BORDERS.filter((start) => start <= token).length;
              return x * FACTORS[segment]!;
            });
          });
          return [input, scaled];
        }),
      );
      const ofY = axesOfAnswer(reading);
      const dy = numbersOf("dy", shapeOf(ofY, { ...SIZES, batch: 1 }));
      const packed = { ...reading, packed: true };
      const whole = await results(packed, numbers, 1, { dy });
      for (const segment of FACTORS.keys()) {
        const own = Object.fromEntries(
          Object.entries(axes)
            .map((
              [input, axes],
            ) => [input, cut(numbers[input]!, axes, segment)]),
        );
        const alone = await results({ ...reading, packed: false }, own, 1, {
          dy: cut(dy, ofY, segment),
          length: starts[segment + 1]! - starts[segment]!,
        });
        const { y, ...gradients } = alone;
        const ofGradients = largest(...Object.values(gradients));
        for (const [result, values] of Object.entries(alone)) {
          const got = cut(whole[result]!, axes[result] ?? ofY, segment);
          const error = largest(values.map((x, i) => x - got[i]!));
          const size = result === "y" ? largest(y!) : ofGradients;
          // Both are rounded.
          if (error <= 2 * TOLERANCE[backend].gradient * size) continue;
          failures.push(`${reading.name}, ${result} of ${segment}: ${error}`);
        }
      }
    }
    assertEquals(failures, []);
  },
  { sampled: true },
);

onEachBackend("segments may be int32, float32 or bool", async () => {
  const x = tf.randomUniform<tf.Rank.R4>([2, 1, 4, 3], 0, 1, "float32", 1);
  const decay = fixedDecay(tf.tensor1d([-0.5]));
  const [first, ...others] = await Promise.all(
    (["int32", "float32", "bool"] as const).flatMap((dtype) =>
      [lionAttention, softmaxAttention].map(async (attend) => {
        const y = tf.tidy(() => {
          const segments = tf.tensor2d([0, 0, 1, 1, 1, 0, 0, 1], [2, 4], dtype);
          const options = attend === lionAttention ? { decay } : {};
          return attend(x, x, x, { ...options, segments });
        });
        const values = await y.data();
        y.dispose();
        return values;
      })
    ),
  );
  assertEquals(others[1], first);
  assertEquals(others[3], first);
  assertEquals(others[2], others[0]);
  assertEquals(others[4], others[0]);
  tf.dispose([x, (decay as { logDecay: tf.Tensor }).logDecay]);
});

onEachBackend("a decay on the way across a border does not apply", async () => {
  const x = tf.ones<tf.Rank.R4>([1, 1, 4, 1]);
  const segments = tf.tensor2d([5, 5, 6, 6], [1, 4], "int32");
  // On arrival at the third token going right, at the second one going left.
  const [nothing, first] = [NaN, -1];
  const forward = tf.tensor3d([nothing, first, nothing, first], [1, 1, 4]);
  const backward = tf.tensor3d([first, nothing, first, nothing], [1, 1, 4]);
  const { value, grads } = tf.valueAndGrads((...[f, b]: tf.Tensor[]) =>
    lionAttention(x, x, x, {
      decay: bidirectionalDecay(f as tf.Tensor3D, b as tf.Tensor3D),
      normalize: false,
      scale: 1,
      segments,
    })
  )([forward, backward]);
  const e = Math.exp(-1);
  const [y, df, db] = await Promise.all(
    [value, ...grads].map(async (x) => Array.from(await x.data(), round)),
  );
  assertEquals(y, [1 + e, 1 + e, 1 + e, 1 + e].map(round));
  assertEquals(df, [0, e, 0, e].map(round));
  assertEquals(db, [e, 0, e, 0].map(round));
  tf.dispose([x, segments, forward, backward, value, ...grads]);
});

/** To five digits; zeros have one sign. */
function round(x: number): number {
  return Math.round(x * 1e5) / 1e5 + 0;
}

onEachBackend("a plan with segments is that of a decay", () => {
  tf.tidy(() => {
    const x = tf.ones<tf.Rank.R4>([1, 2, 100, 4]);
    const segments = tf.zeros<tf.Rank.R2>([1, 100], "int32");
    const decay = selectiveDecay(tf.zeros([1, 2, 100]));
    for (const form of FORMS) {
      assertEquals(
        explainAttention(x, x, x, { form, segments }),
        explainAttention(x, x, x, { form, decay }),
      );
    }
  });
});

/** Neighbours that are the same number to a float of 32 bits. */
const CLOSE = [[2 ** 24, 2 ** 24 + 1], [2 ** 31 - 2, 2 ** 31 - 1], [
  -(2 ** 31),
  1 - 2 ** 31,
]] as const;

onEachBackend("segments may have any integers as numbers", async (backend) => {
  // So long that no backend computes the numbers elsewhere.
  const length = 1234, border = 600;
  const means = [(border - 1) / 2, (border + length - 1) / 2];
  // In plain JavaScript the others take seconds.
  const isQuick = backend !== "cpu";
  const forms = isQuick ? FORMS : ["chunkwise" as const];
  for (const [before, after] of CLOSE) {
    const outputs = tf.tidy(() => {
      const segments = tf.tensor2d(
        Array.from({ length }, (_, i) => i < border ? before : after),
        [1, length],
        "int32",
      );
      const x: tf.Tensor4D = tf.ones([1, 1, length, 1]);
      const v: tf.Tensor4D = tf.reshape(tf.range(0, length), [1, 1, length, 1]);
      return forms.map((form) => lionAttention(x, x, v, { segments, form }))
        .concat(isQuick ? softmaxAttention(x, x, v, { segments }) : []);
    });
    for (const y of outputs) {
      for (const [i, value] of (await y.data()).entries()) {
        const mean = means[i < border ? 0 : 1]!;
        assert(Math.abs(value - mean) < 1e-2, `${before}: ${value} at ${i}`);
      }
    }
    tf.dispose(outputs);
  }
});
