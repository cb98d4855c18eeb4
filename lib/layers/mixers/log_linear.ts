/** Log-linear attention as a mixer. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type LogLinearState,
  logLinearStep,
} from "../../family/log_linear/log_linear_step.ts";
import {
  type CheckedLogLinearAttentionInputs,
  logLinearAttention,
} from "../../family/log_linear/log_linear_attention.ts";
import { toHeads } from "../../operations/heads/heads.ts";
import { applyMatrix, matrix } from "../linear.ts";
import { convolution, tapsOf } from "./convolution.ts";
import { logDecayOf, stepBias, timeSteps } from "./decay_rates.ts";
import { attentionCost, type FamilyModel } from "./family.ts";
import { silu, softplus, toEachHead } from "./projections.ts";

/** Taps of the convolution. */
const TAPS = 4;

/** Levels of the tree over the tokens: sequences have at most 2^14 = 16,384 tokens. */
const LEVELS = 15;

/** Tokens per chunk, within which there are no states. */
const CHUNK = 64;

/** The inputs of log-linear attention, and what is added to its output. */
type Inputs = CheckedLogLinearAttentionInputs & {
  /** d x, `[batch, heads, length, valueDim]`. */
  readonly skipped: tf.Tensor4D;
};

/**
 * Log-linear Mamba-2: Mamba-2 with a short convolution, whose heads weigh what they read
 * at each scale of distance, by the softplus of a linear map. Values are as wide as the
 * model; all heads share queries and keys, as wide as a head; SiLU gates the output before
 * it is normalised.
 *
 * Its parameters have the names and layouts of flash-linear-attention's layer.
 *
 * Source: Guo et al. 2025 (arXiv:2506.04761), section 3.4, and flash-linear-attention's
 * layer.
 */
export const LOG_LINEAR_ATTENTION: FamilyModel<Inputs> = {
  parameters(dim, numHeads) {
    const mixed = dim + 2 * dim / numHeads;
    return [
      ...matrix("in_proj.", dim, dim + mixed + numHeads * (LEVELS + 1)),
      ...convolution("conv1d.", mixed, TAPS),
      { name: "dt_bias", shape: [numHeads], initial: stepBias(numHeads) },
      {
        name: "A_log",
        shape: [numHeads],
        initial: {
          values: () => tf.tidy(() => tf.log(tf.range(1, numHeads + 1))),
        },
      },
      { name: "L", shape: [numHeads, LEVELS], initial: "ones" },
      { name: "D", shape: [numHeads], initial: "ones" },
    ];
  },
  project(x, parameters, numHeads, convolve) {
    const dim = x.shape[2];
    const headDim = dim / numHeads, mixed = dim + 2 * headDim;
    const [gate, nearby, steps, levels] = tf.split(
      applyMatrix(x, "in_proj.", parameters),
      [dim, mixed, numHeads, numHeads * LEVELS],
      2,
    ) as tf.Tensor3D[];
    const convolved = convolve(nearby!, {
      name: "mixed",
      taps: tapsOf(parameters("conv1d.weight")),
      bias: parameters("conv1d.bias") as tf.Tensor1D,
      activation: "silu",
    });
    const [taken, write, read] = tf.split(
      convolved,
      [dim, headDim, headDim],
      2,
    ) as tf.Tensor3D[];
    const dt = timeSteps(steps!, parameters);
    const values = toHeads(taken!, numHeads);
    const scales = tf.mul(
      toHeads(levels!, numHeads),
      tf.expandDims(parameters("L"), 1),
    );
    return {
      inputs: {
        q: toEachHead(read!, numHeads),
        k: toEachHead(write!, numHeads),
        v: tf.mul(values, tf.expandDims(dt, 3)),
        logDecay: logDecayOf(dt, parameters),
        levelScales: softplus(scales as tf.Tensor4D),
        skipped: tf.mul(values, tf.reshape(parameters("D"), [-1, 1, 1])),
      },
      gate: silu(gate!),
    };
  },
  run({ skipped, ...inputs }, { form, ...options }) {
    const isOne = form === "full" || form === "chunkwise";
    const how = { ...options, form: isOne ? form : "auto" } as const;
    return tf.add(logLinearAttention(inputs, how), skipped);
  },
  step({ skipped, ...inputs }, before, mask) {
    const earlier = before as LogLinearState | undefined;
    const { y, state } = logLinearStep(earlier, inputs, mask);
    return { y: tf.add(y, skipped), state };
  },
  sharesTokens: false,
  values: "v",
  output: {
    norm: "rms of columns",
    isGatedFirst: true,
    names: { norm: "norm.", projection: "out_proj." },
    hasBias: false,
  },
  cost(sizes, call) {
    const { batch, heads, length, headDim, valueDim } = sizes;
    const scalar = attentionCost(sizes, call, false);
    // A token reads the states of half of the levels beyond its chunk, on average.
    const levels = Math.max(0, Math.log2(length / CHUNK)) / 2;
    const tokens = batch * heads * length * (call.causal ? 1 : 2);
    const reads = 2 * tokens * levels * headDim * valueDim;
    return { ...scalar, operations: scalar.operations + reads };
  },
};
