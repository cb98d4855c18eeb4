/** A kernel that runs out of memory frees what it made, and works again. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { FORMS } from "../../lib/attention/forms/form.ts";
import {
  ATTENTION,
  JOINED_CHUNKWISE,
} from "../../lib/attention/planning/kernel.ts";
import { gradientKernel } from "../../lib/tfjs/kernel/kernel.ts";
import { alive, assertNoLeak, BACKENDS, onEachBackend } from "../backends.ts";

/** A kernel of ours, the shapes of its inputs, and its attributes. */
interface Subject {
  readonly kernel: string;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly attributes?: object;
}

// Columns that are no whole vec4s, and several chunks, blocks and segments.
const [heads, length, d, e] = [2, 100, 6, 5];
const perToken = [1, heads, length];
const attention = {
  q: [...perToken, d],
  k: [...perToken, d],
  v: [...perToken, e],
  f: perToken,
  b: perToken,
};
const joined = [1, length, heads * e];
const attributes = {
  causal: false,
  scale: 1,
  normalize: true,
  epsilon: 1e-6,
  chunkSize: 16,
  precision: "f32",
};
const split = { numHeads: 2, featureMap: "shiftedSilu" };
const head = [1, 2, 40, 4];
/** Those of 200 rows, behind the scale of 7 columns. */
const moments = [7 + 2 * 200];
const convolution = { strides: 1, pad: "same", dataFormat: "NHWC" };

/** A kernel and that of its gradient, with the same attributes. */
const both = (
  kernel: string,
  inputs: Subject["inputs"],
  gradient: Subject["inputs"],
  attributes: object = {},
): Subject[] => [
  { kernel, inputs, attributes },
  { kernel: `${kernel}Grad`, inputs: gradient, attributes },
];

const rows = [200, 7], norm = { scale: [7], offset: [7] };
const keepsMoments = { epsilon: 1e-5, keepsMoments: true };
const logits = { logits: [9, 5], labels: [9] };
const perHead = [2, 3, 40], x = [2, 40, 3], kept = { kept: 0 };
const layer = { weight: [5, 7], bias: [7] };

const SUBJECTS: readonly Subject[] = [
  { kernel: JOINED_CHUNKWISE.kernel, inputs: attention, attributes },
  {
    kernel: gradientKernel(JOINED_CHUNKWISE),
    inputs: { ...attention, y: joined, rowSums: perToken, dy: joined },
    attributes,
  },
  ...FORMS.flatMap((form) => [
    { kernel: ATTENTION[form].kernel, inputs: attention, attributes },
    {
      kernel: gradientKernel(ATTENTION[form]),
      inputs: {
        ...attention,
        ...{ y: attention.v, rowSums: perToken, dy: attention.v },
      },
      attributes,
    },
  ]),
  ...both(
    "LionLayerNorm",
    { x: rows, ...norm },
    { x: rows, ...norm, moments, dy: rows },
    keepsMoments,
  ),
  ...[true, false].flatMap((adds) =>
    both(
      "LionAddAndNorm",
      { x: rows, ...adds ? { added: rows } : {}, ...norm },
      { sum: rows, scale: [7], moments, dsum: rows, dy: rows },
      { ...keepsMoments, adds },
    )
  ),
  ...both(
    "LionNormOfSum",
    { x: rows, added: rows, ...norm },
    { sum: rows, scale: [7], moments, dy: rows },
    { ...keepsMoments, adds: true },
  ),
  ...both(
    "LionCrossEntropy",
    logits,
    { ...logits, maxima: [9], sums: [10], dloss: [] },
    { smoothing: 0.1 },
  ),
  { kernel: "LionTokenMean", inputs: { x: [2, 40, 7], mask: [2, 40] } },
  {
    kernel: "LionTokenMeanGrad",
    inputs: { mask: [2, 40], dy: [2, 7] },
    attributes: { length: 40 },
  },
  ...both("LionTokenLogDecay", { x }, { x, dy: perHead }, kept),
  ...both("LionTokenDecays", { x }, { x, df: perHead, db: perHead }, kept),
  ...both(
    "LionFixedDecay",
    { logDecay: [3] },
    { logDecay: [3], df: [1, 3, 40], db: [1, 3, 40] },
    { length: 40 },
  ),
  ...both("LionSpread", { x: [1, 3, 40] }, { dy: [4, 3, 40] }, { batch: 4 }),
  ...both(
    "LionDropout",
    { x: [9], uniform: [9] },
    { uniform: [9], dy: [9] },
    { keep: 0.5 },
  ),
  ...both("LionGelu", { x: [9] }, { x: [9], dy: [9] }),
  ...both("LionLogSigmoid", { x: [9] }, { x: [9], dy: [9] }),
  ...both(
    "LionSourceDecay",
    { logDecay: perToken },
    { logDecay: perToken, df: perToken, db: perToken },
  ),
  ...both(
    "LionSplitHeads",
    { x: [1, 40, 24] },
    { x: [1, 40, 24], dq: head, dk: head, dv: head },
    split,
  ),
  { kernel: "LionWithoutPadding", inputs: { x: head, mask: [1, 40] } },
  ...both(
    "LionDense",
    { x: [2, 3, 5], ...layer },
    { x: [2, 3, 5], ...layer, dy: [2, 3, 7] },
  ),
  ...[2, 9].map((rows) => ({
    kernel: "LionDenseGelu",
    inputs: { x: [rows, 5], ...layer },
    attributes: { keepsHidden: true },
  })),
  {
    kernel: "LionDenseGeluGrad",
    inputs: { x: [3, 5], ...layer, hidden: [3, 7], dy: [3, 7] },
  },
  { kernel: "LionSquareSums", inputs: { 0: [9], 1: [5, 3] } },
  {
    kernel: "_FusedMatMul",
    inputs: { a: [1, 4, 5], b: [1, 5, 8], bias: [8] },
    attributes: { transposeA: false, transposeB: false, activation: "relu" },
  },
  ...["NHWC", "NCHW"].map((dataFormat) => ({
    kernel: "FusedConv2D",
    inputs: { x: [1, 4, 4, 4], filter: [3, 3, 4, 4], bias: [] },
    attributes: { ...convolution, dataFormat, dilations: 1, activation: "elu" },
  })),
  {
    kernel: "Conv2DBackpropInput",
    inputs: { dy: [1, 5, 5, 3], filter: [3, 3, 2, 3] },
    attributes: { ...convolution, inputShape: [1, 4, 4, 2] },
  },
  {
    kernel: "Conv2DBackpropFilter",
    inputs: { x: [1, 4, 4, 2], dy: [1, 4, 4, 3] },
    attributes: { ...convolution, filterShape: [3, 3, 2, 3] },
  },
  {
    kernel: "DepthwiseConv2dNativeBackpropFilter",
    inputs: { x: [1, 4, 4, 2], dy: [1, 4, 4, 2] },
    attributes: { ...convolution, filterShape: [3, 3, 2, 1] },
  },
  {
    kernel: "Sum",
    inputs: { x: [5000, 7] },
    attributes: { axis: [0], keepDims: false },
  },
  {
    kernel: "SplitV",
    inputs: { x: [6, 4] },
    attributes: { numOrSizeSplits: 3, axis: 0 },
  },
];

/** Makes the n-th reservation of memory fail. */
function failAt(n: number): () => void {
  const backend = tf.backend() as unknown as {
    wasm?: { _malloc(bytes: number): number };
    write(...x: unknown[]): object;
  };
  let left = n;
  const count = () => {
    if (--left === 0) throw new RangeError("out of memory, as told");
  };
  if (backend.wasm) {
    const { wasm } = backend, allocate = wasm._malloc;
    wasm._malloc = (bytes) => {
      count();
      return allocate(bytes);
    };
    return () => wasm._malloc = allocate;
  }
  // WebGPU reserves a buffer as late as it is used.
  const { write } = backend;
  backend.write = function (...values) {
    count();
    return write.apply(this, values);
  };
  return () => delete (backend as { write?: unknown }).write;
}

for (const { kernel, inputs, attributes = {} } of SUBJECTS) {
  onEachBackend(
    `${kernel} frees what it made when memory runs out`,
    async (backend) => {
      // On WebGPU products may be tfjs's own, which leave theirs, and so does split.
      const ours = backend === "wasm" || kernel === "Sum" ||
        kernel.startsWith("Lion");
      if (!ours || !tf.getKernel(kernel, backend)) return;
      const tensors: tf.NamedTensorMap = {};
      for (const [name, shape] of Object.entries(inputs)) {
        // A mask without padding needs no memory.
        tensors[name] = tf.fill([...shape], name === "mask" ? 0 : 0.25);
      }
      const run = () =>
        tf.tidy(() => {
          const made: unknown = tf.engine()
            .runKernel(kernel, tensors, attributes as tf.NamedAttrMap);
          return (Array.isArray(made) ? made : [made]) as tf.Tensor[];
        });
      const read = async () => {
        const outputs = run();
        const values = await Promise.all(outputs.map((x) => x.data()));
        tf.dispose(outputs);
        return values.map((x) => [...x]);
      };
      const before = await read();
      const held = alive();
      let failures = 0;
      for (let n = 1;; n++) {
        const restore = failAt(n);
        try {
          tf.dispose(run());
          break;
        } catch (error) {
          assert((error as Error).message === "out of memory, as told");
          failures++;
        } finally {
          restore();
        }
        assertNoLeak(held);
      }
      assert(failures > 0, "nothing was reserved");
      assertEquals(await read(), before);
      tf.dispose(tensors);
    },
    BACKENDS.filter((name) => name !== "cpu"),
  );
}

onEachBackend(
  "a buffer that is too large is refused, and what was made for it is freed",
  () => {
    const x = tf.ones<tf.Rank.R1>([9]);
    const held = alive();
    const backend = tf.backend() as unknown as {
      uploadToGPU(dataId: object): void;
    };
    const { uploadToGPU } = backend;
    let calls = 0;
    backend.uploadToGPU = function (dataId) {
      if (++calls > 1) throw new RangeError("too large, as told");
      uploadToGPU.call(this, dataId);
    };
    try {
      assertThrows(
        () =>
          tf.tidy(() =>
            void tf.engine().runKernel("LionGeluGrad", { x, dy: x })
          ),
        RangeError,
        "too large, as told",
      );
    } finally {
      delete (backend as { uploadToGPU?: unknown }).uploadToGPU;
    }
    assertNoLeak(held);
    x.dispose();
  },
  ["webgpu"],
);
