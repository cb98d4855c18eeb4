/** Unknown options are refused, and known ones of the wrong kind. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { deltaNet, retention } from "../../lib/family/mod.ts";
import {
  deltaAttention,
  type DeltaAttentionOptions,
  deltaStep,
  diagonalDecay,
  eluPlusOne,
  explainAttention,
  fixedDecay,
  lionAttention,
  type LionAttentionOptions,
  multiScanAttention,
  recurrentState,
  recurrentStep,
  selectiveDecay,
  shiftedSilu,
  snakeScan,
  softmaxAttention,
  type SoftmaxAttentionOptions,
} from "../../mod.ts";
import type { DeltaStepOptions } from "../../lib/attention/streaming/delta_step.ts";
import type { RecurrentStepOptions } from "../../lib/attention/streaming/stateful.ts";
import {
  layerNorm,
  rmsNorm,
  selectiveScan,
  shortConvolution,
  splitHeads,
} from "../../lib/operations/mod.ts";
import type { SelectiveScanOptions } from "../../lib/operations/selective_scan.ts";
import type { ShortConvolutionOptions } from "../../lib/operations/short_convolution/short_convolution.ts";
import { onEachBackend } from "../backends.ts";

type Any = Record<string, unknown>;

/** Every function with options, called with good arguments and these options. */
function callsOf(): Record<string, (options: never) => unknown> {
  const x = tf.ones<tf.Rank.R4>([1, 2, 3, 4]);
  const gates = tf.zeros<tf.Rank.R3>([1, 2, 3]);
  const decay = fixedDecay(tf.zeros([2]));
  const sizes = { batch: 1, heads: 2, headDim: 4, valueDim: 4 };
  const state = recurrentState(sizes);
  const input = { q: x, k: x, v: x };
  const one = tf.ones<tf.Rank.R1>([4]);
  const order = [2, 0, 1];
  return {
    lionAttention: (options) => lionAttention(x, x, x, options),
    explainAttention: (options) => explainAttention(x, x, x, options),
    multiScanAttention: (options) =>
      multiScanAttention(x, x, x, [{ order, decay }], options),
    "ways[0]": (more) =>
      multiScanAttention(x, x, x, [
        Object.assign({ order, decay }, more),
      ]),
    selectiveDecay: (options) => selectiveDecay(gates, options),
    shiftedSilu: (options) => shiftedSilu(x, options),
    snakeScan: (options) => snakeScan(2, 3, options),
    recurrentState: (more) => recurrentState(Object.assign({}, sizes, more)),
    recurrentStep: (options) => recurrentStep(state, input, options),
    "recurrentStep's input": (more) =>
      recurrentStep(state, Object.assign({}, input, more)),
    layerNorm: (options) => layerNorm(x, one, one, options),
    splitHeads: (options) =>
      splitHeads(
        tf.ones([1, 2, 12]),
        Object.assign({ numHeads: 2 }, options),
      ),
  };
}

/** A misspelt option of each, and the one that was meant. */
const MISSPELT: Record<string, [wrong: string, meant: string]> = {
  lionAttention: ["decays", "decay"],
  explainAttention: ["chunksize", "chunkSize"],
  multiScanAttention: ["normalise", "normalize"],
  "ways[0]": ["decays", "decay"],
  selectiveDecay: ["conventions", "convention"],
  shiftedSilu: ["normalise", "normalize"],
  snakeScan: ["allong", "along"],
  recurrentState: ["head", "heads"],
  recurrentStep: ["eps", "epsilon"],
  "recurrentStep's input": ["logdecay", "logDecay"],
  layerNorm: ["eps", "epsilon"],
  splitHeads: ["feature_map", "featureMap"],
};

onEachBackend("an unknown option is refused, and the nearest named", () => {
  tf.tidy(() => {
    for (const [owner, call] of Object.entries(callsOf())) {
      const [wrong, meant] = MISSPELT[owner]!;
      const misspelt: Any = { [wrong]: 1 };
      assertThrows(
        () => call(misspelt as never),
        TypeError,
        `${owner} has no option "${wrong}"; did you mean "${meant}"?`,
      );
      call({} as never);
    }
    for (const [owner, call] of Object.entries(callsOf())) {
      // What is merged with others is an object.
      if (/ways|recurrentState|input|splitHeads/.test(owner)) continue;
      for (const odd of ["fast", null, [1], 3]) {
        assertThrows(
          () => call(odd as never),
          TypeError,
          `options of ${owner} should be an object`,
        );
      }
    }
  });
});

onEachBackend("options of the wrong kind or value are refused by name", () => {
  tf.tidy(() => {
    const calls = callsOf() as Record<string, (options: Any) => unknown>;
    const type = (owner: string, options: Any, part: string) =>
      assertThrows(() => void calls[owner]!(options), TypeError, part);
    const range = (owner: string, options: Any, part: string) =>
      assertThrows(() => void calls[owner]!(options), RangeError, part);

    for (
      const owner of ["lionAttention", "multiScanAttention", "recurrentStep"]
    ) {
      range(owner, { epsilon: -1e-6 }, "epsilon should be 0 or more, got -0.0");
      range(owner, { epsilon: NaN }, "epsilon should be finite, got NaN");
      range(owner, { scale: Infinity }, "scale should be finite");
      type(owner, { scale: "1" }, "scale should be a number, got string");
      type(
        owner,
        { normalize: "false" },
        'normalize should be true or false, got "false"',
      );
      calls[owner]!({ epsilon: 0 });
    }
    for (const owner of ["lionAttention", "multiScanAttention"]) {
      type(owner, { causal: 1 }, "causal should be true or false, got 1");
      type(
        owner,
        { kernel: null },
        "kernel should have a value, or be left out for its default, got null",
      );
    }
    range("recurrentStep", { convention: "sauce" }, "convention should be");
    range("layerNorm", { epsilon: -1 }, "layerNorm's epsilon should be 0 or");
    type("layerNorm", { epsilon: "0" }, "layerNorm's epsilon should be a num");
    type("shiftedSilu", { normalize: 0 }, "normalize should be true or false");
    for (const heads of [0, -1, 1.5, NaN]) {
      range(
        "recurrentState",
        { heads },
        `heads should be a positive integer, got ${heads}`,
      );
    }
    type("recurrentState", { batch: undefined }, "batch should be a number");
    range("snakeScan", { along: "row" }, 'along should be "rows" or "colu');
    range("snakeScan", { first: -1 }, "first should be 0 or more tokens");
    assertThrows(() => snakeScan(0, 3), RangeError, "rows should be a positi");
    assertThrows(() => snakeScan(2, 1.5), RangeError, "columns should be a ");
    // 9 / (3 · 1.5) columns a head is an integer.
    const nine = tf.ones<tf.Rank.R3>([1, 2, 9]);
    for (const numHeads of [1.5, -1, 0]) {
      assertThrows(
        () => splitHeads(nine, { numHeads }),
        RangeError,
        `splitHeads' numHeads should be a positive integer, got ${numHeads}`,
      );
    }
    type(
      "splitHeads",
      { featureMap: "relu" },
      "splitHeads' featureMap should be a function, got string",
    );
    const x = tf.ones<tf.Rank.R4>([1, 2, 3, 4]);
    assertThrows(
      () => multiScanAttention(x, x, x, "snake" as unknown as []),
      TypeError,
      "ways should be a list, got string",
    );
    assertThrows(
      () => eluPlusOne([1] as unknown as tf.Tensor4D),
      TypeError,
      "eluPlusOne's x should be a tensor, got [1]",
    );
  });
});

onEachBackend("kernel: false runs the form's operations", (backend) => {
  tf.tidy(() => {
    const x = tf.ones<tf.Rank.R4>([1, 2, 300, 4]);
    const plan = explainAttention(x, x, x, { causal: true, kernel: false });
    assertThrows(
      () => explainAttention(x, x, x, { kernel: false, precision: "f16" }),
      RangeError,
      'precision "f16" is not available: kernel: false asks for tfjs operations',
    );
    if (plan.kernel !== null) throw new Error(plan.kernel);
    if (plan.reason !== "kernel: false asks for tfjs operations") {
      throw new Error(plan.reason);
    }
    const usual = explainAttention(x, x, x, { causal: true });
    if ((usual.kernel === null) !== (backend === "cpu")) {
      throw new Error(`${usual.kernel}`);
    }
  });
});

/** All options of a type, each of them undefined: their types must allow it. */
type Undefined<Options> = { [name in keyof Required<Options>]: undefined };

const LION: Undefined<LionAttentionOptions> = {
  decay: undefined,
  form: undefined,
  kernel: undefined,
  chunkSize: undefined,
  scale: undefined,
  normalize: undefined,
  epsilon: undefined,
  causal: undefined,
  mask: undefined,
  segments: undefined,
  precision: undefined,
};
const DELTA: Undefined<DeltaAttentionOptions> = {
  decay: undefined,
  form: undefined,
  kernel: undefined,
  chunkSize: undefined,
  scale: undefined,
  causal: undefined,
  mask: undefined,
  segments: undefined,
};
const SOFTMAX: Undefined<SoftmaxAttentionOptions> = {
  scale: undefined,
  causal: undefined,
  mask: undefined,
  segments: undefined,
  slopes: undefined,
  kernel: undefined,
};
const RECURRENT: Undefined<RecurrentStepOptions> = {
  convention: undefined,
  scale: undefined,
  normalize: undefined,
  epsilon: undefined,
  kernel: undefined,
};
const DELTA_STEP: Undefined<DeltaStepOptions> = {
  scale: undefined,
  kernel: undefined,
};
const CONVOLUTION: Undefined<ShortConvolutionOptions> = {
  place: undefined,
  reverse: undefined,
  activation: undefined,
  kernel: undefined,
  mask: undefined,
  segments: undefined,
};
const SCAN: Undefined<SelectiveScanOptions> = {
  reverse: undefined,
  kernel: undefined,
  mask: undefined,
  segments: undefined,
};

/** Results of functions with options that are undefined, and without any. */
function bothWays(): Record<string, [given: tf.Tensor, left: tf.Tensor]> {
  const x = tf.randomUniform<tf.Rank.R4>([1, 2, 3, 4], 0.1, 1);
  const beta = tf.fill<tf.Rank.R3>([1, 2, 3], 0.5);
  const rows = tf.randomUniform<tf.Rank.R3>([1, 3, 12], 0.1, 1);
  const one = tf.ones<tf.Rank.R1>([12]);
  const state = recurrentState({ batch: 1, heads: 2, headDim: 4, valueDim: 4 });
  const ways = [{ order: [2, 0, 1], decay: fixedDecay(tf.tensor1d([-1, -2])) }];
  const taps = tf.ones<tf.Rank.R2>([12, 2]), a = tf.fill([12, 3], -1);
  const b = tf.ones<tf.Rank.R3>([1, 3, 3]);
  const nothing = { logDecay: undefined, mask: undefined };
  const { decay: _decay, ...inOrders } = LION;
  const family = {
    causal: undefined,
    form: undefined,
    chunkSize: undefined,
    scale: undefined,
    mask: undefined,
    segments: undefined,
    attention: undefined,
  };
  const arrival = (convention: "source" | undefined) => ({
    decay: selectiveDecay(tf.neg(beta), { convention }),
  });
  const channels = (convention: "source" | undefined) => ({
    decay: diagonalDecay(tf.neg(x), { convention }),
  });
  const scanned = { x: rows, dt: rows, a: a as tf.Tensor2D, b, c: b };
  return {
    lionAttention: [lionAttention(x, x, x, LION), lionAttention(x, x, x)],
    multiScanAttention: [
      multiScanAttention(x, x, x, ways, inOrders),
      multiScanAttention(x, x, x, ways),
    ],
    deltaAttention: [
      deltaAttention(x, x, x, beta, DELTA),
      deltaAttention(x, x, x, beta),
    ],
    softmaxAttention: [
      softmaxAttention(x, x, x, SOFTMAX),
      softmaxAttention(x, x, x),
    ],
    recurrentStep: [
      recurrentStep(state, { q: x, k: x, v: x, ...nothing }, RECURRENT).y,
      recurrentStep(state, { q: x, k: x, v: x }).y,
    ],
    deltaStep: [
      deltaStep(null, { q: x, k: x, v: x, beta, ...nothing }, DELTA_STEP).y,
      deltaStep(null, { q: x, k: x, v: x, beta }).y,
    ],
    selectiveDecay: [
      lionAttention(x, x, x, arrival(undefined)),
      lionAttention(x, x, x, arrival("source")),
    ],
    diagonalDecay: [
      lionAttention(x, x, x, channels(undefined)),
      lionAttention(x, x, x, channels("source")),
    ],
    shortConvolution: [
      shortConvolution(rows, taps, undefined, CONVOLUTION),
      shortConvolution(rows, taps),
    ],
    selectiveScan: [
      selectiveScan({ ...scanned, d: undefined, z: undefined }, SCAN),
      selectiveScan(scanned),
    ],
    shiftedSilu: [shiftedSilu(x, { normalize: undefined }), shiftedSilu(x)],
    splitHeads: [
      splitHeads(rows, { numHeads: 2, featureMap: undefined }).q,
      splitHeads(rows, { numHeads: 2 }).q,
    ],
    rmsNorm: [
      rmsNorm(rows, one, { epsilon: undefined, gate: undefined }),
      rmsNorm(rows, one),
    ],
    layerNorm: [
      layerNorm(rows, one, one, { epsilon: undefined }),
      layerNorm(rows, one, one),
    ],
    retention: [
      retention({ q: x, k: x, v: x, logDecay: tf.tensor1d([-1, -2]) }, family),
      retention({ q: x, k: x, v: x, logDecay: tf.tensor1d([-1, -2]) }),
    ],
    deltaNet: [
      deltaNet({ q: x, k: x, v: x, beta }, family),
      deltaNet({ q: x, k: x, v: x, beta }),
    ],
  };
}

onEachBackend("an option that is undefined has its default", async () => {
  const pairs = tf.tidy(bothWays);
  for (const [name, [given, left]] of Object.entries(pairs)) {
    assertEquals(await given.data(), await left.data(), name);
  }
  assertEquals(
    snakeScan(2, 3, { along: undefined, first: undefined }),
    snakeScan(2, 3),
  );
  tf.dispose(pairs);
});
