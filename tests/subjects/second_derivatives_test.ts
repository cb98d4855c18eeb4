/** Second derivatives of every operation. @module */
import { assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { attentionWithJoinedHeads } from "../../lib/attention/lion_attention.ts";
import { denseGelu } from "../../lib/operations/dense/dense.ts";
import {
  joinDirections,
  splitDirections,
} from "../../lib/operations/directions/directions.ts";
import { dropout } from "../../lib/operations/dropout/dropout.ts";
import { fixedDecays } from "../../lib/operations/fixed_decay/fixed_decay.ts";
import {
  addAndNorm,
  normOfSum,
} from "../../lib/operations/layer_norm/add_norm.ts";
import { sourceDecays } from "../../lib/operations/source_decay/source_decay.ts";
import { spread } from "../../lib/operations/spread/spread.ts";
import {
  tokenDecays,
  tokenLogDecay,
} from "../../lib/operations/token_decays/token_decays.ts";
import { tokenMean } from "../../lib/operations/token_mean/token_mean.ts";
import { joinSweeps } from "../../lib/operations/turned/sweeps.ts";
import {
  binaryCrossEntropy,
  crossEntropy,
  softCrossEntropy,
} from "../../lib/training/mod.ts";
import {
  type BackendName,
  bidirectionalDecay,
  deltaStep,
  lionAttention,
  selectiveDecay,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sample } from "../sample.ts";
import { DELTA } from "./delta.ts";
import { FAMILY } from "./family.ts";
import { DECAYS, FORMS, LION_OF_CHANNELS, lionAs } from "./lion.ts";
import { MULTI_SCAN } from "./multi_scan.ts";
import { type Axes, OPERATIONS, shapeOf, SIZES } from "./operations.ts";
import {
  kernelsOf,
  wrongSeconds,
  wrongSecondsOf,
} from "./second_derivatives.ts";
import { SCAN } from "./selective_scan.ts";
import { CONVOLUTION } from "./short_convolution.ts";
import { SOFTMAX } from "./softmax.ts";
import type { AnySubject, Tensors, TokenCase, Way } from "./subject.ts";
import { TRANSITION } from "./transition.ts";

/** A case, and how it is computed. */
type Run = readonly [subject: AnySubject, c: TokenCase, way: Way];

/** Each kind of decay in one of the forms, of one token and of several chunks. */
function* lion(): Generator<Run> {
  for (const length of [11, 1]) {
    for (const [i, decay] of DECAYS.entries()) {
      const form = FORMS[(i + length) % FORMS.length]!;
      yield [lionAs(form), {
        ...{ batch: 2, heads: 1 + i % 2, length, decay, causal: i % 2 === 1 },
        ...{ normalize: (i + length) % 2 === 1, padded: i > 1, packed: i > 0 },
      }, { form, chunkSize: 4 }];
    }
  }
}

/** Some of the chosen cases of few tokens, in a way that has a kernel. */
function* chosen(subject: AnySubject, count: number): Generator<Run> {
  const cases: readonly TokenCase[] = subject.cases
    .filter(({ length }) => length > 1 && length <= 12);
  const way = subject.ways.find((way) =>
    way.kernel !== false && !subject.isPlain?.(way, cases[0])
  );
  for (let i = 0; i < count; i++) {
    const at = cases.length - 1 - Math.floor(i * cases.length / count);
    yield [subject, cases[at]!, way ?? {}];
  }
}

/** On WebGPU one case of each, since shaders take seconds to compile. */
function runs(backend: BackendName): Run[] {
  const subjects = [LION_OF_CHANNELS, DELTA, TRANSITION, SCAN, CONVOLUTION];
  const count = backend === "webgpu" ? 1 : 4;
  return [
    ...[...lion()].slice(0, backend === "webgpu" ? FORMS.length : undefined),
    ...[...subjects, SOFTMAX, MULTI_SCAN]
      .flatMap((subject) => [...chosen(subject, count)]),
    ...sample(backend, FAMILY)
      .flatMap((subject) => [...chosen(subject, Math.min(2, count))]),
  ];
}

/** Kernels whose gradient kernels have run while these were differentiated. */
const differentiated = new Set<string>();

onEachBackend(
  "products with Hessians are differences of oracles' gradients",
  async (backend) => {
    const wrong: string[] = [];
    const names = await kernelsOf(async () => {
      for (const run of runs(backend)) {
        wrong.push(...await wrongSeconds(...run));
      }
    });
    names.forEach((name) => differentiated.add(name));
    assertEquals(wrong, []);
  },
  { sampled: true },
);

/** An operation that has no oracle. */
interface Part {
  readonly name: string;
  readonly axes: Readonly<Record<string, Axes>>;
  run(inputs: Tensors): tf.Tensor | Record<string, tf.Tensor>;
}

const T = ["batch", "heads", "length"], V = [...T, "valueDim"];
const K = ["batch", "one", "length", "headDim"];
const ROWS = ["batch", "length", "columns"], BOTH = ["both", ...V.slice(1)];
const NORM = { scale: ["columns"], offset: ["columns"] };

/** Parts of models that are no functions of their own. */
const PARTS: readonly Part[] = [
  {
    name: "joinSweeps",
    axes: { read: BOTH, x: V, own: T },
    run: ({ read, x, own }) => joinSweeps(read, x, own),
  },
  {
    name: "splitDirections",
    axes: {
      mixed: ["batch", "length", "mixed"],
      dt: ["both", "heads", "length"],
    },
    run: ({ mixed, dt }) => ({ ...splitDirections(mixed, dt, 2) }),
  },
  {
    name: "joinDirections",
    axes: {
      read: BOTH,
      x: ["batch", "length", "values"],
      own: ["batch", "length", "heads"],
    },
    run: ({ read, x, own }) => {
      const numbers = tf.linspace(0, 3, own.shape[0] * own.shape[1]);
      const segments = tf.reshape(tf.floor(numbers), own.shape.slice(0, 2));
      return joinDirections(read, x, own, segments as tf.Tensor2D);
    },
  },
  {
    name: "tokenDecays",
    axes: { x: ["batch", "length", "heads"] },
    run: ({ x }) => ({
      ...tokenDecays(x, "first") ?? { forward: tokenLogDecay(x, "first") },
    }),
  },
  {
    name: "tokenLogDecay",
    axes: { x: ["batch", "length", "heads"] },
    run: ({ x }) => tokenLogDecay(x, "last"),
  },
  {
    name: "tokenMean",
    axes: { x: ROWS },
    run: ({ x }) => {
      const numbers = tf.range(0, x.shape[0] * x.shape[1]);
      const mask = tf.reshape(tf.mod(numbers, 3), x.shape.slice(0, 2));
      return tokenMean(x, tf.minimum(mask, 1));
    },
  },
  {
    name: "dropout",
    axes: { x: ROWS },
    run: ({ x }) =>
      dropout(x, tf.reshape(tf.linspace(0, 1, x.size), x.shape), 0.3),
  },
  {
    name: "denseGelu",
    axes: { x: ROWS, weight: ["columns", "outputs"], bias: ["outputs"] },
    run: ({ x, weight, bias }) => denseGelu(x, weight, bias),
  },
  {
    name: "addAndNorm",
    axes: { x: ROWS, added: ROWS, ...NORM },
    run: ({ x, added, ...norm }) => addAndNorm(x, added, normOf(norm)),
  },
  {
    name: "addAndNorm of one",
    axes: { x: ROWS, ...NORM },
    run: ({ x, ...norm }) => addAndNorm(x, undefined, normOf(norm)),
  },
  {
    name: "normOfSum",
    axes: { x: ROWS, added: ROWS, ...NORM },
    run: ({ x, added, ...norm }) => normOfSum(x, added, normOf(norm)),
  },
  {
    name: "fixedDecays",
    axes: { x: ["heads"] },
    run: ({ x }) => ({ ...fixedDecays(x, 5) }),
  },
  {
    name: "sourceDecays",
    axes: { x: T },
    run: ({ x }) => ({ ...sourceDecays(x) }),
  },
  {
    name: "spread",
    axes: { x: ["one", "heads", "length"] },
    run: ({ x }) => spread(x, [3, ...x.shape.slice(1)]),
  },
  {
    name: "attentionWithJoinedHeads",
    axes: { q: [...T, "headDim"], k: [...T, "headDim"], v: V },
    run: ({ q, k, v }) => attentionWithJoinedHeads(tf.exp(q), tf.exp(k), v),
  },
  {
    name: "lionAttention of keys that all heads share",
    axes: { q: K, k: K, v: V, logDecay: T },
    run: ({ q, k, v, logDecay }) => {
      const decay = selectiveDecay(tf.neg(tf.square(logDecay)));
      return lionAttention(tf.exp(q), tf.exp(k), v, { decay });
    },
  },
  {
    name: "deltaStep",
    axes: {
      ...{ q: [...T, "headDim"], k: [...T, "headDim"], v: V, beta: T },
      state: ["batch", "heads", "headDim", "valueDim"],
    },
    run: ({ state, ...input }) =>
      deltaStep(state, input as Parameters<typeof deltaStep>[1]).y,
  },
  ...losses(),
];

const normOf = ({ scale, offset }: Tensors) => ({
  scale,
  offset,
  epsilon: 0.1,
});

function* losses(): Generator<Part> {
  const axes = { x: ["batch", "columns"] };
  const labels = () => tf.tensor1d([1, -100], "int32");
  const chances = (): tf.Tensor =>
    tf.softmax(tf.tensor2d(
      array(2 * ROW, uniform(3)),
      [2, ROW],
    ));
  const [plain, smoothed] = [
    crossEntropy(),
    crossEntropy({ labelSmoothing: 0.1 }),
  ];
  const weighted = crossEntropy({ classWeights: [1, 2, 3, 4, 5, 6] });
  const [soft, binary] = [softCrossEntropy(), binaryCrossEntropy()];
  for (const [i, loss] of [plain, smoothed, weighted].entries()) {
    yield {
      name: `crossEntropy ${i}`,
      axes,
      run: ({ x }) => loss(x, labels()),
    };
  }
  yield { name: "softCrossEntropy", axes, run: ({ x }) => soft(x, chances()) };
  yield {
    name: "binaryCrossEntropy",
    axes,
    run: ({ x }) => binary(x, tf.round(chances())),
  };
}

/** Columns of a row. */
const ROW = 6;

onEachBackend(
  "products with Hessians of parts are differences of gradients",
  async (backend) => {
    const sizes = {
      ...{ ...SIZES, length: 5, batch: 2, both: 4, one: 1, mixed: 14 },
      ...{ columns: ROW, outputs: 3, projections: 12, features: 4 },
      values: SIZES.heads * SIZES.valueDim,
    };
    const ofRows = OPERATIONS.filter(({ ofRows, reads }) => ofRows && !reads);
    const wrong: string[] = [];
    const parts = [...PARTS, ...ofRows], chosen = sample(backend, parts);
    const names = await kernelsOf(async () => {
      for (const { name, axes, run } of chosen) {
        const shapes = Object.values(axes).map((axes) => shapeOf(axes, sizes));
        const keys = Object.keys(axes);
        const found = await wrongSecondsOf(shapes, (...xs) => {
          const given = keys.map((key, i) => [key, xs[i]!] as const);
          return run(Object.fromEntries(given), {});
        });
        wrong.push(...found.map((line) => `${name}: ${line}`));
      }
    });
    names.forEach((name) => differentiated.add(name));
    assertEquals(wrong, []);
    if (backend !== "wasm" || chosen.length < parts.length) return;
    // Those of all operations, but for one that does not run where it could not be right.
    const all = tf.getKernelsForBackend(backend).map(({ kernelName }) =>
      kernelName
    )
      .filter((name) => /^Lion.*Grad$/.test(name));
    const missing = all.filter((name) => !differentiated.has(name));
    assertEquals(missing, ["LionTurnSweepsGrad"]);
  },
  { sampled: true },
);

onEachBackend(
  "products with Hessians of many tokens that forget fast are those of plain forms",
  async () => {
    const size = [1, 1, 1100], columns = 4;
    const drawn = (
      seed: number,
      shape: number[],
      make: (x: number) => number = (x) => x,
    ) => {
      const count = tf.util.sizeFromShape(shape);
      return tf.tensor(array(count, uniform(seed)).map(make), shape);
    };
    const shapes = [0, 1, 2].map(() => [...size, columns]);
    const xs = [
      ...shapes.map((shape, i) => drawn(i + 1, shape)),
      drawn(4, size, (x) => -20 * Math.abs(x)),
      drawn(5, size, (x) => -3 * Math.abs(x)),
    ];
    const us = tf.tidy(() =>
      xs.map((x, i) => tf.mul(x, drawn(i + 20, x.shape)))
    );
    const productsOf = (kernel: boolean) =>
      tf.tidy(() =>
        tf.grads((...xs: tf.Tensor[]) => {
          const dxs = tf.grads((q, k, v, f, b) => {
            const decay = bidirectionalDecay(
              f as tf.Tensor3D,
              b as tf.Tensor3D,
            );
            const [queries, keys] = [tf.exp(q!), tf.exp(k!)] as tf.Tensor4D[];
            const options = { decay, kernel, form: "chunkwise" } as const;
            return lionAttention(queries!, keys!, v as tf.Tensor4D, options);
          })(xs);
          return tf.addN(dxs.map((dx, i) => tf.sum(tf.mul(dx, us[i]!))));
        })(xs)
      );
    const [actual, expected] = [productsOf(true), productsOf(false)];
    const values = async (tensors: tf.Tensor[]) =>
      (await Promise.all(tensors.map((x) => x.data()))).flatMap((x) => [...x]);
    const [got, wanted] = [await values(actual), await values(expected)];
    const largest = (x: number[]) =>
      x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const errors = got.map((value, i) => value - wanted[i]!);
    assertLess(largest(errors), 1e-3 * largest(wanted));
    tf.dispose([xs, us, actual, expected]);
  },
  ["wasm"],
);
