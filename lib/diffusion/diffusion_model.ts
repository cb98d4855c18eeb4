/** What a model of masked diffusion says of the tokens at some places. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { assertModel, shown } from "@lionjs/base";
import { padTokens } from "@lionjs/data/text";
import { AppliedModel } from "../training/model_output.ts";

/**
 * A model for masked diffusion: one with the inputs `ids` and `mask`, each
 * `[batch, length]`, or with `ids` alone, and an output of logits
 * `[batch, length, vocabulary]`; or a function from ids to such logits, which runs
 * in `tf.tidy`. Rows of different lengths are padded for a model with a mask, and
 * read apart from each other by all others.
 */
export type DiffusionModel = LayersModel | ((ids: tf.Tensor2D) => tf.Tensor3D);

/** A row of tokens, and the places whose logits are wanted. */
export interface Question {
  readonly ids: ArrayLike<number>;
  readonly places: readonly number[];
}

/** Asks a model for logits. */
export interface Predictor {
  /** How often the model has been called. */
  readonly calls: number;
  /**
   * The logits of each row's places, one after another, `[places, vocabulary]`.
   * Rows without places are not read.
   */
  logits(questions: readonly Question[]): Promise<Float32Array[]>;
  dispose(): void;
}

/** Asks a model that reads whole rows. */
export class RowPredictor implements Predictor {
  calls = 0;
  readonly #hasMask: boolean;
  readonly #applied: AppliedModel | undefined;
  readonly #apply: (inputs: readonly tf.Tensor[]) => tf.Tensor;

  /**
   * @param owner The function that asks, for messages.
   * @throws {TypeError} If the model is none.
   */
  constructor(readonly owner: string, model: DiffusionModel) {
    if (typeof model === "function") {
      this.#hasMask = false;
      this.#apply = ([ids]) => model(ids as tf.Tensor2D);
      return;
    }
    assertModel(`${owner}'s model`, model);
    const { inputs, outputs, name } = model;
    if (
      inputs.length > 2 || outputs.length > 1 || outputs[0]!.shape.length !== 3
    ) {
      throw new TypeError(
        `${owner}'s model should have the inputs ids and mask, and logits [batch, length, vocabulary], as lionEncoder({ output: "tokens" }) or lionBert({ tokenTypes: 0 }), got ${name} with ${inputs.length} inputs and an output of shape [${
          outputs[0]!.shape
        }]`,
      );
    }
    this.#hasMask = inputs.length === 2;
    const applied = new AppliedModel(model);
    this.#applied = applied;
    this.#apply = (inputs) => applied.outputOf(inputs);
  }

  async logits(questions: readonly Question[]): Promise<Float32Array[]> {
    const answers: Float32Array[] = questions.map(() => new Float32Array(0));
    for (const rows of this.#batches(questions)) {
      const values = await this.#read(rows.map((row) => questions[row]!));
      rows.forEach((row, i) => answers[row] = values[i]!);
    }
    return answers;
  }

  /** The rows that are read together, those of one length unless there is a mask. */
  #batches(questions: readonly Question[]): number[][] {
    const batches = new Map<number, number[]>();
    questions.forEach(({ ids, places }, row) => {
      if (places.length === 0) return;
      const kind = this.#hasMask ? 0 : ids.length;
      batches.set(kind, [...batches.get(kind) ?? [], row]);
    });
    return [...batches.values()];
  }

  async #read(questions: readonly Question[]): Promise<Float32Array[]> {
    this.calls++;
    const chosen = tf.tidy(() => {
      const { ids, mask } = padTokens(questions.map(({ ids }) => ids));
      const logits = this.#apply(this.#hasMask ? [ids, mask] : [ids]);
      const [rows, length] = ids.shape;
      this.#assertLogits(logits, rows, length);
      return logitsAt(logits, questions.map(({ places }) => places));
    });
    const places = questions.map(({ places }) => places.length);
    return await answersOf(this.owner, chosen, places);
  }

  #assertLogits(logits: tf.Tensor, rows: number, length: number): void {
    const { shape }: { shape?: readonly number[] } = Object(logits);
    if (
      logits instanceof tf.Tensor && shape?.length === 3 &&
      shape[0] === rows && shape[1] === length
    ) return;
    throw new TypeError(
      `${this.owner}'s model should return logits of shape [${rows}, ${length}, vocabulary] for these ids, got ${
        shown(logits)
      }`,
    );
  }

  dispose(): void {
    this.#applied?.dispose();
  }
}

/** The logits of some places of each row, `[places of all rows, vocabulary]`. */
export function logitsAt(
  logits: tf.Tensor,
  places: readonly (readonly number[])[],
): tf.Tensor2D {
  const [rows, length, vocabulary] = logits.shape as [number, number, number];
  const all = places.flatMap((own, row) =>
    own.map((place) => row * length + place)
  );
  return tf.gather(
    tf.reshape(logits, [rows * length, vocabulary]),
    tf.tensor1d(all, "int32"),
  );
}

/** The values of logits, by rows that have so many places each; disposes of the logits. */
export async function answersOf(
  owner: string,
  logits: tf.Tensor2D,
  places: readonly number[],
): Promise<Float32Array[]> {
  const values = await logits.data<"float32">()
    .finally(() => logits.dispose());
  const vocabulary = logits.shape[1];
  let first = 0;
  return places.map((count) => {
    const own = values.subarray(first, first += count * vocabulary);
    assertNumbers(owner, own, vocabulary);
    return own;
  });
}

/** Throws unless logits are numbers, of which -Infinity rules a token out. */
function assertNumbers(
  owner: string,
  logits: Float32Array,
  vocabulary: number,
): void {
  const wrong = logits.findIndex((x) => Number.isNaN(x) || x === Infinity);
  if (wrong < 0) return;
  throw new RangeError(
    `${owner}'s model should return logits that are numbers, got ${
      logits[wrong]
    } for token ${
      wrong % vocabulary
    }; a training that diverged leaves such weights`,
  );
}

/**
 * The logarithms of the probabilities of tokens at a place, from its logits, in
 * float64; that of the mask, which stands for no token, is -Infinity.
 */
export function logProbabilities(
  logits: Float32Array,
  maskToken: number,
): Float64Array {
  const values = Float64Array.from(logits);
  if (maskToken < values.length) values[maskToken] = -Infinity;
  const highest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = values.reduce((sum, x) => sum + Math.exp(x - highest), 0);
  const logSum = highest + Math.log(sum);
  return values.map((x) => x - logSum);
}
