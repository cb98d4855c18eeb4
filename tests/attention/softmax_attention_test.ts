/**
 * Softmax attention on each backend, in tfjs operations and as a kernel,
 * against the float64 oracle.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  alibiSlopes,
  lionAttentionLayer,
  softmaxAttention,
  type SoftmaxAttentionOptions,
} from "../../mod.ts";
import { BACKENDS, onEachBackend, WITH_KERNELS } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { testCases, testRandom } from "../subjects/checks.ts";
import { SOFTMAX_STEP } from "../subjects/pieces.ts";
import { replaced, SOFTMAX, type SoftmaxProblem } from "../subjects/softmax.ts";
import { wrongWith } from "../subjects/subject.ts";

testCases(SOFTMAX);
testRandom(SOFTMAX);
testCases(SOFTMAX_STEP);
testRandom(SOFTMAX_STEP);

onEachBackend(
  "a token alone has a weight of 1, and q and k no gradient at all",
  async () => {
    tf.engine().startScope();
    const random = uniform(3);
    const of = (columns: number) =>
      tf.tensor4d(array(6 * columns, random), [2, 3, 1, columns]);
    const outputGradient = of(9);
    const gradients = tf.grads((q, k, v) =>
      tf.sum(tf.mul(softmaxAttention(q!, k!, v!), outputGradient))
    );
    const [dq, dk, dv] = gradients([of(5), of(5), of(9)]);
    for (const x of [dq!, dk!]) {
      assertEquals((await x.data()).some((x) => x !== 0), false);
    }
    assertEquals(await dv!.data(), await outputGradient.data());
    tf.engine().endScope();
  },
);

for (const kernel of [false, true]) {
  const how = kernel ? "as a kernel" : "in tfjs operations";
  const backends = kernel ? WITH_KERNELS : BACKENDS;
  onEachBackend(
    `no score is so low that what is hidden is read, ${how}`,
    async () => {
      const shape: [number, number, number, number] = [1, 1, 3, 1];
      const segments = tf.tensor2d([[1, 1, 2]], [1, 3], "int32");
      const mask = tf.tensor2d([[1, 1, 0]]);
      const hidings: readonly [SoftmaxAttentionOptions, number[]][] = [
        [{ causal: true }, [1, 1.5, 2]],
        [{ segments }, [1.5, 1.5, 3]],
        [{ mask }, [1.5, 1.5, 0]],
      ];
      const k = tf.ones<tf.Rank.R4>(shape);
      const v = tf.tensor4d([1, 2, 3], shape);
      for (const score of [-3.402e38, -Infinity]) {
        const q = tf.fill<tf.Rank.R4>(shape, score);
        for (const [hiding, means] of hidings) {
          const options = { ...hiding, kernel, scale: 1 };
          const y = softmaxAttention(q, k, v, options);
          const found = await y.data();
          means.forEach((mean, i) => {
            // Kernels multiply scores once more, and lose them: NaN says so.
            const isLost = Number.isNaN(found[i]) &&
              (score === -Infinity || kernel);
            assert(isLost && mean > 0 || found[i] === mean, `${found}`);
          });
          y.dispose();
        }
        q.dispose();
      }
      tf.dispose([k, v, segments, mask]);
    },
    backends,
  );

  onEachBackend(`scores may be of any size, ${how}`, async (backend) => {
    for (const sign of [1, -1]) {
      for (const causal of [false, true]) {
        const problem = problemOfHugeScores(sign, causal);
        const wrong = await wrongWith(SOFTMAX, problem, backend, { kernel });
        assertEquals(wrong, []);
      }
    }
  }, backends);
}

/** Scores of ±10,000 and a small integer, all of which float32 can hold. */
function problemOfHugeScores(sign: number, causal: boolean): SoftmaxProblem {
  const length = 100;
  const random = uniform(5);
  const small = () => Math.round(4 * random() - 2);
  const rows = (large: number) =>
    Float32Array.from({ length: 4 * length }, (_, i) => i % 4 < 2 ? large : 0);
  const q = rows(100), k = rows(50 * sign);
  for (let i = 0; i < length; i++) {
    q[4 * i + 2] = 1;
    k[4 * i + 2] = small();
  }
  const problem = SOFTMAX.problemOf({
    ...{ batch: 1, heads: 1, length, headDim: 4, valueDim: 5, causal },
    scale: 1,
  });
  return replaced(problem, { q, k });
}

Deno.test("ALiBi's slopes are its authors'", () => {
  const powers = (...exponents: number[]) => exponents.map((n) => 2 ** -n);
  assertEquals(alibiSlopes(1), powers(8));
  assertEquals(alibiSlopes(8), powers(1, 2, 3, 4, 5, 6, 7, 8));
  assertEquals(
    alibiSlopes(12),
    powers(1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5, 3.5),
  );
  assertThrows(() => alibiSlopes(0), RangeError, "heads");
});

onEachBackend(
  "the kernel of softmax attention holds no matrix of scores",
  async () => {
    const length = 1024;
    const x = tf.randomNormal<tf.Rank.R4>(
      [1, 1, length, 8],
      0,
      1,
      "float32",
      1,
    );
    const profile = await tf.profile(() => {
      const { value, grads } = tf.valueAndGrads((...[q, k, v]: tf.Tensor[]) =>
        softmaxAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D)
      )([x, x, x], x);
      tf.dispose([value, ...grads]);
      return tf.scalar(0);
    });
    (profile.result as tf.Tensor).dispose();
    x.dispose();
    // The scores would be 4 MiB.
    assertLess(profile.peakBytes, 2 ** 20);
  },
  ["wasm", "webgpu"],
);

onEachBackend("a layer's softmax attention is the operation", async () => {
  const layer = lionAttentionLayer({
    variant: "softmax",
    numHeads: 2,
    direction: "forward",
  });
  const x = tf.randomNormal<tf.Rank.R3>([2, 9, 8], 0, 1, "float32", 3);
  const kernels = await tf.profile(() => layer.apply(x) as tf.Tensor);
  const names = kernels.kernels.map(({ name }) => name);
  assertEquals(
    names.includes("LionSoftmaxAttention"),
    tf.getBackend() !== "cpu",
  );
  tf.dispose([x, kernels.result as tf.Tensor]);
  layer.dispose();
});
