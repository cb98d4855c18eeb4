/** Mamba-3 as a mixer. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type CheckedMamba3Inputs,
  mamba3,
} from "../../family/mamba3/mamba3.ts";
import {
  type Mamba3State,
  mamba3Step,
} from "../../family/mamba3/mamba3_step.ts";
import { toHeads } from "../../operations/heads/heads.ts";
import { rmsNorm } from "../../operations/rms_norm/rms_norm.ts";
import { applyMatrix, matrix } from "../linear.ts";
import { scaleOnly } from "../normalization.ts";
import { stepBias, timeSteps } from "./decay_rates.ts";
import { attentionCost, type FamilyModel } from "./family.ts";
import { silu, softplus, toEachHead } from "./projections.ts";

/** The share of the state's channels that turn. */
const TURNING = 0.5;

/** Epsilon of the normalisation of b and c in the authors' code, whatever the layer's. */
const EPSILON = 1e-5;

/** The least decay rate. */
const LEAST_RATE = 1e-4;

/** Maps from a column of the projection to a decay rate. */
const RATES = { "heavy-tailed": heavyTailed, softplus } as const;

/** Options of {@linkcode mamba3Model}. */
interface Mamba3Options {
  /**
   * The map to decay rates: that of the authors' code today, or the one that it had at
   * first. @default "heavy-tailed"
   */
  readonly decayRates?: keyof typeof RATES | undefined;
}

/**
 * Mamba-3, with one input and one output per head: one projection to gate, values, b and c,
 * which all heads share, time steps, decay rates, shares of the trapezoid and angles; b and
 * c are normalised and get a bias, and SiLU gates the output. Values are as wide as the
 * model, and the state has as many rows as a head has columns. There is no convolution.
 *
 * Its parameters have the names and layouts of the authors' module.
 *
 * Source: Lahoti et al. 2026 (arXiv:2603.15569), and its authors' code.
 */
export function mamba3Model(
  { decayRates = "heavy-tailed" }: Mamba3Options,
): FamilyModel<CheckedMamba3Inputs> {
  return {
    parameters(dim, numHeads) {
      const stateDim = dim / numHeads;
      const bias = [numHeads, 1, stateDim];
      return [
        ...matrix(
          "in_proj.",
          dim,
          partsOf(dim, numHeads).reduce((a, b) => a + b),
        ),
        { name: "dt_bias", shape: [numHeads], initial: stepBias(numHeads) },
        { name: "B_bias", shape: bias, initial: "ones" },
        { name: "C_bias", shape: bias, initial: "ones" },
        ...scaleOnly("B_norm.", stateDim),
        ...scaleOnly("C_norm.", stateDim),
        { name: "D", shape: [numHeads], initial: "ones" },
      ];
    },
    project(x, parameters, numHeads) {
      const dim = x.shape[2];
      const rows = applyMatrix(x, "in_proj.", parameters);
      const parts = tf.split(
        rows,
        partsOf(dim, numHeads).filter((columns) => columns > 0),
        2,
      ) as tf.Tensor3D[];
      const [gate, taken, write, read, steps, rates, shares, angles] = parts;
      const perHead = (x: tf.Tensor3D): tf.Tensor3D =>
        tf.transpose(x, [0, 2, 1]);
      const vectors = (x: tf.Tensor3D, name: "B" | "C"): tf.Tensor4D => {
        const scale = parameters(`${name}_norm.weight`) as tf.Tensor1D;
        const normal = rmsNorm(x, scale, { epsilon: EPSILON });
        return tf.add(toEachHead(normal, numHeads), parameters(`${name}_bias`));
      };
      const dt = timeSteps(steps!, parameters);
      const turns = angles &&
        tf.mul(
          toEachHead(tf.tanh(angles), numHeads),
          tf.mul(tf.expandDims(dt, 3), Math.PI),
        );
      return {
        inputs: {
          x: toHeads(taken!, numHeads),
          dt,
          a: tf.neg(tf.maximum(perHead(RATES[decayRates](rates!)), LEAST_RATE)),
          b: vectors(write!, "B"),
          c: vectors(read!, "C"),
          phase: turns as tf.Tensor4D | undefined,
          trapezoid: perHead(tf.sigmoid(shares!)),
          d: parameters("D") as tf.Tensor1D,
        },
        gate: silu(gate!),
      };
    },
    run: mamba3,
    step: (inputs, before, mask) =>
      mamba3Step(before as Mamba3State | undefined, inputs, mask),
    sharesTokens: false,
    values: "x",
    output: {
      norm: "none",
      names: { norm: "", projection: "out_proj." },
      hasBias: false,
    },
    cost(sizes, call) {
      // Both directions run as causal attention, as one doubled batch.
      const batch = call.causal ? sizes.batch : 2 * sizes.batch;
      return attentionCost(
        { ...sizes, batch },
        { ...call, causal: true },
        false,
      );
    },
  };
}

/**
 * The columns of the projection's parts: gate, values, b, c, time steps, decay rates,
 * shares of the trapezoid, and angles.
 */
function partsOf(dim: number, numHeads: number): number[] {
  const stateDim = dim / numHeads;
  const angles = Math.floor(stateDim * TURNING / 2);
  return [dim, dim, stateDim, stateDim, numHeads, numHeads, numHeads, angles];
}

/** 1 + x where x is above 0, and 1 / (1 - x) below. */
function heavyTailed(x: tf.Tensor3D): tf.Tensor3D {
  const above = tf.relu(x), below = tf.relu(tf.neg(x));
  return tf.add(above, tf.reciprocal(tf.add(below, 1)));
}
