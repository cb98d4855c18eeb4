/** A check that a model fits its config. @module */
import { shown } from "@lionjs/base";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { MixingLayer } from "../../layers/mixing_layer.ts";
import { nodesIn } from "../../models/layer_runs.ts";
import { type LionModel, makeModel } from "./lion_config.ts";

/** Fields of layers that change no outputs, or that only training reads. */
const FREE = [
  ...["name", "trainable", "seed", "dtype", "batchInputShape", "form"],
  ...["chunkSize", "dropout", "dropPath", "embeddingStd", "inputShape"],
  "gradientCheckpointing",
];

/** The most blocks of the model that is made for the comparison. */
const BLOCKS = 2;

/**
 * Throws unless a model is what a function of this library makes with these
 * options: it is compared, layer by layer, with one that has at most two blocks.
 */
export function assertSameModel(
  own: LionModel,
  model: LayersModel,
  owner = "savePretrained",
): void {
  const { depth } = own.options;
  const fail = (what: string, wanted: unknown, got: unknown) => {
    throw new RangeError(
      `${owner}'s config should be that of model ${
        Object(model).name
      }: it says ${what} ${shown(wanted)}, the model has ${shown(got)}`,
    );
  };
  const blocks = model.layers
    .filter((layer) => layer instanceof MixingLayer).length;
  if (blocks !== depth) fail("depth", depth, blocks);
  const twin = makeModel({
    ...own,
    options: { ...own.options, depth: Math.min(depth, BLOCKS) },
  } as LionModel);
  try {
    if (twin.name.replace(/_\d+$/, "") !== model.name.replace(/_\d+$/, "")) {
      fail("a model", twin.name, model.name);
    }
    const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
    for (const layer of twin.layers) {
      const theirs = byName.get(layer.name);
      if (!theirs) {
        // Names of layers without parameters are numbered by tfjs.
        if (layer.weights.length === 0) continue;
        return fail("a layer", layer.name, "none of this name");
      }
      const wanted = fieldsOf(twin, layer), got = fieldsOf(model, theirs);
      for (const name of new Set([...wanted.keys(), ...got.keys()])) {
        const [one, other] = [wanted.get(name), got.get(name)];
        if (one === other) continue;
        fail(`${layer.name}'s ${name}`, parse(one), parse(other));
      }
    }
  } finally {
    twin.dispose();
  }
}

/**
 * The fields that determine a layer's computation in a model: its options, the shapes
 * of its weights, and how often it runs.
 */
function fieldsOf(
  model: LayersModel,
  layer: LayersModel["layers"][number],
): Map<string, string> {
  const entries = Object.entries(layer.getConfig())
    .filter(([name, value]) => !FREE.includes(name) && value !== undefined);
  const shapes = layer.weights.map(({ shape }) => shape);
  return new Map(
    [
      ...entries,
      ["shapes of weights", shapes] as const,
      ["repeats", nodesIn(model, layer).length] as const,
    ]
      .map(([name, value]) => [name, JSON.stringify(value)]),
  );
}

function parse(text: string | undefined): unknown {
  return text === undefined ? "none" : JSON.parse(text);
}
