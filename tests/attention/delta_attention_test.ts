/** The delta rule: repeated keys, integers, and what it refuses. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { deltaAttention, fixedDecay, selectiveDecay } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { uniform } from "../random.ts";
import { DELTA, replaced } from "../subjects/delta.ts";
import { wrongWith } from "../subjects/subject.ts";

onEachBackend(
  "deltaAttention() takes a decay of each head, and integers",
  async () => {
    const random = uniform(3);
    const shape: [number, number, number, number] = [2, 2, 9, 4];
    const integers = Int32Array.from({ length: 144 }, () => 3 * random());
    const [whole, floats] = ["int32", "float32"].map((dtype) =>
      tf.tensor4d(integers, shape, dtype as "int32" | "float32")
    );
    const beta = tf.fill<tf.Rank.R3>([2, 2, 9], 0.1);
    const perHead = tf.tensor1d([-0.1, -2]);
    const perToken = tf.tidy(() =>
      tf.tile(tf.reshape(perHead, [1, 2, 1]), [2, 1, 9])
    );
    const fixed = deltaAttention(whole!, whole!, whole!, beta, {
      decay: fixedDecay(perHead),
    });
    const selective = deltaAttention(floats!, floats!, floats!, beta, {
      decay: selectiveDecay(perToken as tf.Tensor3D, { convention: "arrival" }),
    });
    assertEquals(await fixed.data(), await selective.data());
    tf.dispose([whole!, floats!, beta, perHead, perToken, fixed, selective]);
  },
);

onEachBackend(
  "deltaAttention() of keys that repeat stays exact, though powers of their products are huge",
  async (backend) => {
    const problem = DELTA.problemOf({
      ...{ batch: 1, heads: 1, length: 40, causal: false, decay: "none" },
    });
    // Towards 2 rounding errors of equal keys no longer fade.
    for (const beta of [1, 1.5]) {
      const k = problem.k.map((_, i) => problem.k[i % problem.headDim]!);
      const change = { k, beta: problem.beta.map(() => beta) };
      const repeated = replaced(problem, change);
      for (const options of DELTA.ways) {
        assertEquals(await wrongWith(DELTA, repeated, backend, options), []);
      }
    }
  },
);

onEachBackend(
  "deltaAttention() takes decays that are paid on arrival alone",
  () => {
    tf.tidy(() => {
      const x = tf.zeros([1, 2, 3, 4]), beta = tf.zeros([1, 2, 3]);
      assertThrows(
        () => deltaAttention(x, x, x, beta, { decay: selectiveDecay(beta) }),
        RangeError,
        "arrival",
      );
    });
  },
);
