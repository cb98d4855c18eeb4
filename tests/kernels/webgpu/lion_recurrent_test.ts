/** What the recurrent kernels keep while they run, and shapes that take several workgroups. @module */
import { assertEquals, assertLess, assertMatch } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { explainAttention } from "../../../mod.ts";
import { ATTENTION } from "../../../lib/attention/planning/kernel.ts";
import { gradientKernel } from "../../../lib/tfjs/kernel/kernel.ts";
import { maskFor } from "../../../lib/kernels/webgpu/chunkwise/mask.ts";
import { stateBytes } from "../../../lib/kernels/webgpu/chunkwise/states.ts";
import type { StrictWebGPUBackend } from "../../../lib/tfjs/webgpu/gpu_backend.ts";
import { onEachBackend } from "../../backends.ts";
import { assertRight } from "../../subjects/assert_right.ts";
import { LION, type LionCase } from "../../subjects/lion.ts";
import { withLimits } from "./with_limits.ts";

/** Calls a kernel; returns its outputs, and the bytes of all that it made. */
function callKernel(
  name: string,
  inputs: tf.NamedTensorInfoMap,
): [outputs: tf.TensorInfo[], bytes: number] {
  const backend = tf.backend() as StrictWebGPUBackend;
  const make = backend.makeTensorInfo.bind(backend);
  let bytes = 0;
  backend.makeTensorInfo = (shape, ...rest) => {
    bytes += 4 * tf.util.sizeFromShape(shape);
    return make(shape, ...rest);
  };
  const attrs = {
    ...{ causal: false, scale: 1, normalize: true, epsilon: 1e-6 },
    ...{ chunkSize: 1, precision: "f32" },
  };
  try {
    const { kernelFunc } = tf.getKernel(name, "webgpu")!;
    const outputs = kernelFunc({ inputs, backend, attrs });
    return [outputs as tf.TensorInfo[], bytes];
  } finally {
    Reflect.deleteProperty(backend, "makeTensorInfo");
  }
}

onEachBackend(
  "the recurrent kernel makes its outputs and row sums, and its gradient the states of a few chunks",
  () => {
    const backend = tf.backend() as StrictWebGPUBackend;
    const [heads, length, dim] = [2, 400, 64];
    const x = tf.randomUniform([1, heads, length, dim], 0, 1, "float32", 1);
    const f = tf.fill([1, heads, length], -0.1);
    const inputs = { q: x, k: x, v: x, f, b: f };
    const perToken = 4 * heads * length, vectors = perToken * dim;

    const [[y, rowSums], ofForward] = callKernel(
      ATTENTION.recurrent.kernel,
      inputs,
    );
    assertEquals(ofForward, vectors + 2 * perToken);

    const [gradients, ofGradient] = callKernel(
      gradientKernel(ATTENTION.recurrent),
      {
        ...inputs,
        ...{ y: y!, rowSums: rowSums!, dy: x },
      },
    );
    const outputs = 3 * vectors + 2 * perToken;
    // The gradients of the sums in whole vec4s, and four terms of q's and of k's decays.
    const tokens = perToken * (dim + 4) + 2 * 4 * perToken;
    const states = ofGradient - outputs - tokens;
    // Of two kinds, in two directions, at seven chunks of 64.
    assertLess(states, 29 * 4 * heads * dim * (dim + 4));
    for (const { dataId } of [y!, rowSums!, ...gradients]) {
      backend.disposeData(dataId);
    }
    tf.dispose([x, f]);
  },
  ["webgpu"],
);

onEachBackend(
  "the recurrent kernel's gradient takes passes where states fit no buffer together",
  async (backend) => {
    const dims = { headDim: 64, valueDim: 63 };
    const c: LionCase = {
      ...{ batch: 2, heads: 3, length: 130, ...dims, decay: "source" },
      ...{ causal: false, normalize: true, padded: true },
    };
    // Six sequences of three chunks, of which the states of two fit.
    const ofSequence = 3 * stateBytes(dims, maskFor(true, false));
    const limits = { maxStorageBufferBindingSize: 5 * ofSequence / 2 };
    const run = () => assertRight(LION, [[c, { form: "recurrent" }]], backend);
    await withLimits(limits, run);
  },
  ["webgpu"],
);

/** Columns of q and k, and of v. */
const DIMS = [
  // Values that several workgroups share.
  [64, 90],
  // Rows that do not fill the last lane, nor whole vec4s.
  [9, 3],
  // More than the gradient's kernel takes.
  [200, 8],
  [8, 130],
] as const;

onEachBackend(
  "the recurrent kernel computes heads of all sizes",
  (backend) => {
    const cases = DIMS.map(([headDim, valueDim]): LionCase => ({
      ...{ batch: 1, heads: 2, length: 11, headDim, valueDim },
      ...{ decay: "two-sided", causal: false, normalize: true, padded: true },
    }));
    const way = { form: "recurrent" };
    return assertRight(LION, cases.map((c) => [c, way]), backend);
  },
  ["webgpu"],
);

onEachBackend(
  "explainAttention() says by what wide heads of the recurrent form have their gradient",
  () => {
    tf.tidy(() => {
      const x = tf.ones<tf.Rank.R4>([1, 1, 20, 200]);
      const plan = () => explainAttention(x, x, x, { form: "recurrent" });
      const { kernel, reason } = plan();
      assertEquals(kernel, "LionRecurrent");
      assertEquals(
        reason,
        "webgpu, 2 launches; with gradients tfjs operations run: headDim is 200, " +
          "and the webgpu kernel takes at most 128",
      );
      // What runs where a gradient is recorded.
      tf.grad((x) => {
        const { form, kernel, reason } = plan();
        assertEquals([form, kernel], ["chunkwise", null]);
        assertMatch(reason, /^headDim is 200/);
        return tf.square(x);
      })(x);
      const narrow = tf.ones<tf.Rank.R4>([1, 1, 20, 128]);
      assertEquals(
        explainAttention(narrow, narrow, narrow, { form: "recurrent" }).reason,
        "webgpu, 2 launches",
      );
    });
  },
  ["webgpu"],
);
