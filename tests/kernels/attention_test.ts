/** The fused kernels, on backends that have them, against the oracle. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type ConcreteForm,
  explainAttention,
  lionAttention,
  selectiveDecay,
} from "../../mod.ts";
import { FORMS } from "../../lib/attention/forms/form.ts";
import { ATTENTION } from "../../lib/attention/planning/kernel.ts";
import { onEachBackend, WITH_KERNELS } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { ofLongTests } from "../sample.ts";
import { assertRight } from "../subjects/assert_right.ts";
import { LION, type LionCase } from "../subjects/lion.ts";

onEachBackend(
  "the kernel equals the oracle where a sequence has many chunks",
  (backend) => {
    const sizes = { batch: 1, heads: 1, length: 400, normalize: true };
    const dims = { headDim: 64, valueDim: 64 };
    const way = { form: "chunkwise", chunkSize: 32 };
    const runs = (["none", "two-sided"] as const).flatMap((decay) =>
      [false, true].map((causal) =>
        [{ ...sizes, ...dims, decay, causal }, way] as const
      )
    );
    return assertRight(LION, runs, backend);
  },
  WITH_KERNELS,
);

/** 2^18 tokens, of which each reads some 60 around it before its weights are e^-30. */
onEachBackend(
  "the kernel computes a quarter of a million tokens, with gradients",
  async () => {
    const length = 2 ** 18, columns = 64, step = -0.5, reach = 60;
    const random = uniform(18);
    const rows = 1024;
    // Repeated, which a test can afford to make.
    const feature = () => array(rows * columns, random, (u) => 0.1 + u);
    const [q, k, v] = [feature(), feature(), array(rows * columns, random)];
    const repeated = (x: Float32Array) =>
      tf.tidy(() => {
        const once = tf.tensor4d(x, [1, 1, rows, columns]);
        const copies = new Array<tf.Tensor4D>(length / rows).fill(once);
        return tf.concat(copies, 2);
      });
    const inputs = [q, k, v].map(repeated);
    const logDecay = tf.fill<tf.Rank.R3>([1, 1, length], step);
    const attend = (...[q, k, v]: tf.Tensor[]) =>
      lionAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, {
        decay: selectiveDecay(logDecay),
        scale: 1,
      });
    const { value, grads } = tf.valueAndGrads(attend)(inputs);
    const [y, ...gradients] = await Promise.all(
      [value, ...grads].map((x) => x.data()),
    );
    for (const i of [0, 1, 131_071, 131_072, 200_000, length - 1]) {
      const sums = new Float64Array(columns);
      let weights = 0;
      for (let j = i - reach; j <= i + reach; j++) {
        if (j < 0 || j >= length) continue;
        const at = (x: Float32Array, token: number, n: number) =>
          x[token % rows * columns + n]!;
        let score = Math.exp(step * Math.abs(i - j));
        let dot = 0;
        for (let n = 0; n < columns; n++) dot += at(q, i, n) * at(k, j, n);
        score *= dot;
        weights += score;
        for (let n = 0; n < columns; n++) sums[n]! += score * at(v, j, n);
      }
      for (let n = 0; n < columns; n++) {
        const wanted = sums[n]! / weights;
        assertAlmostEquals(y![i * columns + n]!, wanted, 1e-5, `token ${i}`);
      }
    }
    // All rows of y are means of rows of v, so that the gradient in v of their
    // sum adds up to their number.
    const ofColumn = new Float64Array(columns);
    gradients[2]!.forEach((x, i) => ofColumn[i % columns]! += x);
    ofColumn.forEach((sum) => assertAlmostEquals(sum / length, 1, 1e-4));
    gradients.forEach((x) => assert(x.every(Number.isFinite)));
    tf.dispose([...inputs, logDecay, value, ...grads]);
  },
  ofLongTests(WITH_KERNELS),
);

onEachBackend("explainAttention() says what runs, and why", (backend) => {
  tf.tidy(() => {
    const [tokens, headDim] = [300, 8], rows = 2 * tokens;
    const x = tf.ones<tf.Rank.R4>([1, 2, tokens, headDim]);
    const plan = explainAttention(x, x, x, { causal: true });
    assertEquals(plan.kernel, backend === "cpu" ? null : "LionChunkwise");
    assertEquals(plan.form, "chunkwise");
    const full = explainAttention(x, x, x, { causal: true, form: "full" });
    assertEquals(full.kernel, backend === "cpu" ? null : "LionFull");
    if (backend === "cpu") {
      assertEquals(full.reason, "backend cpu has no kernel of its own");
    }
    const perKey = 2 * (headDim + headDim + 1) + 2;
    // The kernels skip tiles that a causal token does not read.
    const keys = backend === "cpu" ? tokens : (tokens + full.chunkSize!) / 2;
    assertEquals(full.operations, rows * keys * perKey);

    for (const form of ["full", "blockwise", "recurrent"] as const) {
      const plain = explainAttention(x, x, x, { form, kernel: false });
      assertEquals(plain.kernel, null);
      assertEquals(plain.reason, "kernel: false asks for tfjs operations");
      if (backend === "cpu") continue;
      const fused = explainAttention(x, x, x, { form });
      assertEquals(fused.kernel, ATTENTION[form].kernel);
      assert(fused.reason.startsWith(`${backend}, `));
      assertEquals(fused.operations, plain.operations);
      // q, k, v, y and the row sums, and no state or score a token.
      assertEquals(fused.bytes, 4 * rows * (4 * headDim + 1));
      assertLess(fused.peakBytes, plain.peakBytes);
    }
    const chunkSize = (form: ConcreteForm, chunkSize?: number) =>
      explainAttention(x, x, x, {
        form,
        ...(chunkSize === undefined ? {} : { chunkSize }),
      }).chunkSize;
    assertEquals(chunkSize("recurrent", 5), null);
    assertEquals(chunkSize("blockwise", 5), 5);
    if (backend === "wasm") {
      assertEquals(chunkSize("full", 5), 64);
      assertEquals(chunkSize("blockwise"), 64);
      assertEquals(chunkSize("blockwise", 1000), 128);
    }
  });
});

onEachBackend("16 bits are refused where there are none, in each form", () => {
  tf.tidy(() => {
    const x = tf.ones<tf.Rank.R4>([1, 1, 3, 2]);
    for (const form of FORMS) {
      assertThrows(
        () => lionAttention(x, x, x, { form, precision: "f16" }),
        RangeError,
        'precision "f16" is not available: WebAssembly computes in 32 bits',
      );
    }
  });
}, ["wasm"]);

onEachBackend(
  "heads that the WebGPU kernel cannot hold take the plain form",
  async (backend) => {
    const wide = { batch: 1, heads: 1, length: 70, headDim: 130, valueDim: 3 };
    const c: LionCase = {
      ...{ ...wide, decay: "source", causal: false, normalize: true },
    };
    const way = { form: "chunkwise", chunkSize: 16 };
    await assertRight(LION, [[c, way]], backend);
    const q = tf.ones<tf.Rank.R4>([1, 1, 70, 130]);
    const plan = explainAttention(q, q, q, { form: "chunkwise" });
    assertEquals(plan.kernel, null);
    q.dispose();
  },
  ["webgpu"],
);
