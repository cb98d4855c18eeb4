/** Models of the family with scalar decays, one per token and head, as mixers. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type CheckedMamba2Inputs, mamba2 } from "../../family/mamba2.ts";
import { type CheckedMlstmInputs, mlstm } from "../../family/mlstm.ts";
import { type MlstmState, mlstmStep } from "../../family/mlstm_step.ts";
import { splitHeads, toHeads } from "../../operations/heads/heads.ts";
import { applyLinear, linear } from "../linear.ts";
import type { Parameter } from "../lion_layer.ts";
import { attentionCost, type FamilyModel } from "./family.ts";
import { decayRate, stepBias, timeSteps } from "./decay_rates.ts";
import {
  attendNext,
  perToken,
  silu,
  toEachHead,
  withBias,
} from "./projections.ts";

/**
 * Mamba-2: one projection to gate, values, keys, queries and time steps; all
 * heads share queries and keys; SiLU gates the output before it is normalised.
 * Values are as wide as the model, and there is no short convolution.
 *
 * Source: Dao and Gu 2024 (arXiv:2405.21060), section 7, and its authors' code.
 */
export const MAMBA2: FamilyModel<CheckedMamba2Inputs> = {
  parameters: (dim, numHeads) => [
    ...linear("in_proj.", dim, 2 * dim + 2 * dim / numHeads + numHeads),
    decayRate(numHeads),
    { name: "dt_bias", shape: [numHeads], initial: stepBias(numHeads) },
    { name: "D", shape: [numHeads], initial: "ones" },
  ],
  project(x, parameters, numHeads) {
    const dim = x.shape[2];
    const headDim = dim / numHeads;
    const rows = applyLinear(x, "in_proj.", parameters);
    const [gate, taken, write, read, steps] = tf.split(
      rows,
      [dim, dim, headDim, headDim, numHeads],
      2,
    ) as tf.Tensor3D[];
    return {
      inputs: {
        x: toHeads(silu(taken!), numHeads),
        dt: timeSteps(steps!, parameters),
        a: tf.neg(tf.exp(parameters("A_log"))) as tf.Tensor1D,
        b: toEachHead(silu(write!), numHeads),
        c: toEachHead(silu(read!), numHeads),
        d: parameters("D") as tf.Tensor1D,
      },
      gate: silu(gate!),
    };
  },
  run: mamba2,
  step({ x, dt, a, b, c, d }, before, mask) {
    const v = tf.mul(x, tf.expandDims(dt, 3)) as tf.Tensor4D;
    const logDecay = tf.mul(dt, tf.expandDims(a, 1));
    const { y, state } = attendNext({ q: c, k: b, v, logDecay }, before, mask, {
      convention: "arrival",
      normalize: false,
      scale: 1,
    });
    return { y: tf.add(y, tf.mul(x, tf.reshape(d!, [-1, 1, 1]))), state };
  },
  sharesTokens: true,
  values: "x",
  output: { norm: "rms of columns", isGatedFirst: true },
  cost: (sizes, call) => attentionCost(sizes, call, false),
};

/**
 * xLSTM's mLSTM: linear maps to input and forget gates, whose weights start at
 * zero and forget biases from 3 to 6; the output is normalised per head and
 * gated by a sigmoid.
 *
 * Source: Beck et al. 2024 (arXiv:2405.04517), section 2.3, and its authors' code.
 */
export const MLSTM: FamilyModel<CheckedMlstmInputs> = {
  parameters(dim, numHeads) {
    const gate = (name: string, bias: Parameter["initial"]): Parameter[] =>
      withBias(linear(name, dim, numHeads), bias).map((parameter, i) =>
        i === 0 ? { ...parameter, initial: "zeros" as const } : parameter
      );
    return [
      ...linear("qkv.", dim, 3 * dim),
      ...gate("input_gate.", { deviation: 0.1 }),
      ...gate("forget_gate.", {
        values: () => tf.linspace(3, 6, numHeads),
      }),
      ...linear("gate.", dim, dim),
    ];
  },
  project: (x, parameters, numHeads) => ({
    inputs: {
      ...splitHeads(applyLinear(x, "qkv.", parameters), { numHeads }),
      inputGate: perToken(x, "input_gate.", parameters),
      forgetGate: perToken(x, "forget_gate.", parameters),
    },
    gate: tf.sigmoid(applyLinear(x, "gate.", parameters)),
  }),
  run: mlstm,
  step: (inputs, before, mask) =>
    mlstmStep(before as MlstmState | undefined, inputs, mask),
  sharesTokens: false,
  values: "v",
  output: { norm: "layer of heads" },
  cost: (sizes, call) =>
    attentionCost(
      { ...sizes, valueDim: sizes.valueDim + 1 },
      call,
      false,
    ),
};
