/** Transitions of rank one: the last state, sequences cut in two, and what is refused. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  deltaAttention,
  deltaStep,
  diagonalDecay,
  selectiveDecay,
  transitionAttention,
  transitionStep,
} from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { assertNear } from "../comparison.ts";
import { array, uniform } from "../random.ts";

const SIZES = { batch: 2, heads: 2, length: 11, headDim: 4, valueDim: 3 };

/** Inputs of a causal sequence, k of length one and a near -k, so that states stay bounded. */
function inputsOf(steps: number) {
  const { batch, heads, length, headDim, valueDim } = SIZES;
  const random = uniform(steps);
  const of = (rows: number, columns: number, make?: (u: number) => number) => {
    const shape: [number, number, number, number] = [
      ...[batch, heads, rows, columns] as const,
    ];
    return tf.tensor4d(
      array(batch * heads * rows * columns, random, make),
      shape,
    );
  };
  const rows = length * steps;
  const k = tf.tidy(() => {
    const x = of(rows, headDim);
    return tf.div<tf.Tensor4D>(x, tf.norm(x, 2, 3, true));
  });
  return {
    ...{ q: of(length, headDim), k, v: of(rows, valueDim) },
    a: tf.tidy(() => tf.mul<tf.Tensor4D>(tf.neg(k), of(rows, 1))),
    b: of(rows, headDim, (u) => u / 2),
    logDecay: of(length, headDim, (u) => Math.min(0, 0.5 - u)),
    state: of(headDim, valueDim),
  };
}

const NAMES = ["q", "k", "v", "a", "b", "logDecay", "state"] as const;

/** Values and gradients of a sum with weights in two ways. */
async function assertSame(
  ways: readonly ((inputs: ReturnType<typeof inputsOf>) => tf.Tensor)[],
  inputs: ReturnType<typeof inputsOf>,
  { forward, gradient }: typeof TOLERANCE["wasm"],
): Promise<void> {
  const results = ways.map((way) => {
    const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) => {
      const named = NAMES.map((name, i) => [name, given[i]!]);
      const y = way(Object.fromEntries(named));
      const outputGradient = tf.tensor(array(y.size, uniform(7)), y.shape);
      return tf.sum(tf.mul(y, outputGradient)) as tf.Scalar;
    })(NAMES.map((name) => inputs[name]));
    return [value, ...grads];
  });
  const [ours, theirs] = await Promise.all(
    results.map((all) => Promise.all(all.map((x) => x.data<"float32">()))),
  );
  ["y", ...NAMES].forEach((name, i) =>
    assertNear(name, ours![i]!, theirs![i]!, 2 * (i ? gradient : 8 * forward))
  );
  tf.dispose(results);
}

/** What tokens read, and more tokens after them that write nothing, each a row of the state. */
function readToo(
  { q, k, v, a, b, logDecay, state }: ReturnType<typeof inputsOf>,
  steps: number,
): tf.Tensor {
  const { batch, heads, headDim } = SIZES;
  const after = (x: tf.Tensor4D, rows: number) =>
    tf.pad(x, [[0, 0], [0, 0], [0, rows], [0, 0]]);
  const readers = tf.mul(
    tf.reshape(tf.eye(headDim), [1, 1, headDim, headDim]),
    tf.ones([batch, heads, 1, 1]),
  );
  const [keys, values, reads, places] = [k, v, a, b]
    .map((x) => after(x, headDim * steps));
  return transitionAttention(
    tf.concat([q, readers], 2),
    ...[keys!, values!, reads!, places!] as const,
    {
      decay: diagonalDecay(after(logDecay, headDim), { convention: "arrival" }),
      ...{ steps, causal: true, scale: 1, initialState: state },
    },
  );
}

for (const kernel of [true, false]) {
  onEachBackend(
    `the state after tokens is what others read of it, kernel ${kernel}`,
    async (backend) => {
      for (const steps of [1, 2]) {
        const inputs = inputsOf(steps);
        await assertSame(
          [
            ({ state, ...input }) => {
              const options = { kernel, scale: 1 };
              const step = transitionStep(state, input, options);
              return tf.concat([step.y, step.state], 2);
            },
            (inputs) => readToo(inputs, steps),
          ],
          inputs,
          TOLERANCE[backend],
        );
        tf.dispose(inputs);
      }
    },
  );
}

onEachBackend(
  "a token whose decay is 0 has no gradient in it, whatever is read beside it",
  async () => {
    tf.engine().startScope();
    const { batch, heads } = SIZES, length = 20;
    const random = uniform(5);
    const of = (columns: number) => {
      const values = array(batch * heads * length * columns, random);
      return tf.tensor4d(values, [batch, heads, length, columns]);
    };
    const q = of(4), k = of(4), v = of(3), b = of(4), outputGradient = of(3);
    const a = tf.mul<tf.Tensor4D>(tf.neg(k), 0.5);
    const logDecay = array(batch * heads * length, random).map((x, i) =>
      i % 5 === 0 ? -200 : -0.1 * Math.abs(x)
    );
    const given = tf.tensor3d(logDecay, [batch, heads, length]);
    for (const place of [b, null]) {
      for (const causal of [true, false]) {
        const gradient = await tf.grad((logDecay) => {
          const decay = selectiveDecay(logDecay, { convention: "arrival" });
          const options = { decay, causal };
          const y = transitionAttention(q, k, v, a, place, options);
          return tf.sum(tf.mul(y, outputGradient));
        })(given).data();
        const forgotten = gradient.filter((_, i) => logDecay[i] === -200);
        assertEquals(forgotten.some((x) => x !== 0), false);
      }
    }
    tf.engine().endScope();
  },
);

onEachBackend(
  "a sequence is its halves, the state in between",
  async (backend) => {
    const { length } = SIZES, half = 4;
    for (const steps of [1, 3]) {
      const inputs = inputsOf(steps);
      const options = { steps, causal: true } as const;
      await assertSame(
        [
          ({ q, k, v, a, b, logDecay, state }) => {
            const decay = diagonalDecay(logDecay, { convention: "arrival" });
            const given = { ...options, decay, initialState: state };
            return transitionAttention(q, k, v, a, b, given);
          },
          ({ state, logDecay, ...vectors }) => {
            const part = (x: tf.Tensor4D, from: number, to: number) => {
              const rows = x.shape[2] / length;
              return tf.slice(x, [0, 0, rows * from, 0], [
                ...[-1, -1, rows * (to - from), -1],
              ]);
            };
            const of = (from: number, to: number) => {
              const [q, k, v, a, b] = (["q", "k", "v", "a", "b"] as const)
                .map((name) => part(vectors[name], from, to));
              return { q: q!, k: k!, v: v!, a: a!, b: b! };
            };
            const first = of(0, half), second = of(half, length);
            const before = transitionStep(
              state,
              { ...first, logDecay: part(logDecay, 0, half) },
            );
            const decay = diagonalDecay(
              part(logDecay, half, length),
              { convention: "arrival" },
            );
            const { q, k, v, a, b } = second;
            const y = transitionAttention(q, k, v, a, b, {
              ...{ ...options, decay, initialState: before.state },
            });
            return tf.concat([before.y, y], 2);
          },
        ],
        inputs,
        TOLERANCE[backend],
      );
      tf.dispose(inputs);
    }
  },
);

onEachBackend(
  "the delta rule of several steps is one of transitions",
  async () => {
    const { k, v, q, state, ...others } = inputsOf(2);
    const { batch, heads, length } = SIZES;
    const beta = tf.fill([batch, heads, length * 2], 0.5);
    const options = { steps: 2, causal: true, initialState: state };
    const results = tf.tidy(() => {
      const written = tf.mul(k, 0.5), reads = tf.neg(k);
      const step = deltaStep(state, { q, k, v, beta });
      return [
        ...[deltaAttention(q, k, v, beta, options), step.y, step.state],
        transitionAttention(q, written, v, reads, null, options),
        ...Object.values(transitionStep(state, {
          ...{ q, k: written, v, a: reads, b: null },
        })),
      ];
    });
    const [delta, y, last, general, y2, last2] = await Promise.all(
      results.map((x) => x.data<"float32">()),
    );
    for (const x of [y!, general!, y2!]) assertNear("y", x, delta!, 1e-5);
    assertNear("state", last!, last2!, 1e-5);
    tf.dispose([k, v, q, state, others, beta, results]);
  },
);

onEachBackend("transitions refuse what they cannot use, and say why", () => {
  const held = tf.memory().numTensors;
  tf.tidy(() => {
    const x = tf.zeros([1, 2, 3, 4]), state = tf.zeros([1, 2, 4, 4]);
    const call = (options: object, k: tf.Tensor = x) => () =>
      transitionAttention(x, k, k, k, null, options);
    assertThrows(
      call({ initialState: state }),
      RangeError,
      "initialState should come with causal: true, since it stands for earlier tokens, got causal: false",
    );
    assertThrows(
      call({ steps: 0 }),
      RangeError,
      "steps should be a positive integer, got 0",
    );
    assertThrows(
      call({ steps: 2 }),
      TypeError,
      "k should have shape [batch, heads, length · steps, headDim] = [1, 2, 6, 4], got [1, 2, 3, 4]",
    );
    assertThrows(
      call({ form: "full" }),
      RangeError,
      'form should be "auto", "recurrent" or "chunkwise"',
    );
    assertThrows(
      () => transitionStep(x, { q: x, k: x, v: x, a: x, b: null }),
      TypeError,
      "state should have shape [batch, heads, headDim, valueDim] = [1, 2, 4, 4], got [1, 2, 3, 4]",
    );
  });
  assertEquals(tf.memory().numTensors, held);
});
