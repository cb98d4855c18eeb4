/**
 * Mixers of the family: projections before, normalisation and gate after.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { FamilyOptions } from "../../family/inputs.ts";
import { planAttention } from "../../attention/planning/plan.ts";
import { weightRows } from "../../attention/weight_rows.ts";
import { joinHeads } from "../../operations/heads/heads.ts";
import { applyLinear, applyMatrix, linear, matrix } from "../linear.ts";
import type { Parameter, Parameters } from "../lion_layer.ts";
import type {
  CostCall,
  Mixer,
  MixerCall,
  MixerCost,
  MixerState,
} from "../mixer.ts";
import { applyNorm, applyRmsNorm, norm, scaleOnly } from "../normalization.ts";
import { type Convolve, convolveNext, convolveWhole } from "./convolution.ts";
import { matrixOperations } from "./projections.ts";

/** How the heads' output is normalised and gated before it is projected. */
export interface Output {
  /** The kind of normalisation, over each head by itself or over all columns of a token. */
  readonly norm: "layer of heads" | "rms of heads" | "rms of columns" | "none";
  /** Whether the gate comes before the normalisation. */
  readonly isGatedFirst?: boolean;
  /** The prefixes of the parameters' names. @default norm. and proj. */
  readonly names?: { readonly norm: string; readonly projection: string };
  /** Whether the projection has a bias. @default true */
  readonly hasBias?: boolean;
}

/** The inputs and the gate that a layer's input is projected to. */
export interface Projected<Inputs> {
  /** The model's inputs, `[batch, heads, length, …]`. */
  readonly inputs: Inputs;
  /** The gate that multiplies the output, `[batch, length, dim]`; none if undefined. */
  readonly gate?: tf.Tensor3D;
}

export interface HeadSizes {
  readonly batch: number;
  readonly heads: number;
  /** Number of heads of queries and keys. @default heads */
  readonly keyHeads?: number;
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
}

/** A model of the family as part of a layer. */
export interface FamilyModel<Inputs> {
  /** The model's own parameters, without normalisation and output projection. */
  parameters(dim: number, numHeads: number): Parameter[];
  /**
   * The initial values of a parameter, those of the output's too. @default as it says
   */
  initial?(parameter: Parameter): Parameter["initial"];
  /**
   * Projects `x`, `[batch, length, dim]`, to the model's inputs.
   *
   * @param convolve Convolves tokens, for models with short convolutions.
   */
  project(
    x: tf.Tensor3D,
    parameters: Parameters,
    numHeads: number,
    convolve: Convolve,
  ): Projected<Inputs>;
  run(inputs: Inputs, options: FamilyOptions): tf.Tensor4D;
  step(
    inputs: Inputs,
    before: MixerState | undefined,
    mask: tf.Tensor2D | undefined,
  ): { y: tf.Tensor4D; state: MixerState };
  readonly output: Output;
  readonly sharesTokens: boolean;
  /**
   * The input, `[batch, heads, length, valueDim]`, of whose tokens the output is a
   * weighted sum, with the same weights for all columns; none if undefined.
   */
  readonly values?: keyof Inputs;
  cost(sizes: HeadSizes, call: CostCall): MixerCost;
}

/** The names of this library's own mixers. */
const NAMES = { norm: "norm.", projection: "proj." } as const;

export function familyMixer<Inputs>(
  model: FamilyModel<Inputs>,
  numHeads: number,
): Mixer {
  const { norm: kind, isGatedFirst = false, hasBias = true } = model.output;
  const { values } = model;
  const { norm: normName, projection } = model.output.names ?? NAMES;
  const parametersOf = (dim: number): Parameter[] =>
    [
      ...model.parameters(dim, numHeads),
      ...(kind === "none"
        ? []
        : kind === "layer of heads"
        ? norm(normName, dim / numHeads)
        : scaleOnly(normName, kind === "rms of heads" ? dim / numHeads : dim)),
      ...(hasBias ? linear : matrix)(projection, dim, dim),
    ].map((parameter) => ({
      ...parameter,
      initial: model.initial?.(parameter) ?? parameter.initial,
    }));
  const normalized = (
    y: tf.Tensor4D,
    gate: tf.Tensor3D | undefined,
    parameters: Parameters,
    epsilon: number,
  ): tf.Tensor3D => {
    if (kind === "none") return joinHeads(y);
    if (kind === "layer of heads") {
      return joinHeads(applyNorm(y, normName, parameters, epsilon));
    }
    if (kind === "rms of heads") {
      return joinHeads(applyRmsNorm(y, normName, parameters, epsilon));
    }
    const rows = joinHeads(y);
    const gated = gate && isGatedFirst ? tf.mul(rows, gate) : rows;
    return applyRmsNorm(gated as tf.Tensor3D, normName, parameters, epsilon);
  };
  const merge = (
    y: tf.Tensor4D,
    gate: tf.Tensor3D | undefined,
    parameters: Parameters,
    epsilon: number,
  ): tf.Tensor3D => {
    const rows = normalized(y, gate, parameters, epsilon);
    const gated: tf.Tensor3D = gate && !isGatedFirst
      ? tf.mul(rows, gate)
      : rows;
    return (hasBias ? applyLinear : applyMatrix)(gated, projection, parameters);
  };
  const optionsOf = (
    { causal, form, chunkSize, mask, segments, sequence }: MixerCall,
  ): FamilyOptions => ({
    ...{ causal, form, chunkSize, mask, segments },
    ...(model.sharesTokens ? { attention: sequence } : {}),
  });
  return {
    sharesTokens: model.sharesTokens,
    parameters: (shape) => parametersOf(shape.at(-1)!),
    apply(x, parameters, call) {
      const { inputs, gate } = model.project(
        x,
        parameters,
        numHeads,
        convolveWhole(call),
      );
      const y = model.run(inputs, optionsOf(call));
      return merge(y, gate, parameters, call.epsilon);
    },
    ...values && {
      weights(x, parameters, call, rows) {
        const near = convolveWhole(call);
        const { inputs } = model.project(x, parameters, numHeads, near);
        const attend = (v: tf.Tensor4D) =>
          model.run({ ...inputs, [values]: v }, optionsOf(call));
        return weightRows(attend, inputs[values] as tf.Tensor4D, rows);
      },
    },
    step(x, parameters, before, { mask, epsilon }) {
      const near = convolveNext(before, mask);
      const { inputs, gate } = model.project(
        x,
        parameters,
        numHeads,
        near.convolve,
      );
      const { y, state } = model.step(inputs, before, mask);
      return {
        y: merge(y, gate, parameters, epsilon),
        state: { ...near.state, ...state },
      };
    },
    operations: (shape) => matrixOperations(parametersOf(shape.at(-1)!), shape),
    cost(shape, call) {
      const [batch, length, dim] = shape as [number, number, number];
      const headDim = dim / numHeads;
      const heads = { heads: numHeads, headDim, valueDim: headDim };
      return model.cost({ batch, length, ...heads }, call);
    },
  };
}

/** The cost of a model that is linear attention without a normaliser. */
export function attentionCost(
  sizes: HeadSizes,
  { form, chunkSize, causal }: CostCall,
  isDiagonal: boolean,
): MixerCost {
  return planAttention({
    ...sizes,
    ...{ form, chunkSize, causal },
    normalize: false,
    decays: true,
    diagonal: isDiagonal,
    precision: "f32",
  });
}
