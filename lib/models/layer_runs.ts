/** The layers of a model, with the shapes of their inputs and outputs. @module */
import { LayersModel, Sequential } from "@tensorflow/tfjs-layers";
import type { ConcreteForm } from "../attention/forms/form.ts";
import type { MixerCost } from "../layers/mixer.ts";
import { isCausal } from "../layers/options/attention_options.ts";
import { isOwnLayer } from "../layers/own_layers.ts";
import { MixingLayer } from "../layers/mixing_layer.ts";
import { firstShape, LionLayer, type Shape } from "../layers/lion_layer.ts";

type AnyLayer = LayersModel["layers"][number];

/** Returns the layer as a model, if it is a nested one. */
function nestedIn(layer: AnyLayer): LayersModel | undefined {
  return "layers" in layer && "inputLayers" in layer
    ? layer as unknown as LayersModel
    : undefined;
}

/** All layers of a model and of the models nested in it, each once. */
export function layersIn(model: LayersModel): AnyLayer[] {
  const found = model.layers.flatMap((layer) => {
    const nested = nestedIn(layer);
    return nested ? layersIn(nested) : [layer];
  });
  return [...new Set(found)];
}

/** A model and all models nested in it. */
function modelsIn(model: LayersModel): LayersModel[] {
  const nested = model.layers.flatMap((layer) => nestedIn(layer) ?? []);
  return [model, ...nested.flatMap(modelsIn)];
}

/** The classes of models whose code is tfjs's own. */
const MODELS: ReadonlySet<unknown> = new Set([LayersModel, Sequential]);

/** Whether a layer's code is that of its class: no method is replaced, and there is no hook. */
function isUnchanged(layer: AnyLayer | LayersModel): boolean {
  const methods: object = Object.getPrototypeOf(layer);
  // LION's models have a compile and a predict of their own, which no run calls.
  const isReplaced = (name: string) =>
    name in methods && name !== "compile" && name !== "predict";
  return !Object.keys(layer).some(isReplaced) && !Object(layer)._callHook;
}

/**
 * Whether all layers of a model are the library's as they are, with its mixers
 * and decays: then its output depends on tensors alone.
 */
export function isOwnModel(model: LayersModel): boolean {
  const isPlain = modelsIn(model).every((model) =>
    MODELS.has(model.constructor) && isUnchanged(model)
  );
  return isPlain && layersIn(model).every((layer) => {
    if (!isOwnLayer(layer) || !isUnchanged(layer)) return false;
    if (!(layer instanceof MixingLayer)) return true;
    const { mixer, decay } = layer.attention;
    return mixer === undefined && decay === undefined;
  });
}

/** A run of a LION layer, and the shapes of its first input and output. */
export interface LayerRun {
  readonly layer: LionLayer;
  readonly shape: Shape;
  readonly outputShape: Shape;
}

/**
 * All runs of LION layers in a model and its nested models, with the shapes of their
 * inputs: a layer whose weights are shared runs several times.
 */
export function runsOf(
  model: LayersModel,
  inputShapes: readonly Shape[],
): LayerRun[] {
  // A tf.Sequential has its graph only once it is built, which `predict` would do.
  if (!model.inputLayers?.length) model.build(inputShapes as Shape[]);
  const runs: LayerRun[] = [];
  const outputs = new Map<string, Shape | Shape[]>();
  model.inputLayers.forEach((layer, i) =>
    outputs.set(nodeName(layer, 0), inputShapes[i]!)
  );
  const visit = (layer: AnyLayer, node: number): Shape | Shape[] => {
    const name = nodeName(layer, node);
    const known = outputs.get(name);
    if (known) return known;
    const { inboundLayers, nodeIndices, tensorIndices } = layer
      .inboundNodes[node]!;
    const from = inboundLayers.map((source, i) => {
      const shape = visit(source, nodeIndices[i]!);
      return Array.isArray(shape[0])
        ? (shape as Shape[])[tensorIndices[i]!]!
        : shape as Shape;
    });
    const shapes = from.length === 1 ? from[0]! : from;
    const nested = nestedIn(layer);
    if (nested) runs.push(...runsOf(nested, from));
    const output = layer.computeOutputShape(shapes);
    if (layer instanceof LionLayer) {
      const outputShape = firstShape(output);
      runs.push({ layer, shape: firstShape(shapes), outputShape });
    }
    outputs.set(name, output);
    return output;
  };
  for (const layer of model.layers) {
    nodesIn(model, layer).forEach((node) => visit(layer, node));
  }
  return runs;
}

/** The name of one of the nodes that a layer has, one each time that it was applied. */
function nodeName({ name }: AnyLayer, node: number): string {
  return `${name}_ib-${node}`;
}

/**
 * The nodes of a layer that a model runs, by their indices: a layer also has nodes of
 * other models, and of the inside of a nested model.
 */
export function nodesIn(model: LayersModel, layer: AnyLayer): number[] {
  return layer.inboundNodes.flatMap((_, node) =>
    model.containerNodes.has(nodeName(layer, node)) ? [node] : []
  );
}

const NOTHING: MixerCost = { operations: 0, bytes: 0, peakBytes: 0 };

/**
 * The cost of a layer's attention in a form; `null` if the form does not fit
 * the backend.
 */
export function attentionCost(
  { layer, shape }: LayerRun,
  form: ConcreteForm,
): MixerCost | null {
  if (!(layer instanceof MixingLayer)) return NOTHING;
  const { chunkSize, segments = false } = layer.attention;
  const causal = isCausal(layer.attention);
  try {
    const call = { form, chunkSize, segments, causal };
    return layer.mixer.cost?.(shape, call) ?? NOTHING;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
