/** What a step of attention keeps, decays and refuses; pieces are in tests/subjects. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type RecurrentState,
  recurrentState,
  recurrentStep,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";

onEachBackend(
  "the gradient in the decay of a single token, which it does not pay, is 0",
  async () => {
    const sizes = { batch: 1, heads: 2, headDim: 3, valueDim: 2 };
    const q: tf.Tensor4D = tf.ones([1, 2, 1, 3]);
    const v: tf.Tensor4D = tf.ones([1, 2, 1, 2]);
    const decays: (tf.Tensor3D | tf.Tensor4D)[] = [
      tf.fill<tf.Rank.R3>([1, 2, 1], -0.5),
      tf.fill<tf.Rank.R4>([1, 2, 1, 3], -0.5),
    ];
    for (const logDecay of decays) {
      const gradient = tf.tidy(() =>
        tf.grad((logDecay: tf.Tensor) =>
          recurrentStep(recurrentState(sizes), {
            ...{ q, k: q, v },
            logDecay: logDecay as tf.Tensor3D,
          }).y
        )(logDecay)
      );
      assertEquals(gradient.shape, logDecay.shape);
      assert((await gradient.data()).every((x) => x === 0));
      gradient.dispose();
    }
    tf.dispose([q, v, ...decays]);
  },
);

onEachBackend(
  "recurrentStep() is one kernel",
  async () => {
    const sizes = { batch: 2, heads: 2, headDim: 3, valueDim: 2 };
    const state = recurrentState(sizes);
    for (const length of [1, 5]) {
      for (const channels of [[], [3]]) {
        const q = tf.ones([2, 2, length, 3]);
        const v = tf.ones([2, 2, length, 2]);
        const logDecay = tf.fill([2, 2, length, ...channels], -0.5);
        const { kernels } = await tf.profile(() => {
          const step = recurrentStep(state, { q, k: q, v, logDecay });
          tf.dispose([step.y, step.state]);
        });
        const computing = /^(LionChunkwise|BatchMatMul|Exp|RealDiv|Sum)$/;
        assertEquals(
          kernels.map(({ name }) => name).filter((x) => computing.test(x)),
          ["LionChunkwise"],
        );
        tf.dispose([q, v, logDecay]);
      }
    }
    tf.dispose(state);
  },
  ["wasm", "webgpu"],
);

onEachBackend("recurrentStep() leaves its state as it was", async () => {
  const sizes = { batch: 1, heads: 2, headDim: 3, valueDim: 2 };
  const q: tf.Tensor4D = tf.ones([1, 2, 4, 3]);
  const v: tf.Tensor4D = tf.ones([1, 2, 4, 2]);
  const logDecay: tf.Tensor3D = tf.fill([1, 2, 4], -0.5);
  const empty = recurrentState(sizes);
  const input = { q, k: q, v, logDecay };
  const before = tf.memory().numTensors;
  const first = recurrentStep(empty, input);
  // The answer and two tensors of the state.
  assertEquals(tf.memory().numTensors, before + 3);
  const again = recurrentStep(empty, input);
  assertEquals([...await empty.sum.data()], Array(1 * 2 * 3 * 3).fill(0));
  assertEquals([...await again.y.data()], [...await first.y.data()]);
  assertEquals(
    [...await again.state.sum.data()],
    [...await first.state.sum.data()],
  );
  const states: RecurrentState[] = [empty, first.state, again.state];
  tf.dispose([q, v, logDecay, first.y, again.y, ...states]);
});

onEachBackend(
  "recurrentStep() has a decay of its own in each piece",
  async () => {
    // Two tokens with a fixed decay, then two with one of each token's.
    const sizes = { batch: 1, heads: 1, headDim: 1, valueDim: 1 };
    const one: tf.Tensor4D = tf.ones([1, 1, 2, 1]);
    const v: tf.Tensor4D = tf.tensor4d([1, 2], [1, 1, 2, 1]);
    const fixed = tf.tensor1d([Math.log(0.5)]);
    const own = tf.tensor3d([Math.log(0.25), Math.log(0.125)], [1, 1, 2]);
    const y = tf.tidy(() => {
      const options = { scale: 1, normalize: false };
      const first = recurrentStep(recurrentState(sizes), {
        q: one,
        k: one,
        v,
        logDecay: fixed,
      }, options);
      return recurrentStep(first.state, {
        q: one,
        k: one,
        v,
        logDecay: own,
      }, options).y;
    });
    // 0.5 · 1 + 2 is what comes, which the last token's decay halves.
    const third = 0.5 * 2.5 + 1;
    assertEquals([...await y.data()], [third, 0.25 * third + 2]);
    tf.dispose([one, v, fixed, own, y]);
  },
);

onEachBackend(
  "recurrentStep() applies the decay of a token of the other kind",
  () => {
    const sizes = { batch: 1, heads: 1, headDim: 2, valueDim: 1 };
    const x: tf.Tensor4D = tf.ones([1, 1, 1, 2]);
    const v: tf.Tensor4D = tf.ones([1, 1, 1, 1]);
    const [half, quarter] = [Math.log(0.5), Math.log(0.25)];
    const perToken = tf.tensor3d([half], [1, 1, 1]);
    const perChannel = tf.tensor4d([half, quarter], [1, 1, 1, 2]);
    const options = { scale: 1, normalize: false };
    const answers = tf.tidy(() =>
      [[perToken, perChannel], [perChannel, perToken]].map((decays) => {
        let state = recurrentState(sizes);
        return decays.map((logDecay) => {
          const input = { q: x, k: x, v, logDecay: logDecay! };
          const step = recurrentStep(state, input, options);
          state = step.state;
          return step.y.arraySync()[0]![0]![0]![0]!;
        });
      })
    );
    assertEquals(answers, [[2, 2 + 2 * 0.5], [2, 2 + 0.5 + 0.25]]);
    tf.dispose([x, v, perToken, perChannel]);
  },
  ["cpu"],
);
