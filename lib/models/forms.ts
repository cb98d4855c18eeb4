/** Changing and describing the form in which a model computes attention. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { AttentionForm } from "../attention/lion_attention.ts";
import { type ConcreteForm, FORMS } from "../attention/forms/form.ts";
import { assertForm } from "../attention/planning/plan.ts";
import { heldBytes } from "@lionjs/tfjs/kernel";
import {
  assertBoolean,
  assertInteger,
  assertList,
  assertModel,
} from "@lionjs/base";
import { LionBlock } from "../layers/block.ts";
import type { Shape } from "../layers/lion_layer.ts";
import { MixingLayer } from "../layers/mixing_layer.ts";
import {
  attentionCost,
  type LayerRun,
  layersIn,
  runsOf,
} from "./layer_runs.ts";
import { type TrainingMemory, trainingMemory } from "./training_memory.ts";

/** The layers of a model that mix tokens. */
function mixingLayers(model: LayersModel): MixingLayer[] {
  assertModel("model", model);
  const layers = layersIn(model);
  const found = layers.filter((layer) => layer instanceof MixingLayer);
  if (found.length > 0) return found;
  throw lacks(model, "layer");
}

function lacks(model: LayersModel, part: "layer" | "block"): TypeError {
  const layers = layersIn(model).map((layer) => layer.getClassName());
  return new TypeError(
    `model ${model.name} should have a LION ${part}, got ${layers.join(", ")}`,
  );
}

/**
 * Changes the form of attention in all layers of a model, nested models
 * included, to trade speed for memory at run time. The model still computes the
 * same function.
 *
 * @example
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { lionEncoder, setForm } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 1, dim: 8, depth: 2, numHeads: 2, numClasses: 1, variant: "s",
 * });
 * const inputs = [tf.randomNormal([1, 9, 1]), tf.ones([1, 9])];
 * setForm(model, "full");
 * const [full] = await (model.predict(inputs) as tf.Tensor).data();
 * setForm(model, "chunkwise", 4);
 * const [chunkwise] = await (model.predict(inputs) as tf.Tensor).data();
 * assertAlmostEquals(full!, chunkwise!, 1e-5);
 * ```
 *
 * @param model A model with LION layers; layers with softmax attention are not
 * affected.
 * @param form See {@linkcode AttentionForm}.
 * @param chunkSize Tokens per chunk; by default, the form or kernel chooses.
 * @throws {TypeError} If the model has no LION layer.
 * @throws {RangeError} If there is no such form, or the chunk size is invalid;
 * no layer is changed then.
 */
export function setForm(
  model: LayersModel,
  form: AttentionForm,
  chunkSize?: number,
): void {
  const layers = mixingLayers(model);
  assertForm(form, chunkSize);
  for (const { attention } of layers) {
    attention.form = form;
    if (chunkSize === undefined) delete attention.chunkSize;
    else attention.chunkSize = chunkSize;
  }
}

/**
 * Changes the option `gradientCheckpointing` of all blocks of a model, such as a
 * loaded or pretrained one, nested models included. The model still computes the same
 * function.
 *
 * @example
 * ```ts
 * import { assertLess } from "@std/assert";
 * import { lionEncoder, modelSummary, setGradientCheckpointing } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 1, dim: 8, depth: 6, numHeads: 2, numClasses: 1, variant: "s",
 * });
 * const bytes = () => modelSummary(model, [[8, 64, 1], [8, 64]]).training.bytes;
 * const before = bytes();
 * setGradientCheckpointing(model, true);
 * assertLess(bytes(), 0.5 * before);
 * ```
 *
 * @param model A model with LION blocks.
 * @param gradientCheckpointing Whether gradients recompute each block; see
 * {@linkcode LionBlockOptions}.
 * @throws {TypeError} If the model has no LION block, or `gradientCheckpointing` is not a
 * boolean.
 */
export function setGradientCheckpointing(
  model: LayersModel,
  gradientCheckpointing: boolean,
): void {
  assertModel("model", model);
  assertBoolean("gradientCheckpointing", gradientCheckpointing);
  const blocks = layersIn(model).filter((layer) => layer instanceof LionBlock);
  if (blocks.length === 0) throw lacks(model, "block");
  for (const block of blocks) {
    block.gradientCheckpointing = gradientCheckpointing;
  }
}

/** The cost of a model in one form. */
export interface FormCost {
  /** Multiplications and additions of a forward pass. */
  readonly operations: number;
  /** A lower bound on the bytes that attention reads and writes. */
  readonly attentionBytes: number;
  /**
   * Peak memory of one layer's attention in bytes, including its inputs and
   * output.
   */
  readonly attentionPeakBytes: number;
}

/** The result of {@linkcode modelSummary}. */
export interface ModelSummary {
  /** Number of learned values. */
  readonly parameters: number;
  /** Size of the learned values in bytes. */
  readonly parameterBytes: number;
  /**
   * The cost in each form on the current backend; `null` for a form that does
   * not fit its memory.
   */
  readonly forms: Readonly<Record<ConcreteForm, FormCost | null>>;
  /** The memory of a training step with these inputs. */
  readonly training: TrainingMemory;
  /**
   * The bytes that the current backend holds now, including free ones that it
   * reuses: all buffers on WebGPU, the whole memory on WebAssembly, tensors on
   * cpu.
   */
  readonly heldBytes: number;
}

/**
 * Counts a model's parameters and, without running it, estimates the cost of a
 * forward pass in each form on the current backend, and the memory of training.
 * Nested models are included. `console.table(description.forms)` prints the
 * costs.
 *
 * @example Full attention is quadratic
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { lionEncoder, modelSummary } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 1, dim: 8, depth: 2, numHeads: 2, numClasses: 1, variant: "s",
 * });
 * const { parameters, forms } = modelSummary(model, [[1, 4096, 1], [1, 4096]]);
 * assertEquals(parameters, model.countParams());
 * assert(forms.full!.operations > 10 * forms.chunkwise!.operations);
 * ```
 *
 * @example Whether training fits into WebAssembly's 4 GiB
 * ```ts
 * import { assert } from "@std/assert";
 * import { lionViT, modelSummary, useBackend, VIT_PRESETS } from "@lionjs/lion";
 *
 * await useBackend({ prefer: ["wasm"] });
 * const model = lionViT({ ...VIT_PRESETS.tiny, variant: "s" });
 * const { training } = modelSummary(model, [256, 224, 224, 3]);
 * assert(training.keptBytes > training.limitBytes);
 * assert(training.recomputedBytes < training.limitBytes);
 * ```
 *
 * @param model A model with LION layers.
 * @param inputShapes The shape of each input, or of the only one.
 * @returns See {@linkcode ModelSummary}.
 * @throws {TypeError} If the model has no LION layer, or there is not one shape
 * per input.
 */
export function modelSummary(
  model: LayersModel,
  inputShapes: number[] | number[][],
): ModelSummary {
  mixingLayers(model);
  const runs = runsOf(model, shapesOf(model, inputShapes));
  const parameters = model.countParams();
  const costs = FORMS.map((form) => [form, costOf(form, runs)]);
  return {
    parameters,
    parameterBytes: 4 * parameters,
    forms: Object.fromEntries(costs),
    training: trainingMemory(model, runs),
    heldBytes: heldBytes(),
  };
}

/** Returns the shape of each input; throws if their number is wrong. */
function shapesOf(
  model: LayersModel,
  inputShapes: number[] | number[][],
): Shape[] {
  assertList("inputShapes", inputShapes);
  const given =
    (Array.isArray(inputShapes[0]) ? inputShapes : [inputShapes]) as number[][];
  if (given.length === model.inputs.length) {
    for (const [i, shape] of given.entries()) {
      assertList(`inputShapes[${i}]`, shape);
      for (const size of shape) assertInteger(`inputShapes[${i}]`, size, 1);
    }
    return given;
  }
  throw new TypeError(
    `inputShapes should have a shape for each of ${
      model.inputNames.join(", ")
    }, got ${given.length}`,
  );
}

function costOf(
  form: ConcreteForm,
  runs: readonly LayerRun[],
): FormCost | null {
  let operations = 0, attentionBytes = 0, attentionPeakBytes = 0;
  for (const run of runs) {
    const cost = attentionCost(run, form);
    if (!cost) return null;
    operations += run.layer.operations(run.shape) + cost.operations;
    attentionBytes += cost.bytes;
    attentionPeakBytes = Math.max(attentionPeakBytes, cost.peakBytes);
  }
  return { operations, attentionBytes, attentionPeakBytes };
}
