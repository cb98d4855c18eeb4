import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  type BackendName,
  diagonalDecay,
  explainAttention,
  lionAttention,
  selectiveDecay,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";

const [length, headDim] = [512, 64];
const vectorBytes = 4 * length * headDim;

/** Forms whose memory grows with the length, not with its square. */
const LINEAR = ["recurrent", "blockwise", "chunkwise"] as const;

/**
 * Of tfjs's operations: they make the same tensors on each backend, and take a
 * minute of software WebGPU.
 */
const PLAIN: readonly BackendName[] = ["wasm"];

/** Profiles a form, alone or with its gradients, as a kernel or in tfjs operations. */
async function profile(
  form: AttentionForm,
  withGradients: boolean,
  kernel = false,
) {
  const shape: [number, number, number, number] = [1, 1, length, headDim];
  const x = tf.randomUniform<tf.Rank.R4>(shape, 0, 1, "float32", 1);
  const g = tf.randomUniform<tf.Rank.R3>([1, 1, length], -1, 0, "float32", 2);
  const before = tf.memory().numBytes;
  const { peakBytes, kernels } = await tf.profile(() => {
    const attend = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, g: tf.Tensor) =>
      lionAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, {
        decay: selectiveDecay(g as tf.Tensor3D),
        form,
        kernel,
        chunkSize: 32,
      });
    if (withGradients) {
      const { value, grads } = tf.valueAndGrads(attend)([x, x, x, g]);
      tf.dispose(grads);
      value.dispose();
    } else {
      attend(x, x, x, g).dispose();
    }
    return tf.scalar(0);
  }).then((profile) => {
    (profile.result as tf.Scalar).dispose();
    return profile;
  });
  tf.dispose([x, g]);
  const largest = Math.max(
    ...kernels.flatMap(({ outputShapes }) =>
      outputShapes.map((shape) => 4 * tf.util.sizeFromShape(shape))
    ),
  );
  return { peakBytes: peakBytes - before, largest };
}

onEachBackend(
  "only the full form without a kernel makes a [length, length] tensor",
  async (backend) => {
    const square = 4 * length * length;
    if (PLAIN.includes(backend)) {
      assert((await profile("full", true)).largest >= square);
      for (const form of LINEAR) {
        assertLess((await profile(form, true)).largest, square / 2, form);
      }
    }
    for (const form of ["full", ...LINEAR, "auto"] as const) {
      assertLess((await profile(form, true, true)).largest, square / 2, form);
    }
  },
  ["webgpu", "wasm"],
);

onEachBackend(
  "recurrent in tfjs operations keeps outputs and two states, never a state a token",
  async () => {
    const stateATokenBytes = length * 4 * headDim * (headDim + 1);
    const forward = await profile("recurrent", false);
    // q, k and v split into tokens, and the outputs of two sweeps.
    assertLess(forward.peakBytes, 12 * vectorBytes);
    assertLess(forward.peakBytes, stateATokenBytes);
    // With gradients: √length states as checkpoints, and as many recomputed.
    const both = await profile("recurrent", true);
    assertLess(both.peakBytes, 44 * vectorBytes);
    assertLess(both.peakBytes, stateATokenBytes);
  },
  PLAIN,
);

onEachBackend(
  "recurrent as a kernel needs its output and little more",
  async () => {
    const [heads, length, headDim] = [4, 8192, 64];
    const shape: [number, number, number, number] = [1, heads, length, headDim];
    const x = tf.randomUniform<tf.Rank.R4>(shape, 0, 1, "float32", 1);
    const g = tf.fill<tf.Rank.R3>([1, heads, length], -0.1);
    const options = { decay: selectiveDecay(g), form: "recurrent" } as const;
    const before = tf.memory().numBytes;
    const { peakBytes, result } = await tf.profile(() => {
      lionAttention(x, x, x, options).dispose();
      return tf.scalar(0);
    });
    // Scratch is not in the profile.
    const plan = explainAttention(x, x, x, options);
    const vectors = 4 * heads * length * (4 * headDim + 2 + 1);
    const scratch = plan.peakBytes - vectors;
    assert(scratch > 0);
    const outputs = (peakBytes - before + scratch) / (4 * x.size);
    assertLess(outputs, 1.2);
    assert(outputs > 1);
    tf.dispose([x, g, result as tf.Tensor]);
  },
  ["webgpu", "wasm"],
);

onEachBackend(
  "explainAttention() knows the peak memory of tfjs operations to within a third",
  async () => {
    const shape: [number, number, number, number] = [1, 2, 600, 32];
    for (const form of ["full", ...LINEAR] as const) {
      for (const channels of [[], [32]]) {
        for (const causal of [false, true]) {
          const x = tf.randomUniform<tf.Rank.R4>(shape, 0, 1, "float32", 1);
          const g = tf.fill([1, 2, 600, ...channels], -0.1);
          const decay = channels.length > 0
            ? diagonalDecay(g)
            : selectiveDecay(g);
          const options = { decay, form, causal, kernel: false };
          const plan = explainAttention(x, x, x, options);
          assertEquals(plan.kernel, null);
          const before = tf.memory().numBytes;
          const { peakBytes, result } = await tf.profile(() => {
            lionAttention(x, x, x, options).dispose();
            return tf.scalar(0);
          });
          const inputs = 4 * (3 * x.size + (causal ? 1 : 2) * g.size);
          const ratio = plan.peakBytes / (peakBytes - before + inputs);
          const label = `${form} ${causal ? "causal" : ""}: ${ratio}`;
          assert(ratio > 0.7 && ratio < 1.4, label);
          tf.dispose([x, g, result as tf.Tensor]);
        }
      }
    }
  },
  // Buffers of webgpu are not in the profile.
  PLAIN,
);
