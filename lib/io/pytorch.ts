/** Weights of PyTorch models, in the layouts of the authors' code. @module */
import {
  assertModel,
  assertOneOf,
  assertOptions,
  optionsOf,
  shown,
} from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { LionLayer, type TorchLayout } from "../layers/lion_layer.ts";
import { fromTorch, layoutOf, patchShape, toTorch } from "./pytorch_layouts.ts";
import {
  copiesOf,
  isBuffer,
  knownName,
  namesAmong,
  type NamesOf,
  namesOf,
  type Source,
  sourceOf,
} from "./pytorch_names.ts";
import { matcher, renamer, type TensorNames } from "./tensor_names.ts";

/** A weight of a model, and how PyTorch stores it. */
interface Weight {
  readonly variable: tf.Variable;
  readonly layout: TorchLayout;
  /** The weight's name in PyTorch; several if PyTorch splits it into equal parts. */
  readonly names: readonly string[];
  /** The shape of each part in PyTorch. */
  readonly shape: number[];
}

function weightsOf(model: LayersModel, whose: Source): Weight[] {
  return model.layers.flatMap((layer) => {
    if (!(layer instanceof LionLayer)) {
      if (layer.weights.length === 0) return [];
      throw new TypeError(
        `model ${model.name} should be made of LION's layers, got ${layer.getClassName()} ${layer.name}`,
      );
    }
    return layer.parameters.map(({ name, shape, layout = "same" }): Weight => {
      const names = namesOf(layer.name, name, whose);
      const columns = shape.at(-1)! / names.length;
      const ours = [...shape.slice(0, -1), columns];
      const theirs = layoutOf(layer.name, layout, whose);
      return {
        variable: layer.parameter(name) as tf.Variable,
        layout: theirs,
        names,
        shape: theirs === "linear"
          ? ours.toReversed()
          : theirs === "patches"
          ? patchShape(layer, ours)
          : ours,
      };
    });
  });
}

/** PyTorch's names of a model's weights, without those that share their values. */
export function pyTorchNames(model: LayersModel, whose: Source): string[] {
  return weightsOf(model, whose).flatMap(({ names }) => names);
}

/** Options of {@linkcode loadPyTorchWeights}. */
export interface LoadPyTorchWeightsOptions {
  /**
   * Weights of the model that the tensors may lack, such as a new head's; they
   * keep their values. `true` allows any. @default none
   */
  allowMissing?: boolean | TensorNames | undefined;
  /**
   * Tensors to skip, such as another model's head. A named tensor is skipped
   * even if the model has a weight of that name; `true` skips all tensors that
   * the model has no weight for. @default none
   */
  ignore?: boolean | TensorNames | undefined;
  /**
   * Renames tensors first: a function of each name, or an object such as
   * `{ roberta: "bert", module: "" }`, which replaces or drops the first part
   * of names. @default unchanged
   */
  rename?:
    | Readonly<Record<string, string>>
    | ((name: string) => string)
    | undefined;
}

const OPTIONS = optionsOf<LoadPyTorchWeightsOptions>()(
  "allowMissing ignore rename",
);

/** The weights and tensors that {@linkcode loadPyTorchWeights} has skipped. */
export interface SkippedWeights {
  /**
   * The model's weights without a tensor, by PyTorch's names; they keep their
   * values.
   */
  readonly missing: string[];
  /** The tensors that were not used, by their original names. */
  readonly unused: string[];
}

/**
 * Loads a PyTorch model's weights into a model: ViT, BERT or GPT-2 in the
 * layouts of LION's authors.
 *
 * State dicts of Hugging Face's BERT, GPT-2 and ViT are accepted unchanged,
 * with or without a head, including old ones (`LayerNorm.gamma`), and those of
 * flash-linear-attention's RWKV-7 by `lionGpt`; list the differences in
 * `allowMissing` and `ignore`. Without options, tensors and weights must match
 * exactly.
 *
 * @example Weights from one model to another
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionViT } from "@lionjs/lion";
 * import { loadPyTorchWeights, toPyTorchWeights } from "@lionjs/lion/io";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const make = () => lionViT({
 *   imageSize: 8, patchSize: 4, channels: 1, dim: 8, depth: 1, numHeads: 2,
 *   numClasses: 3, variant: "s",
 * });
 * const weights = toPyTorchWeights(make());
 * assertEquals(weights.get("blocks.0.attn.qkv.weight")!.shape, [24, 8]);
 * await loadPyTorchWeights(make(), weights);
 * ```
 *
 * @example A language model becomes a classifier with a new head
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionBert } from "@lionjs/lion";
 * import { loadPyTorchWeights, toPyTorchWeights } from "@lionjs/lion/io";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const make = (head: "masked-language-model" | "classification") => lionBert({
 *   vocabularySize: 9, dim: 8, depth: 1, numHeads: 2, variant: "s", head,
 * });
 * const pretrained = toPyTorchWeights(make("masked-language-model"));
 * const classifier = make("classification");
 * const { missing } = await loadPyTorchWeights(classifier, pretrained, {
 *   allowMissing: ["bert.pooler", "classifier"],
 *   ignore: "cls",
 * });
 * assertEquals(missing.length, 4); // two weights, two biases
 * ```
 *
 * @param model A model made by lionViT, lionBert, lionGpt or lionEncoder.
 * @param tensors The PyTorch model's state dict, for instance from
 * readSafetensors; the caller still disposes of it.
 * @param options See {@linkcode LoadPyTorchWeightsOptions}.
 * @returns The weights and tensors that were skipped.
 * @throws {TypeError} If the model, the tensors or an option has the wrong
 * type, or an option is unknown.
 * @throws {RangeError} If a tensor is missing, unexpected or has the wrong
 * shape, or none belongs to the model. The message lists them all, and the
 * model is unchanged.
 */
export async function loadPyTorchWeights(
  model: LayersModel,
  tensors: ReadonlyMap<string, tf.Tensor>,
  options: LoadPyTorchWeightsOptions = {},
): Promise<SkippedWeights> {
  assertOptions("loadPyTorchWeights", options, OPTIONS);
  assertModel("loadPyTorchWeights's model", model);
  if (!(tensors instanceof Map)) {
    throw new TypeError(
      `loadPyTorchWeights's tensors should be a Map, such as readSafetensors gives, got ${
        shown(tensors)
      }`,
    );
  }
  const isAllowed = matcher("allowMissing", options.allowMissing);
  const renamed = renamer(options.rename);
  const whose = namesAmong([...tensors.keys()].map(renamed), model);
  const weights = weightsOf(model, whose);
  const copies = copiesOf(model);
  const originals = new Map(copies);
  const expected = new Map(
    weights.flatMap(({ names, shape }) => names.map((name) => [name, shape])),
  );
  const isKnown = (name: string) => expected.has(name) || originals.has(name);
  const { found, unused, wrong } = named(tensors, isKnown, options);
  for (const [copy, original] of copies) {
    const [a, b] = [found.get(copy), found.get(original)];
    // A file may hold either one of two tensors that share their values.
    if (a && !b) found.set(original, a);
    if (!a || !b || !tf.util.arraysEqual(a.shape, b.shape)) continue;
    const equal = tf.tidy(() => tf.all(tf.equal(a, b)));
    const [same] = await equal.data();
    equal.dispose();
    if (!same) wrong.push(`${copy} should equal ${original}, which it shares`);
  }
  const missing: string[] = [];
  for (const [name, shape] of expected) {
    if (found.has(name)) continue;
    if (isAllowed(name)) missing.push(name);
    else {
      wrong.push(
        `${name} [${shape}] is missing; allowMissing keeps its values`,
      );
    }
  }
  for (const [name, { shape }] of found) {
    const wanted = expected.get(name) ?? expected.get(originals.get(name)!);
    if (!wanted || tf.util.arraysEqual(wanted, shape)) continue;
    wrong.push(`${name} should have shape [${wanted}], got [${shape}]`);
  }
  if (wrong.length === 0 && found.size === 0) {
    wrong.push(
      `none of the ${tensors.size} tensors is the model's; rename can change their names`,
    );
  }
  if (wrong.length > 0) {
    throw new RangeError(
      `the weights do not fit model ${model.name}, which was not changed:\n- ${
        wrong.sort().join("\n- ")
      }`,
    );
  }
  setWeights(weights, found);
  return { missing, unused };
}

/** Sets the weights for which tensors were found; missing parts keep their values. */
function setWeights(
  weights: readonly Weight[],
  found: ReadonlyMap<string, tf.Tensor>,
): void {
  for (const { variable, layout, names, shape } of weights) {
    if (!names.some((name) => found.has(name))) continue;
    tf.tidy(() => {
      const axis = variable.rank - 1;
      const own = tf.split(variable, names.length, axis);
      const parts = names.map((name, i) => {
        const tensor = found.get(name);
        return tensor
          ? fromTorch(tf.cast(tensor, "float32"), layout, shape)
          : own[i]!;
      });
      variable.assign(parts.length === 1 ? parts[0]! : tf.concat(parts, axis));
    });
  }
}

/** Matches tensors with the model's names; returns unused tensors and errors, too. */
function named(
  tensors: ReadonlyMap<string, tf.Tensor>,
  isKnown: (name: string) => boolean,
  { ignore, rename }: LoadPyTorchWeightsOptions,
): { found: Map<string, tf.Tensor>; unused: string[]; wrong: string[] } {
  const renamed = renamer(rename);
  const isIgnored = matcher("ignore", ignore === true ? undefined : ignore);
  const found = new Map<string, tf.Tensor>();
  const origins = new Map<string, string>();
  const unused: string[] = [], wrong: string[] = [];
  for (const [origin, tensor] of tensors) {
    const called = renamed(origin);
    const name = knownName(called, isKnown);
    if (isIgnored(origin) || isIgnored(called) || isIgnored(name)) {
      unused.push(origin);
    } else if (origins.has(name)) {
      wrong.push(`${origin} and ${origins.get(name)} are both ${name}`);
    } else if (isKnown(name)) {
      found.set(name, tensor);
      origins.set(name, origin);
    } else if (ignore === true || isBuffer(name)) unused.push(origin);
    else {
      wrong.push(
        `${origin} [${tensor.shape}] is not the model's; ignore skips it`,
      );
    }
  }
  return { found, unused, wrong };
}

/** Options of {@linkcode toPyTorchWeights}. */
export interface ToPyTorchWeightsOptions {
  /**
   * The origin of the names of a vision transformer's weights: those of LION's
   * authors, which are timm's, or Hugging Face's. Other models' names are the
   * same in both.
   * @default "authors"
   */
  names?: NamesOf | undefined;
}

/**
 * Returns a model's weights with PyTorch's names and layouts, for
 * {@linkcode writeSafetensors}.
 *
 * @example A linear layer is `[outputs, inputs]` in PyTorch
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionViT } from "@lionjs/lion";
 * import { toPyTorchWeights } from "@lionjs/lion/io";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionViT({
 *   imageSize: 8, patchSize: 4, dim: 16, depth: 1, numHeads: 2, numClasses: 3,
 *   variant: "d",
 * });
 * const weights = toPyTorchWeights(model);
 * assertEquals(weights.get("head.weight")!.shape, [3, 16]);
 * tf.dispose([...weights.values()]);
 * ```
 *
 * @param model A model made by lionViT, lionBert, lionGpt or lionEncoder.
 * @param options See {@linkcode ToPyTorchWeightsOptions}.
 * @returns Copies of the weights by name; the caller disposes of them.
 * @throws {TypeError} If an option is unknown, or the model has other layers.
 * @throws {RangeError} If `names` has another value.
 */
export function toPyTorchWeights(
  model: LayersModel,
  options: ToPyTorchWeightsOptions = {},
): Map<string, tf.Tensor> {
  assertOptions("toPyTorchWeights", options, { names: true });
  assertModel("toPyTorchWeights's model", model);
  const { names: asked = "authors" } = options;
  assertOneOf("names", asked, ["authors", "hugging-face"]);
  const whose = sourceOf(model, asked);
  const tensors = new Map<string, tf.Tensor>();
  for (const { variable, layout, names, shape } of weightsOf(model, whose)) {
    const parts = tf.tidy(() =>
      tf.split(variable, names.length, variable.rank - 1).map((part) =>
        tf.clone(toTorch(part, layout, shape))
      )
    );
    names.forEach((name, i) => tensors.set(name, parts[i]!));
  }
  for (const [copy, original] of copiesOf(model)) {
    const tensor = tensors.get(original);
    if (tensor) tensors.set(copy, tf.clone(tensor));
  }
  return tensors;
}
