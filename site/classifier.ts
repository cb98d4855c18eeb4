/** The classifier with its trained weights. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type LayersModel,
  model as modelOf,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";
import { setForm } from "@lionjs/lion";
import { dense, layerNorm } from "@lionjs/lion/operations";
import { MixingLayer } from "@lionjs/lion/layers";
import { collateDigits } from "@lionjs/lion/datasets";
import { loadPyTorchWeights, readSafetensors } from "@lionjs/lion/io";
import type { FormReading, Reading } from "./calls.ts";
import { type Form, FORMS } from "./contenders.ts";
import { fetched } from "./fetched.ts";
import { digitModel } from "./digit_model.ts";
import { measure } from "./timing.ts";

const WEIGHTS = "weights/digits.safetensors";

/** Tokens per chunk, of 49: some chunks, of which the last is not full. */
const CHUNK = 16;

const trainedModel = fetched(WEIGHTS, withWeights);

/** The model with the weights of a safetensors file. */
export async function withWeights(file: Uint8Array): Promise<LayersModel> {
  const { tensors } = await readSafetensors(file);
  const model = digitModel(1);
  await loadPyTorchWeights(model, tensors);
  tf.dispose([...tensors.values()]);
  return model;
}

/** A batch of one picture, as in training. */
export function batchOf(pixels: Uint8Array): tf.Tensor {
  const random = () => 0.5; // moves nothing: pictures are not augmented
  const { inputs, labels } = collateDigits()([{ pixels, label: 0 }], random);
  tf.dispose(labels);
  return inputs[0]!;
}

/** What the model says of a picture in a form, and its decays. */
export async function classify(
  pixels: Uint8Array,
  form: Form,
): Promise<Reading> {
  const model = await trainedModel();
  setForm(model, form, CHUNK);
  const image = batchOf(pixels);
  const probabilities = tf.tidy(() =>
    tf.softmax(model.predict(image) as tf.Tensor)
  );
  const decays = blocksOf(model).map((block) => decaysOf(model, block, image));
  const reading = {
    probabilities: [...await probabilities.data()],
    decays: await Promise.all(
      decays.map((each) => each.array()),
    ) as number[][][],
  };
  tf.dispose([image, probabilities, decays]);
  return reading;
}

/** What the model says of a picture in each form, and what that takes. */
export async function compare(pixels: Uint8Array): Promise<FormReading[]> {
  const model = await trainedModel();
  const image = batchOf(pixels);
  const readings: FormReading[] = [];
  let full: number[] | undefined;
  for (const form of FORMS) {
    setForm(model, form, CHUNK);
    const pass = () => model.predict(image) as tf.Tensor;
    const cost = await measure(pass);
    const output = pass();
    const logits = [...await output.data()];
    output.dispose();
    full ??= logits;
    const scale = Math.max(...full.map(Math.abs));
    const differences = full.map((value, i) => Math.abs(logits[i]! - value));
    readings.push({
      form,
      digit: logits.indexOf(Math.max(...logits)),
      difference: Math.max(...differences) / scale,
      ...cost,
    });
  }
  image.dispose();
  return readings;
}

function blocksOf(model: LayersModel): MixingLayer[] {
  return model.layers.filter((layer) => layer instanceof MixingLayer);
}

/** The decays of a block, `[heads, patches]`. */
function decaysOf(
  model: LayersModel,
  block: MixingLayer,
  image: tf.Tensor,
): tf.Tensor {
  const before = modelOf({
    inputs: model.inputs,
    outputs: block.input as SymbolicTensor,
  });
  const parameter = <T extends tf.Tensor>(name: string) =>
    block.parameter(name) as T;
  return tf.tidy(() => {
    const normal = layerNorm(
      before.predict(image) as tf.Tensor3D,
      parameter<tf.Tensor1D>("norm1.weight"),
      parameter<tf.Tensor1D>("norm1.bias"),
      { epsilon: block.epsilon },
    );
    const logits = dense(
      normal,
      parameter<tf.Tensor2D>("attn.a_i.weight"),
      parameter<tf.Tensor1D>("attn.a_i.bias"),
    );
    return tf.transpose(tf.squeeze(tf.sigmoid(tf.neg(logits)), [0]));
  });
}
