/** A model that classifies an example or learns from it. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { Adam, type AdamOptions, crossEntropy } from "@lionjs/lion/training";
import { readTensors } from "./measure/tensors.ts";
import { difference } from "./measure/timing.ts";

/** What a model does. */
export const WORKS = ["inference", "training"] as const;
/** One of {@linkcode WORKS}. */
export type Work = typeof WORKS[number];

/** Results by what they are. */
export type Answer = ReadonlyMap<string, ArrayLike<number>>;

/** The model, the example, and an optimizer. */
export class Subject {
  readonly #model: LayersModel;
  readonly #inputs: tf.Tensor[];
  readonly #labels: tf.Tensor1D;
  readonly #loss = crossEntropy();
  readonly #optimizer: tf.Optimizer;

  /** Takes the model, and makes inputs of its own, whose classes are `labels`. */
  constructor(
    model: LayersModel,
    inputs: () => tf.Tensor[],
    labels: readonly number[] = [3],
    optimizer: AdamOptions | tf.Optimizer = { learningRate: 1e-4 },
  ) {
    this.#model = model;
    this.#inputs = inputs();
    this.#labels = tf.tensor1d([...labels], "int32");
    this.#optimizer = optimizer instanceof tf.Optimizer
      ? optimizer
      : new Adam(optimizer);
  }

  /** Does the work once: the logits, or the loss before the step. */
  run(work: Work): tf.Tensor[] {
    return work === "inference"
      ? [this.#model.predict(this.#inputs) as tf.Tensor]
      : [this.#optimizer.minimize(this.#lossOf, true, this.#weights)!];
  }

  /** Takes a step of training; the loss before it. */
  async step(): Promise<number> {
    return (await readTensors(() => this.run("training")))[0]![0]!;
  }

  /** The loss with the weights as they are. */
  async loss(): Promise<number> {
    return (await readTensors(() => [tf.tidy(this.#lossOf)]))[0]![0]!;
  }

  /**
   * The logits; or the loss, its gradient in each parameter, and the loss after
   * a step of training.
   */
  async answer(work: Work): Promise<Answer> {
    if (work === "inference") {
      return new Map([[
        "logits",
        (await readTensors(() => this.run(work)))[0]!,
      ]]);
    }
    const weights = this.#weights;
    const { value, grads } = this.#optimizer.computeGradients(
      this.#lossOf,
      weights,
    );
    this.#optimizer.applyGradients(grads);
    const gradients = weights.map(({ name }) => grads[name]!);
    const [loss, ...values] = await readTensors(() => [value, ...gradients]);
    const after = await this.loss();
    return new Map<string, ArrayLike<number>>([
      ["loss", loss!],
      ...values.map((numbers, i): [string, Float32Array] => [
        `gradient of ${this.#model.trainableWeights[i]!.originalName}`,
        numbers,
      ]),
      ["loss after a step", [after]],
    ]);
  }

  /** Frees all of it. */
  dispose(): void {
    this.release();
    this.#model.dispose();
  }

  /** Frees all but the model. */
  release(): void {
    tf.dispose(this.#inputs);
    this.#labels.dispose();
    this.#optimizer.dispose();
  }

  readonly #lossOf = (): tf.Scalar => {
    const options = { training: true };
    const logits = this.#model.apply(this.#inputs, options) as tf.Tensor;
    return this.#loss(logits, this.#labels);
  };

  get #weights(): tf.Variable[] {
    return this.#model.trainableWeights.map((weight) =>
      weight.read() as tf.Variable
    );
  }
}

/** The losses of some steps of training, each of which depends on the gradients before it. */
export async function lossesOf(
  step: () => Promise<number>,
  steps: number,
): Promise<number[]> {
  const losses: number[] = [];
  while (losses.length < steps) losses.push(await step());
  return losses;
}

/**
 * What is wrong with an answer that should agree with another, each result to a
 * share of its own largest number; `null` if nothing is.
 */
export function disagreement(
  got: Answer,
  wanted: Answer,
  tolerance: number,
): string | null {
  for (const [what, numbers] of wanted) {
    const wrong = difference(what, [[got.get(what)!, numbers]], tolerance);
    if (wrong) return wrong;
  }
  return null;
}
