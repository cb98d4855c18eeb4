/** What language models are asked of hidden tokens. @module */
import type { Batch } from "@lionjs/lion/data";
import {
  accuracy,
  crossEntropy,
  evaluate,
  perplexity,
} from "@lionjs/lion/training";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { Figures } from "./recipe.ts";

/** Shares of the tokens that are hidden, in training and otherwise. */
export const TRAINING_RATE = 0.3, HELD_RATE = 0.15;

/** Sequences of a length, with hidden tokens. */
export interface HiddenTokens {
  readonly length: number;
  readonly batches: AsyncIterable<Batch>;
  /** Who reads them in the trained model's place, and what is said of it. */
  readonly other?: { readonly model: LayersModel; readonly name: string };
}

/** Accuracy and perplexity at hidden tokens, by the length of sequences. */
export async function hiddenFigures(
  model: LayersModel,
  ofLengths: readonly HiddenTokens[],
): Promise<Figures> {
  const figures: Figures = {};
  for (const { length, batches, other } of ofLengths) {
    const { loss, ...means } = await evaluate(other?.model ?? model, batches, {
      loss: crossEntropy(),
      metrics: { accuracy: accuracy() },
    });
    const all = { ...means, perplexity: perplexity(loss!) };
    Object.assign(figures, figuresAt(length, all, other?.name));
  }
  return figures;
}

/** Figures with the length of sequences in their names, and what else is said of them. */
export function figuresAt(
  length: number,
  figures: Figures,
  note?: string,
): Figures {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [
      `${name} at ${length}${note === undefined ? "" : `, ${note}`}`,
      value,
    ]),
  );
}
