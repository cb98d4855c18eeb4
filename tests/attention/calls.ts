/** Every function of tensors, with the axes of its inputs. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  decayMask,
  deltaAttention,
  deltaStep,
  diagonalDecay,
  eluPlusOne,
  fixedDecay,
  lionAttention,
  logSigmoid,
  multiScanAttention,
  noDecay,
  recurrentStep,
  selectiveDecay,
  shiftedSilu,
  softmaxAttention,
} from "../../mod.ts";
import { identity } from "../../lib/operations/feature_map.ts";
import {
  dense,
  gelu,
  joinHeads,
  layerNorm,
  positiveRandomFeatures,
  rmsNorm,
  selectiveScan,
  shortConvolution,
  splitHeads,
} from "../../lib/operations/mod.ts";
import { MODELS } from "../family/models.ts";

/** The sizes of axes. */
export const SIZES: Readonly<Record<string, number>> = {
  batch: 2,
  heads: 2,
  length: 3,
  headDim: 4,
  valueDim: 3,
  sums: 4,
  channels: 4,
  stateDim: 2,
  taps: 3,
  columns: 5,
  outputs: 3,
  features: 6,
  projections: 24,
};

/** A function of tensors. */
export interface Call {
  /** The axes of each tensor, by the name that messages have. */
  readonly axes: Readonly<Record<string, readonly string[]>>;
  // deno-lint-ignore no-explicit-any -- each has inputs of its own
  run(inputs: any): tf.Tensor | Record<string, tf.Tensor>;
  /** Whether nothing in, nothing out: it works on rows, or on numbers. */
  readonly ofRows?: true;
}

const K = ["batch", "heads", "length", "headDim"];
const V = ["batch", "heads", "length", "valueDim"];
const T = ["batch", "heads", "length"];
const X = ["batch", "length", "channels"];
const QKV = { q: K, k: K, v: V };

/** The calls by name. */
export const CALLS: Readonly<Record<string, Call>> = Object.fromEntries(all());

function* all(): Generator<[string, Call]> {
  for (const causal of [false, true]) {
    const of = causal ? ", causal" : "";
    yield [`lionAttention${of}`, {
      axes: QKV,
      run: ({ q, k, v }) => lionAttention(q, k, v, { causal }),
    }];
    yield* attentionOf(causal, of);
    yield [`softmaxAttention${of}`, {
      axes: QKV,
      run: ({ q, k, v }) => softmaxAttention(q, k, v, { causal }),
    }];
    yield* deltaOf(causal, of);
    for (const { name, inputs, run } of MODELS) {
      yield [`${name}${of}`, {
        axes: inputs,
        run: (given) => run(given, { causal }),
      }];
    }
  }
  yield* steps();
  yield* operations();
}

function* attentionOf(causal: boolean, of: string): Generator<[string, Call]> {
  for (const form of ["full", "recurrent", "blockwise", "chunkwise"] as const) {
    for (const kernel of [true, false]) {
      const options = { causal, form, kernel };
      const name = `lionAttention in ${form} form${of}, kernel ${kernel},`;
      yield [`${name} fixedDecay`, {
        axes: { ...QKV, logDecay: ["heads"] },
        run: ({ q, k, v, logDecay }) =>
          lionAttention(q, k, v, { ...options, decay: fixedDecay(logDecay) }),
      }];
      for (const convention of ["source", "arrival"] as const) {
        yield [`${name} selectiveDecay, ${convention}`, {
          axes: { ...QKV, logDecay: T },
          run: ({ q, k, v, logDecay }) =>
            lionAttention(q, k, v, {
              ...options,
              decay: selectiveDecay(logDecay, { convention }),
            }),
        }];
        yield [`${name} diagonalDecay, ${convention}`, {
          axes: { ...QKV, logDecay: K },
          run: ({ q, k, v, logDecay }) =>
            lionAttention(q, k, v, {
              ...options,
              decay: diagonalDecay(logDecay, { convention }),
            }),
        }];
      }
      for (const axes of [T, K]) {
        yield [`${name} bidirectionalDecay of ${axes.length} axes`, {
          axes: { ...QKV, forward: axes, backward: axes },
          run: ({ q, k, v, forward, backward }) =>
            lionAttention(q, k, v, {
              ...options,
              decay: bidirectionalDecay(forward, backward),
            }),
        }];
      }
    }
  }
}

function* deltaOf(causal: boolean, of: string): Generator<[string, Call]> {
  const decays = {
    none: [[], () => noDecay()],
    fixed: [["heads"], (x: tf.Tensor1D) => fixedDecay(x)],
    selective: [
      T,
      (x: tf.Tensor3D) => selectiveDecay(x, { convention: "arrival" }),
    ],
    diagonal: [
      K,
      (x: tf.Tensor4D) => diagonalDecay(x, { convention: "arrival" }),
    ],
  } as const;
  for (const [kind, [axes, make]] of Object.entries(decays)) {
    for (const kernel of [true, false]) {
      yield [`deltaAttention${of}, ${kind} decay, kernel ${kernel}`, {
        axes: {
          ...QKV,
          beta: T,
          ...axes.length > 0 ? { logDecay: axes } : {},
        },
        run: ({ q, k, v, beta, logDecay }) =>
          deltaAttention(q, k, v, beta, {
            causal,
            kernel,
            decay: make(logDecay),
          }),
      }];
    }
  }
}

function* steps(): Generator<[string, Call]> {
  for (const logDecay of [["heads"], T, K]) {
    for (const kernel of [true, false]) {
      const name = `a decay of ${logDecay.length} axes, kernel ${kernel}`;
      for (const convention of ["source", "arrival"] as const) {
        yield [`recurrentStep, ${name}, ${convention}`, {
          axes: {
            ...QKV,
            logDecay,
            sum: ["batch", "heads", "headDim", "sums"],
            due: ["batch", "heads"],
          },
          run: ({ sum, due, ...input }) => {
            const options = { convention, kernel };
            return recurrentStep({ sum, due }, input, options).y;
          },
        }];
      }
      yield [`deltaStep, ${name}`, {
        axes: {
          ...QKV,
          beta: T,
          logDecay,
          state: ["batch", "heads", "headDim", "valueDim"],
        },
        run: ({ state, ...input }) => deltaStep(state, input, { kernel }).y,
      }];
    }
  }
}

function* operations(): Generator<[string, Call]> {
  yield ["multiScanAttention", {
    axes: { ...QKV, logDecay: T },
    run: ({ q, k, v, logDecay }) => {
      const order = Array.from({ length: q.shape[2] }, (_, i) => i).reverse();
      const decay = selectiveDecay(logDecay);
      return multiScanAttention(q, k, v, [{ order, decay }]);
    },
  }];
  yield ["decayMask of selectiveDecay", {
    axes: { logDecay: T },
    run: ({ logDecay }) =>
      decayMask(selectiveDecay(logDecay), logDecay.shape[2]),
  }];
  yield ["decayMask of fixedDecay", {
    axes: { logDecay: ["heads"] },
    run: ({ logDecay }) => decayMask(fixedDecay(logDecay), 3),
  }];
  yield ["decayMask of bidirectionalDecay", {
    axes: { forward: T, backward: T },
    run: ({ forward, backward }) =>
      decayMask(bidirectionalDecay(forward, backward), forward.shape[2]),
  }];
  yield ["positiveRandomFeatures", {
    axes: { x: K, directions: ["features", "headDim"] },
    run: ({ x, directions }) => positiveRandomFeatures(directions)(x),
    ofRows: true,
  }];
  for (const kernel of [true, false]) {
    for (const reverse of [true, false]) {
      yield [`selectiveScan, kernel ${kernel}, reverse ${reverse}`, {
        axes: {
          x: X,
          dt: X,
          a: ["channels", "stateDim"],
          b: ["batch", "length", "stateDim"],
          c: ["batch", "length", "stateDim"],
          d: ["channels"],
          z: X,
        },
        run: (inputs) => selectiveScan(inputs, { kernel, reverse }),
        ofRows: true,
      }];
    }
    yield [`shortConvolution, kernel ${kernel}`, {
      axes: { x: X, weight: ["channels", "taps"], bias: ["channels"] },
      run: ({ x, weight, bias }) =>
        shortConvolution(x, weight, bias, { kernel }),
      ofRows: true,
    }];
  }
  yield ["dense", {
    axes: {
      x: ["batch", "length", "columns"],
      weight: ["columns", "outputs"],
      bias: ["outputs"],
    },
    run: ({ x, weight, bias }) => dense(x, weight, bias),
    ofRows: true,
  }];
  yield ["layerNorm", {
    axes: {
      x: ["batch", "length", "columns"],
      scale: ["columns"],
      offset: ["columns"],
    },
    run: ({ x, scale, offset }) => layerNorm(x, scale, offset),
    ofRows: true,
  }];
  yield ["rmsNorm", {
    axes: { x: ["batch", "length", "columns"], scale: ["columns"] },
    run: ({ x, scale }) => rmsNorm(x, scale),
    ofRows: true,
  }];
  yield ["splitHeads", {
    axes: { x: ["batch", "length", "projections"] },
    run: ({ x }) => splitHeads(x, { numHeads: 2 }),
    ofRows: true,
  }];
  yield ["joinHeads", {
    axes: { x: V },
    run: ({ x }) => joinHeads(x),
    ofRows: true,
  }];
  const maps = {
    eluPlusOne,
    gelu,
    geluByTanh: (x: tf.Tensor4D) => gelu(x, { approximate: "tanh" }),
    identity,
    logSigmoid,
    shiftedSilu,
  };
  for (const [name, map] of Object.entries(maps)) {
    yield [name, { axes: { x: K }, run: ({ x }) => map(x), ofRows: true }];
  }
}
