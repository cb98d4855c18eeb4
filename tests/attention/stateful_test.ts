/** A sequence in pieces equals the sequence as a whole. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type RecurrentState,
  recurrentState,
  recurrentStep,
} from "../../mod.ts";
import type { RecurrentInput } from "../../lib/attention/streaming/stateful.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { type Problem, solve } from "../oracle.ts";
import { type Case, problemOf } from "./cases.ts";

/** How a sequence of 12 tokens comes. */
const SEGMENTS: readonly (readonly number[])[] = [
  [12],
  [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  [2, 3, 1, 6],
  [1, 11],
  [11, 1],
];

/** Six sequences, so that each of cases.ts's log decays has one; one decays to 0. */
const CASE: Omit<Case, "decay" | "normalize"> = {
  batch: 2,
  heads: 3,
  length: 12,
  causal: true,
  padded: false,
};

interface Inputs {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
  readonly logDecay: tf.Tensor1D | tf.Tensor3D | undefined;
}

function inputsOf(problem: Problem): Inputs {
  const { batch, heads, length, headDim, valueDim, decay } = problem;
  const values = "logDecay" in decay ? decay.logDecay : undefined;
  return {
    q: tf.tensor4d(problem.q, [batch, heads, length, headDim]),
    k: tf.tensor4d(problem.k, [batch, heads, length, headDim]),
    v: tf.tensor4d(problem.v, [batch, heads, length, valueDim]),
    logDecay: values &&
      (values.length === heads
        ? tf.tensor1d(values)
        : tf.tensor3d(values, [batch, heads, length])),
  };
}

/** Reads a sequence in pieces; gives what all of them answer. */
function read(
  { batch, heads, headDim, valueDim, scale, epsilon, normalize, decay }:
    Problem,
  { q, k, v, logDecay }: Inputs,
  segments: readonly number[],
  kernel = true,
): tf.Tensor4D {
  return tf.tidy(() => {
    let state = recurrentState({ batch, heads, headDim, valueDim });
    let start = 0;
    const answers = segments.map((length) => {
      const cut = (x: tf.Tensor): tf.Tensor =>
        tf.slice(x, [0, 0, start], [-1, -1, length]);
      const piece: RecurrentInput = {
        q: cut(q) as tf.Tensor4D,
        k: cut(k) as tf.Tensor4D,
        v: cut(v) as tf.Tensor4D,
        ...(logDecay
          ? {
            logDecay: logDecay.rank === 1
              ? logDecay as tf.Tensor1D
              : cut(logDecay) as tf.Tensor3D,
          }
          : {}),
      };
      const step = recurrentStep(state, piece, {
        scale,
        epsilon,
        normalize,
        kernel,
        ...(decay.kind === "arrival" ? { convention: decay.kind } : {}),
      });
      state = step.state;
      start += length;
      return step.y;
    });
    return tf.concat(answers, 2) as tf.Tensor4D;
  });
}

for (const kind of ["none", "fixed", "source", "arrival"] as const) {
  onEachBackend(
    `recurrentStep() in pieces equals the whole, decay ${kind}`,
    async (backend) => {
      for (const normalize of [true, false]) {
        const problem = problemOf({ ...CASE, decay: kind, normalize });
        if ("logDecay" in problem.decay && kind !== "fixed") {
          assert(problem.decay.logDecay.includes(-Infinity));
        }
        const { y: { values } } = solve(problem);
        const largest = Math.max(...values.map(Math.abs));
        const inputs = inputsOf(problem);
        for (const segments of SEGMENTS) {
          for (const kernel of [true, false]) {
            const y = read(problem, inputs, segments, kernel);
            const got = await y.data();
            y.dispose();
            assertEquals(got.length, values.length);
            const error = Math.max(
              ...values.map((value, i) => Math.abs(value - got[i]!)),
            ) / largest;
            assert(
              error < TOLERANCE[backend].forward,
              `${segments} normalize ${normalize} kernel ${kernel}: error ${error}`,
            );
          }
        }
        const { q, k, v, logDecay } = inputs;
        tf.dispose([q, k, v, ...(logDecay ? [logDecay] : [])]);
      }
    },
  );

  onEachBackend(
    `gradients through recurrentStep()'s states are the whole's, decay ${kind}`,
    async (backend) => {
      const problem = problemOf({ ...CASE, decay: kind, normalize: true });
      const { gradients } = solve(problem);
      const { q, k, v, logDecay } = inputsOf(problem);
      const tensors = [q, k, v, ...(logDecay ? [logDecay] : [])];
      const dy = tf.tensor(problem.dy, v.shape);
      const largest = (values: Float64Array) =>
        Math.max(...values.map(Math.abs));
      const ofVectors = Math.max(
        ...[gradients["q"]!, gradients["k"]!, gradients["v"]!].map((
          { values },
        ) => largest(values)),
      );
      for (const segments of SEGMENTS) {
        const grads = tf.grads((q, k, v, logDecay) =>
          read(problem, {
            q: q as tf.Tensor4D,
            k: k as tf.Tensor4D,
            v: v as tf.Tensor4D,
            logDecay: logDecay as tf.Tensor3D | undefined,
          }, segments)
        )(tensors, dy);
        for (const [i, [name, wanted]] of Object.entries(gradients).entries()) {
          const got = await grads[i]!.data();
          assertEquals(got.length, wanted.values.length);
          // As cases.ts judges them: what rounds is as large as the terms.
          const reference = name !== "logDecay"
            ? ofVectors
            : largest(kind === "fixed" ? wanted.magnitudes : wanted.values);
          const error = Math.max(
            ...wanted.values.map((value, n) => Math.abs(value - got[n]!)),
          ) / reference;
          assert(
            error < TOLERANCE[backend].gradient,
            `${segments} ${name}: error ${error}`,
          );
        }
        tf.dispose(grads);
      }
      tf.dispose([...tensors, dy]);
    },
  );
}

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

onEachBackend("recurrentStep() is one kernel", async () => {
  const sizes = { batch: 2, heads: 2, headDim: 3, valueDim: 2 };
  const state = recurrentState(sizes);
  for (const length of [1, 5]) {
    const q: tf.Tensor4D = tf.ones([2, 2, length, 3]);
    const v: tf.Tensor4D = tf.ones([2, 2, length, 2]);
    const logDecay: tf.Tensor3D = tf.fill([2, 2, length], -0.5);
    const { kernels } = await tf.profile(() => {
      const step = recurrentStep(state, { q, k: q, v, logDecay });
      tf.dispose([step.y, step.state]);
    });
    const computing = ["LionChunkwise", "BatchMatMul", "Exp", "RealDiv", "Sum"];
    assertEquals(
      kernels.map(({ name }) => name).filter((name) =>
        computing.includes(name)
      ),
      ["LionChunkwise"],
    );
    tf.dispose([q, v, logDecay]);
  }
  tf.dispose(state);
}, ["wasm", "webgpu"]);

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
    // 0.5 · 1 + 2 is what comes, and it pays 0.5 as the last token's decay.
    const third = 0.5 * 2.5 + 1;
    assertEquals([...await y.data()], [third, 0.25 * third + 2]);
    tf.dispose([one, v, fixed, own, y]);
  },
);

onEachBackend("recurrentStep() names the argument and what it wants", () => {
  const [B, H, L, D, E] = [2, 3, 5, 4, 6];
  const sizes = { batch: B, heads: H, headDim: D, valueDim: E };
  const type = (change: Record<string, number[]>, part: string) =>
    assertThrows(
      () =>
        tf.tidy(() => {
          const of = (name: string, shape: number[]) =>
            tf.ones<tf.Rank>(change[name] ?? shape) as tf.Tensor4D;
          recurrentStep(recurrentState(sizes), {
            q: of("q", [B, H, L, D]),
            k: of("k", [B, H, L, D]),
            v: of("v", [B, H, L, E]),
            logDecay: of("logDecay", [H]) as tf.Tensor as tf.Tensor1D,
          });
        }),
      TypeError,
      part,
    );
  type({ q: [B, L, D] }, "q should have shape");
  type({ k: [B, H, L + 1, D] }, "k should have shape");
  type({ v: [B, H, L + 1, E] }, "v should have shape");
  type({ v: [B, H, L, E + 1] }, "state.sum should have shape");
  type({ q: [B, H, L, D + 1], k: [B, H, L, D + 1] }, "state.sum should have");
  type({ logDecay: [H + 1] }, "logDecay should have shape [heads] = [3]");
  type(
    { logDecay: [B, H, L + 1] },
    "logDecay should have shape [batch, heads, length] = [2, 3, 5]",
  );
  type({ logDecay: [B, H] }, "logDecay should have shape");
});
