/** Weights of PyTorch models, in the layouts of the authors' code. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { LionLayer, type TorchLayout } from "../layers/lion_layer.ts";

/** One of a model's variables, and what PyTorch makes of it. */
interface Weight {
  readonly variable: tf.Variable;
  readonly layout: TorchLayout;
  /** Its name in PyTorch; several where PyTorch keeps it in parts of equal size. */
  readonly names: readonly string[];
  /** The shape of each part in PyTorch. */
  readonly shape: number[];
}

/** Names inside a BERT layer. */
const BERT: readonly [RegExp, string | readonly string[]][] = [
  [/^norm1\./, "attention.output.LayerNorm."],
  [/^norm2\./, "output.LayerNorm."],
  [
    /^attn\.qkv\./,
    ["query.", "key.", "value."].map((name) => `attention.self.${name}`),
  ],
  [/^attn\.a_i$/, "attention.self.ai"],
  [/^attn\.a_i\./, "attention.self.Wa_i."],
  [/^attn\.norm\./, "attention.self.layer_norm."],
  [/^attn\.proj\./, "attention.output.dense."],
  [/^mlp\.fc1\./, "intermediate.dense."],
  [/^mlp\.fc2\./, "output.dense."],
];

/** Names inside a block of GPT-2. */
const GPT: readonly [RegExp, string][] = [
  [/^norm1\./, "ln_1."],
  [/^norm2\./, "ln_2."],
  [/^attn\.qkv\./, "attn.c_attn."],
  [/^attn\.proj\./, "attn.c_proj."],
  [/^mlp\.fc1\./, "mlp.c_fc."],
  [/^mlp\.fc2\./, "mlp.c_proj."],
];

/** The names in PyTorch of a parameter of a layer. */
function namesOf(layer: string, parameter: string): string[] {
  const rules = layer.startsWith("bert.encoder.layer.")
    ? BERT
    : layer.startsWith("transformer.h.")
    ? GPT
    : [];
  for (const [pattern, replacements] of rules) {
    if (!pattern.test(parameter)) continue;
    return [replacements].flat().map((replacement) =>
      `${layer}.${parameter.replace(pattern, replacement)}`
    );
  }
  if (parameter === "value") return [layer];
  const words = { word_embeddings: "wte", position_embeddings: "wpe" };
  for (const [ours, theirs] of Object.entries(words)) {
    if (layer === "transformer.embeddings" && parameter.startsWith(ours)) {
      return [parameter.replace(ours, `transformer.${theirs}`)];
    }
  }
  return [`${layer}.${parameter}`];
}

/** GPT-2 stores linear maps as we do. */
function layoutOf(layer: string, layout: TorchLayout): TorchLayout {
  return layer.startsWith("transformer.") ? "same" : layout;
}

function weightsOf(model: LayersModel): Weight[] {
  return model.layers.flatMap((layer) => {
    if (!(layer instanceof LionLayer)) {
      if (layer.weights.length === 0) return [];
      throw new TypeError(
        `model ${model.name} should be made of LION's layers, got ${layer.getClassName()} ${layer.name}`,
      );
    }
    return layer.parameters.map(({ name, shape, layout = "same" }): Weight => {
      const names = namesOf(layer.name, name);
      const columns = shape.at(-1)! / names.length;
      const ours = [...shape.slice(0, -1), columns];
      const theirs = layoutOf(layer.name, layout);
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

/** `[outputs, channels, rows, columns]` of a convolution over patches. */
function patchShape(
  layer: LionLayer,
  [inputs, outputs]: number[],
): number[] {
  const { patchSize } = layer.getConfig() as { patchSize: number };
  return [outputs!, inputs! / patchSize ** 2, patchSize, patchSize];
}

/**
 * What PyTorch has besides a model's own parameters: BERT's head shares its
 * table with the embeddings, and its state holds it, and the bias, again.
 */
const COPIES: Readonly<Record<string, string>> = {
  "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
  "cls.predictions.decoder.bias": "cls.predictions.bias",
  "lm_head.weight": "transformer.wte.weight",
};

/** The copies of a model: those of the heads that it has. */
function copiesOf({ layers }: LayersModel): [copy: string, original: string][] {
  return Object.entries(COPIES).filter(([copy]) =>
    layers.some(({ name }) => copy.startsWith(`${name}.`))
  );
}

/** Not parameters: a state of PyTorch's BERT may hold the numbers 0 … maxLength. */
const IGNORED = new Set(["bert.embeddings.position_ids"]);

/**
 * Sets all weights of a model to those of a PyTorch model: ViT, BERT and GPT-2
 * in the layouts of LION's authors.
 *
 * @example Weights travel both ways
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
 * @param model Made by lionViT, lionBert, lionGpt or lionEncoder.
 * @param tensors The PyTorch model's state, such as readSafetensors gives; it
 * stays the caller's.
 * @throws {RangeError} If a tensor is missing, is one too many or has the wrong
 * shape; the message lists them all, and the model is as it was.
 */
export async function loadPyTorchWeights(
  model: LayersModel,
  tensors: ReadonlyMap<string, tf.Tensor>,
): Promise<void> {
  const weights = weightsOf(model);
  const copies = copiesOf(model);
  const wrong = problems(weights, copies, tensors);
  for (const [copy, original] of copies) {
    const [a, b] = [tensors.get(copy), tensors.get(original)];
    if (!a || !b || !tf.util.arraysEqual(a.shape, b.shape)) continue;
    const equal = tf.tidy(() => tf.all(tf.equal(a, b)));
    const [same] = await equal.data();
    equal.dispose();
    if (!same) wrong.push(`${copy} should equal ${original}, which it shares`);
  }
  if (wrong.length > 0) {
    throw new RangeError(
      `the weights do not fit model ${model.name}, which was not changed:\n- ${
        wrong.join("\n- ")
      }`,
    );
  }
  for (const { variable, layout, names, shape } of weights) {
    tf.tidy(() => {
      const parts = names.map((name) =>
        fromTorch(tf.cast(tensors.get(name)!, "float32"), layout, shape)
      );
      const axis = variable.rank - 1;
      variable.assign(parts.length === 1 ? parts[0]! : tf.concat(parts, axis));
    });
  }
}

function problems(
  weights: readonly Weight[],
  copies: readonly [copy: string, original: string][],
  tensors: ReadonlyMap<string, tf.Tensor>,
): string[] {
  const expected = new Map(
    weights.flatMap(({ names, shape }) => names.map((name) => [name, shape])),
  );
  for (const [copy, original] of copies) {
    const shape = expected.get(original);
    if (shape && tensors.has(copy)) expected.set(copy, shape);
  }
  const wrong: string[] = [];
  for (const [name, shape] of expected) {
    const got = tensors.get(name)?.shape;
    if (!got) wrong.push(`${name} [${shape}] is missing`);
    else if (!tf.util.arraysEqual(got, shape)) {
      wrong.push(`${name} should have shape [${shape}], got [${got}]`);
    }
  }
  for (const [name, { shape }] of tensors) {
    if (expected.has(name) || IGNORED.has(name)) continue;
    wrong.push(`${name} [${shape}] is not the model's`);
  }
  return wrong;
}

/**
 * A model's weights as PyTorch would store them, to be written with
 * writeSafetensors.
 *
 * @param model Made by lionViT, lionBert, lionGpt or lionEncoder.
 * @returns Copies by their names; the caller disposes of them.
 */
export function toPyTorchWeights(model: LayersModel): Map<string, tf.Tensor> {
  const tensors = new Map<string, tf.Tensor>();
  for (const { variable, layout, names, shape } of weightsOf(model)) {
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

function fromTorch(
  x: tf.Tensor,
  layout: TorchLayout,
  shape: number[],
): tf.Tensor {
  if (layout === "linear") return tf.transpose(x);
  if (layout === "same") return x;
  return tf.reshape(tf.transpose(x, [2, 3, 1, 0]), [-1, shape[0]!]);
}

function toTorch(
  x: tf.Tensor,
  layout: TorchLayout,
  shape: number[],
): tf.Tensor {
  if (layout === "linear") return tf.transpose(x);
  if (layout === "same") return x;
  const [outputs, channels, rows, columns] = shape as [
    number,
    number,
    number,
    number,
  ];
  return tf.transpose(tf.reshape(x, [rows, columns, channels, outputs]), [
    3,
    2,
    0,
    1,
  ]);
}
