/** Packed sequences: each is what it is alone, whatever is beside it. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type BackendName,
  type Decay,
  diagonalDecay,
  explainAttention,
  fixedDecay,
  lionAttention,
  lionAttentionInOrders,
  noDecay,
  selectiveDecay,
  softmaxAttention,
  twoSidedDecay,
} from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";
import { FORMS } from "../subjects/lion.ts";

const [H, D, E] = [2, 5, 4];
/** The first is a token alone, and numbers come again. */
const LENGTHS = [1, 9, 4, 18, 2];
const NUMBERS = [3, 7, 3, 0, 7];
const TOTAL = LENGTHS.reduce((sum, length) => sum + length, 0);

/** Of the numbers in each: products are of 1e18 beside those of 1. */
const FACTORS = [1, 1e4, 1, 1e6, 1];

/** What attention is given, in the order of `NAMES`. */
type Inputs = tf.Tensor[];
const NAMES = ["q", "k", "v", "logDecay", "otherLogDecay"] as const;

/** One row for all; a segment's vectors are larger by its factor. */
function inputsOf(factors: readonly number[]): Inputs {
  const factorOf = LENGTHS.flatMap((length, i) =>
    Array<number>(length).fill(factors[i]!)
  );
  const vectors = (columns: number, seed: number) => {
    const values = array(H * TOTAL * columns, uniform(seed), (u) => 0.1 + u);
    const scaled = values.map((value, i) =>
      value * factorOf[Math.floor(i / columns) % TOTAL]!
    );
    return tf.tensor4d(scaled, [1, H, TOTAL, columns]);
  };
  const decays = (seed: number) =>
    tf.tensor3d(
      array(H * TOTAL, uniform(seed), (u) => u < 0.1 ? -60 : -u),
      [1, H, TOTAL],
    );
  return [vectors(D, 1), vectors(D, 2), vectors(E, 3), decays(4), decays(5)];
}

/** The tokens from `start` on. */
function cut<T extends tf.Tensor>(x: T, start: number, length: number): T {
  const from = x.shape.map((_, axis) => axis === 2 ? start : 0);
  const size = x.shape.map((size, axis) => axis === 2 ? length : size);
  return tf.slice(x, from, size) as T;
}

type Attend = (inputs: Inputs, segments?: tf.Tensor2D) => tf.Tensor;

/** y and the gradients of all inputs, each `[1, H, length, …]`. */
function solved(
  attend: Attend,
  inputs: Inputs,
  dy: tf.Tensor,
  segments?: tf.Tensor2D,
): tf.Tensor[] {
  const { value, grads } = tf.valueAndGrads((...x: tf.Tensor[]) =>
    // All of them are on the tape, read or not.
    tf.add(
      attend(x, segments),
      tf.mul(tf.sum(tf.concat(x.slice(3), 0)), 0),
    )
  )(inputs, dy);
  return [value, ...grads];
}

/** How far packed sequences are from each alone, relative to its largest values. */
async function errorsOf(
  attend: Attend,
  factors: readonly number[],
): Promise<number[]> {
  const errors = tf.tidy(() => {
    const inputs = inputsOf(factors);
    const dy = tf.tensor4d(array(H * TOTAL * E, uniform(6)), [1, H, TOTAL, E]);
    const numbers = LENGTHS.flatMap((length, i) =>
      Array<number>(length).fill(NUMBERS[i]!)
    );
    const segments = tf.tensor2d(numbers, [1, TOTAL], "int32");
    const packed = solved(attend, inputs, dy, segments);
    let start = 0;
    const found: tf.Tensor[] = [];
    for (const length of LENGTHS) {
      const of = (x: tf.Tensor) => cut(x, start, length);
      const alone = solved(attend, inputs.map(of), of(dy));
      const [q, [, dq, dk, dv]] = [of(inputs[0]!), alone] as const;
      // Of few keys the gradients in q and k cancel; what is rounded then is of
      // the size of that in v. A decay's gradient is of the size of q · dq.
      const vectors = tf.stack([dq!, dk!, dv!].map((x) => tf.max(tf.abs(x))));
      const ofVectors = tf.max(vectors);
      const ofDecays = tf.max(tf.sum(tf.abs(tf.mul(q, dq!)), -1));
      alone.forEach((x, i) => {
        const difference = tf.max(tf.abs(tf.sub(of(packed[i]!), x)));
        const reference = i === 0
          ? tf.max(tf.abs(x))
          : i <= 3
          ? ofVectors
          : tf.maximum(ofDecays, 1e-20);
        found.push(tf.div(difference, reference));
      });
      start += length;
    }
    return tf.stack(found);
  });
  const values = [...await errors.data()];
  errors.dispose();
  return values;
}

const DECAY_OF: Record<string, (inputs: Inputs) => Decay> = {
  none: () => noDecay(),
  fixed: () => fixedDecay(tf.tensor1d([-0.1, -1])),
  source: ([, , , g]) => selectiveDecay(g as tf.Tensor3D),
  arrival: ([, , , g]) =>
    selectiveDecay(g as tf.Tensor3D, { convention: "arrival" }),
  "two-sided": ([, , , f, b]) =>
    twoSidedDecay(f as tf.Tensor3D, b as tf.Tensor3D),
  diagonal: ([, , , g]) =>
    diagonalDecay(
      tf.mul(tf.expandDims(g!, 3), tf.tensor1d([0, 0.5, 1, 1.5, 2])),
    ),
};

function* packedCases(backend: BackendName) {
  for (const form of FORMS) {
    for (const kernel of backend === "cpu" ? [false] : [true, false]) {
      for (const decay of Object.keys(DECAY_OF)) {
        for (const causal of [false, true]) {
          for (const normalize of [false, true]) {
            yield { form, kernel, decay, causal, normalize };
          }
        }
      }
    }
  }
}

onEachBackend(
  "packed sequences are each what it is alone, beside huge numbers too",
  async (backend) => {
    const failures: string[] = [];
    const all = packedCases(backend);
    for (const c of sampleForms(backend, all, ({ kernel }) => !kernel)) {
      const { decay, ...options } = c;
      const attend: Attend = (inputs, segments) =>
        lionAttention(
          inputs[0] as tf.Tensor4D,
          inputs[1] as tf.Tensor4D,
          inputs[2] as tf.Tensor4D,
          {
            ...options,
            chunkSize: 8,
            decay: DECAY_OF[decay]!(inputs),
            ...(segments ? { segments } : {}),
          },
        );
      const errors = await errorsOf(attend, FACTORS);
      const largest = Math.max(...errors);
      // Both are rounded.
      if (largest <= 2 * TOLERANCE[backend].gradient) continue;
      const at = errors.indexOf(largest);
      failures.push(
        `${JSON.stringify(c)}: ${largest} at segment ${Math.floor(at / 6)}, ` +
          ["y", ...NAMES][at % 6],
      );
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

onEachBackend("a decay on the way across a border is not paid", async () => {
  const x = tf.ones<tf.Rank.R4>([1, 1, 4, 1]);
  const segments = tf.tensor2d([5, 5, 6, 6], [1, 4], "int32");
  // On arrival at the third token going right, at the second one going left.
  const [nothing, first] = [NaN, -1];
  const forward = tf.tensor3d([nothing, first, nothing, first], [1, 1, 4]);
  const backward = tf.tensor3d([first, nothing, first, nothing], [1, 1, 4]);
  const { value, grads } = tf.valueAndGrads((...[f, b]: tf.Tensor[]) =>
    lionAttention(x, x, x, {
      decay: twoSidedDecay(f as tf.Tensor3D, b as tf.Tensor3D),
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

onEachBackend(
  "segments are the same tokens on each way through them",
  async () => {
    const [length, heads] = [7, 2];
    const random = uniform(3);
    const x = tf.tensor4d(array(heads * length * 3, random, (u) => 0.1 + u), [
      1,
      heads,
      length,
      3,
    ]);
    const logDecay = tf.tensor3d(array(heads * length, random, (u) => -u), [
      1,
      heads,
      length,
    ]);
    const decay = selectiveDecay(logDecay);
    // The last way has two segments of one number beside each other.
    const segments = tf.tensor2d([4, 4, 1, 1, 1, 4, 4], [1, length], "int32");
    const ways = [[0, 1, 2, 3, 4, 5, 6], [6, 5, 0, 1, 3, 2, 4]];
    for (const normalize of [true, false]) {
      const [packed, alone] = tf.tidy(() => {
        const attend = (
          tokens: readonly number[],
          orders: number[][],
          segments?: tf.Tensor2D,
        ) => {
          const of = <T extends tf.Tensor>(x: T) =>
            tf.gather(x, tf.tensor1d([...tokens], "int32"), 2);
          const decay = selectiveDecay(of(logDecay));
          return lionAttentionInOrders(
            of(x),
            of(x),
            of(x),
            orders.map((order) => ({ order, decay })),
            { normalize, ...(segments ? { segments } : {}) },
          );
        };
        return [
          attend(ways[0]!, ways, segments),
          tf.concat([
            attend([0, 1], [[0, 1], [0, 1]]),
            attend([2, 3, 4], [[0, 1, 2], [1, 0, 2]]),
            attend([5, 6], [[0, 1], [1, 0]]),
          ], 2),
        ];
      });
      const [got, wanted] = [await packed!.data(), await alone!.data()];
      got.forEach((value, i) => assert(Math.abs(value - wanted[i]!) < 1e-5));
      tf.dispose([packed!, alone!]);
    }
    if (decay.kind === "selective") tf.dispose([x, logDecay, segments]);
  },
);

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
