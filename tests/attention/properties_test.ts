import { assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  type BackendName,
  type Decay,
  lionAttention,
  noDecay,
  selectiveDecay,
  twoSidedDecay,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { headSizes } from "../subjects/draw.ts";
import { FORMS } from "../subjects/lion.ts";

/** Random sequences, with chunks that may or may not divide them. */
const sequences = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  heads: fc.integer({ min: 1, max: 3 }),
  length: fc.integer({ min: 1, max: 70 }),
  seed: fc.nat(),
});
const MOST = { headDim: 8, valueDim: 8, chunkSize: 80 };
type Sequence = Parameters<typeof tensorsOf>[0];

/** Positive queries and keys, any values, and ordinary log decays. */
function tensorsOf(
  s: {
    batch: number;
    heads: number;
    length: number;
    headDim: number;
    valueDim: number;
    chunkSize: number;
    seed: number;
  },
) {
  const random = uniform(s.seed);
  const shape: [number, number, number] = [s.batch, s.heads, s.length];
  const size = s.batch * s.heads * s.length;
  const feature = () =>
    tf.tensor4d(array(size * s.headDim, random, (u) => 0.1 + u), [
      ...shape,
      s.headDim,
    ]);
  const values = () =>
    tf.tensor4d(array(size * s.valueDim, random), [...shape, s.valueDim]);
  const decays = () => tf.tensor3d(array(size, random, (u) => -2 * u), shape);
  return {
    q: feature(),
    k: feature(),
    v: values(),
    other: values(),
    logDecay: decays(),
    otherLogDecay: decays(),
  };
}

/** Runs a property on a few random sequences, without a leak in any of them. */
async function holds(
  backend: BackendName,
  property: (
    tensors: ReturnType<typeof tensorsOf>,
    s: Sequence,
  ) => [tf.Tensor, tf.Tensor][],
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(sequences, headSizes(backend, MOST), async (...drawn) => {
      const s = { ...drawn[0], ...drawn[1] };
      const differences = tf.tidy(() =>
        property(tensorsOf(s), s).map(([a, b]) =>
          tf.div(tf.max(tf.abs(tf.sub(a, b))), tf.max(tf.abs(b)))
        )
      );
      const errors = await Promise.all(differences.map((x) => x.data()));
      tf.dispose(differences);
      for (const [error] of errors) assertLess(error!, 2e-5);
    }),
    { numRuns: 15, seed: 20250224 },
  );
}

onEachBackend(
  "reversing the input reverses the output",
  (backend) =>
    holds(backend, ({ q, k, v, logDecay, otherLogDecay }, { chunkSize }) => {
      const reverse = <R extends tf.Rank>(x: tf.Tensor<R>) => tf.reverse(x, 2);
      const decays: [Decay, Decay][] = [
        [selectiveDecay(logDecay), selectiveDecay(reverse(logDecay))],
        [
          twoSidedDecay(logDecay, otherLogDecay),
          twoSidedDecay(reverse(otherLogDecay), reverse(logDecay)),
        ],
      ];
      return FORMS.flatMap((form) =>
        decays.map(([decay, reversed]): [tf.Tensor, tf.Tensor] => [
          reverse(
            lionAttention(reverse(q), reverse(k), reverse(v), {
              decay: reversed,
              form,
              chunkSize,
            }),
          ),
          lionAttention(q, k, v, { decay, form, chunkSize }),
        ])
      );
    }),
);

onEachBackend(
  "a decay of 1 is no decay",
  (backend) =>
    holds(
      backend,
      ({ q, k, v, logDecay }, { chunkSize }) =>
        FORMS.map((form) => [
          lionAttention(q, k, v, {
            decay: selectiveDecay(tf.zerosLike(logDecay)),
            form,
            chunkSize,
          }),
          lionAttention(q, k, v, { decay: noDecay(), form, chunkSize }),
        ]),
    ),
);

onEachBackend(
  "attention is linear in the values",
  (backend) =>
    holds(
      backend,
      ({ q, k, v, other, logDecay }, { chunkSize }) =>
        FORMS.map((form) => {
          const of = (values: tf.Tensor) =>
            lionAttention(q, k, values as tf.Tensor4D, {
              decay: selectiveDecay(logDecay),
              form,
              chunkSize,
            });
          return [
            of(tf.add(tf.mul(v, 3), other)),
            tf.add(tf.mul(of(v), 3), of(other)),
          ];
        }),
    ),
);
