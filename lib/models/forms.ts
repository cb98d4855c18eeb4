/** Changing and describing the form in which a model attends. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { AttentionForm } from "../attention/lion_attention.ts";
import { type ConcreteForm, FORMS } from "../attention/form.ts";
import { assertForm, planAttention } from "../attention/plan.ts";
import { planSoftmax } from "../attention/softmax_plan.ts";
import { decayNames } from "../layers/attention.ts";
import { LionAttentionLayer } from "../layers/attention_layer.ts";
import { LionBlock } from "../layers/block.ts";
import { firstShape, LionLayer, type Shape } from "../layers/lion_layer.ts";

/** The layers of a model that attend. */
function attendingLayers(
  model: LayersModel,
): (LionBlock | LionAttentionLayer)[] {
  const found = model.layers.filter((layer) =>
    layer instanceof LionBlock || layer instanceof LionAttentionLayer
  );
  if (found.length > 0) return found;
  throw new TypeError(
    `model ${model.name} should have a LION layer, got ${
      model.layers.map((layer) => layer.getClassName()).join(", ")
    }`,
  );
}

/**
 * Changes the form of every layer of a model, trained or not: speed or memory,
 * chosen at run time. The model computes the same.
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
 * @param model With LION layers; layers of the softmax variant stay as they are.
 * @param form See {@linkcode AttentionForm}.
 * @param chunkSize Tokens per chunk; the form's or kernel's choice without it.
 * @throws {TypeError} If the model has no LION layer.
 * @throws {RangeError} If there is no such form, or the chunk size is impossible;
 * no layer is changed then.
 */
export function setForm(
  model: LayersModel,
  form: AttentionForm,
  chunkSize?: number,
): void {
  const layers = attendingLayers(model);
  assertForm(form, chunkSize);
  for (const { attention } of layers) {
    attention.form = form;
    if (chunkSize === undefined) delete attention.chunkSize;
    else attention.chunkSize = chunkSize;
  }
}

/** A model in one form. */
export interface FormCost {
  /** Multiplications and additions of a forward pass. */
  readonly operations: number;
  /** Bytes that attention reads and writes at the least. */
  readonly attentionBytes: number;
  /** Bytes alive at once in the attention of one layer, its inputs and output included. */
  readonly attentionPeakBytes: number;
}

/** What {@linkcode describe} finds. */
export interface ModelDescription {
  /** Values that are learned. */
  readonly parameters: number;
  /** Bytes of them. */
  readonly parameterBytes: number;
  /** The model in each form, on the current backend; `null` for what does not fit it. */
  readonly forms: Readonly<Record<ConcreteForm, FormCost | null>>;
}

/**
 * Counts a model's parameters, and what a forward pass would cost in each form
 * on the current backend. Runs nothing. `console.table(description.forms)`
 * prints it.
 *
 * @example Full attention is quadratic
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { describe, lionEncoder } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 1, dim: 8, depth: 2, numHeads: 2, numClasses: 1, variant: "s",
 * });
 * const { parameters, forms } = describe(model, [[1, 4096, 1], [1, 4096]]);
 * assertEquals(parameters, model.countParams());
 * assert(forms.full!.operations > 10 * forms.chunkwise!.operations);
 * ```
 *
 * @param model With LION layers.
 * @param inputShapes The shape of each input, or of the only one.
 * @returns See {@linkcode ModelDescription}.
 * @throws {TypeError} If the model has no LION layer, or as many inputs as shapes.
 */
export function describe(
  model: LayersModel,
  inputShapes: number[] | number[][],
): ModelDescription {
  const attending = attendingLayers(model);
  const shapes = shapesIn(model, inputShapes);
  let others = 0;
  for (const layer of model.layers) {
    const shape = shapes.get(layer.name)!;
    if (layer instanceof LionLayer) others += layer.operations(shape);
  }
  const parameters = model.countParams();
  const costs = FORMS.map((form) => [
    form,
    costOf(form, attending, shapes, others),
  ]);
  return {
    parameters,
    parameterBytes: 4 * parameters,
    forms: Object.fromEntries(costs),
  };
}

/** The shape of each layer's first input. */
function shapesIn(
  model: LayersModel,
  inputShapes: number[] | number[][],
): Map<string, Shape> {
  const given =
    (Array.isArray(inputShapes[0]) ? inputShapes : [inputShapes]) as number[][];
  if (given.length !== model.inputs.length) {
    throw new TypeError(
      `inputShapes should have a shape for each of ${
        model.inputNames.join(", ")
      }, got ${given.length}`,
    );
  }
  const inputs = new Map<string, Shape>();
  const outputs = new Map<string, Shape | Shape[]>();
  model.inputLayers.forEach((layer, i) => outputs.set(layer.name, given[i]!));
  const visit = (layer: typeof model.layers[number]): Shape | Shape[] => {
    const known = outputs.get(layer.name);
    if (known) return known;
    const { inboundLayers, tensorIndices } = layer.inboundNodes[0]!;
    const from = inboundLayers.map((source, i) => {
      const shape = visit(source);
      return Array.isArray(shape[0])
        ? (shape as Shape[])[tensorIndices[i]!]!
        : shape as Shape;
    });
    const shapes = from.length === 1 ? from[0]! : from;
    inputs.set(layer.name, firstShape(shapes));
    const output = layer.computeOutputShape(shapes);
    outputs.set(layer.name, output);
    return output;
  };
  model.layers.forEach(visit);
  return inputs;
}

function costOf(
  form: ConcreteForm,
  layers: (LionBlock | LionAttentionLayer)[],
  shapes: Map<string, Shape>,
  others: number,
): FormCost | null {
  let operations = others, attentionBytes = 0, attentionPeakBytes = 0;
  for (const { name, attention } of layers) {
    const [batch, length, dim] = shapes.get(name) as [number, number, number];
    const { variant, numHeads, causal = false, normalize = true } = attention;
    const { segments = false } = attention;
    const orders = decayNames(attention).length;
    const headDim = dim / numHeads;
    try {
      const problem = {
        batch,
        heads: numHeads,
        length,
        headDim,
        valueDim: headDim,
        causal,
      };
      // Softmax attention has no forms: it costs the same whatever is asked for.
      const plan = variant === "softmax"
        ? planSoftmax(problem)
        : planAttention({
          ...problem,
          form,
          chunkSize: attention.chunkSize,
          decays: variant === "d" || variant === "s" || segments,
          normalize,
          precision: "f32",
        });
      operations += orders * plan.operations;
      attentionBytes += orders * plan.bytes;
      attentionPeakBytes = Math.max(attentionPeakBytes, plan.peakBytes);
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }
  return { operations, attentionBytes, attentionPeakBytes };
}
