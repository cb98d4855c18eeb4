/** A call of `train` whose steps are timed one by one. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { crossEntropy, train } from "@lionjs/lion/training";
import { readTensors, whenDone } from "./measure/tensors.ts";
import { stopwatch } from "./measure/timing.ts";

/** How a {@linkcode SteppedTraining} trains. */
export interface SteppedOptions {
  readonly learningRate: number;
  /** As of `train`'s optimizer. */
  readonly epsilon?: number;
  /** As of `train`'s optimizer. */
  readonly clipNorm?: number;
  readonly inputs: (model: LayersModel) => tf.Tensor[];
  readonly labels: readonly number[];
  /** As of `train`. */
  readonly record?: boolean | undefined;
}

/** A call of `train`, which takes a step when it is asked for one. */
export class SteppedTraining {
  readonly #model: LayersModel;
  readonly #options: SteppedOptions;
  readonly #loss = crossEntropy();
  readonly #controller = new AbortController();
  readonly #training: Promise<unknown>;
  /** Resolved when `train` waits for a batch, and when it gets one. */
  #waits = Promise.withResolvers<void>();
  #given = Promise.withResolvers<tf.Tensor[]>();

  constructor(model: LayersModel, options: SteppedOptions) {
    this.#model = model;
    this.#options = options;
    const { learningRate, epsilon, clipNorm, record } = options;
    this.#training = train(model, this.#batches(), {
      ...{ steps: 1e9, loss: this.#loss, progress: false },
      optimizer: {
        learningRate: () => learningRate,
        ...epsilon !== undefined && { epsilon },
        ...clipNorm !== undefined && { clipNorm },
      },
      ...{ signal: this.#controller.signal, record },
    });
  }

  #batches(): Parameters<typeof train>[1] {
    const next = () => this.#next();
    const { labels } = this.#options;
    return {
      stepsPerEpoch: 1e9,
      async *from() {
        for (;;) {
          const inputs = await next();
          const numbers = tf.tensor1d([...labels], "int32");
          yield { inputs, labels: numbers, size: labels.length };
        }
      },
    };
  }

  /** Says that the step before is done, and waits until the next one is asked for. */
  #next(): Promise<tf.Tensor[]> {
    this.#waits.resolve();
    return this.#given.promise;
  }

  /** Takes a step; the milliseconds until `train` asks for the next batch. */
  async step(): Promise<number> {
    await this.#orFailure(this.#waits.promise);
    const inputs = this.#options.inputs(this.#model);
    this.#waits = Promise.withResolvers();
    const { resolve } = this.#given;
    this.#given = Promise.withResolvers();
    return await stopwatch(async () => {
      resolve(inputs);
      await this.#orFailure(this.#waits.promise);
      await whenDone(this.#model.trainableWeights.at(-1)!.read());
    });
  }

  /** The loss with the weights after some steps. */
  async lossAfter(steps: number): Promise<number> {
    for (let i = 0; i < steps; i++) await this.step();
    const [loss] = await readTensors(() => [tf.tidy(() => {
      const inputs = this.#options.inputs(this.#model);
      const logits = this.#model.apply(inputs, { training: true });
      const labels = tf.tensor1d([...this.#options.labels], "int32");
      return this.#loss(logits as tf.Tensor, labels);
    })]);
    return loss![0]!;
  }

  /** Ends the training, and frees the model. */
  async end(): Promise<void> {
    this.#controller.abort();
    await this.#training;
    this.#model.dispose();
  }

  /** Waits for something unless training fails before. */
  async #orFailure(work: Promise<void>): Promise<void> {
    await Promise.race([work, this.#training]);
  }
}
