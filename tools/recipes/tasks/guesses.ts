/** What guesses reach that know less of an example than a model does. @module */
import {
  type ClassifiedTokens,
  type Examples,
  IGNORE_INDEX,
  type LabelledTokens,
} from "@lionjs/lion/data";

/** Iterates over all examples of a dataset. */
export function* examplesOf<E>(dataset: Examples<E>): Generator<E> {
  for (let i = 0; i < dataset.size; i++) yield dataset.get(i);
}

/**
 * The accuracy of the best guess that knows only `given` of an example: it
 * guesses the most frequent label among examples with the same value.
 */
export function bestGuess<E extends { label: number }>(
  examples: Iterable<E>,
  given: (example: E) => number = () => 0,
): number {
  const counts = new Map<number, Map<number, number>>();
  let size = 0;
  for (const example of examples) {
    const group = given(example);
    const labels = counts.get(group) ?? new Map<number, number>();
    counts.set(group, labels);
    labels.set(example.label, (labels.get(example.label) ?? 0) + 1);
    size++;
  }
  let right = 0;
  for (const labels of counts.values()) right += Math.max(...labels.values());
  return right / size;
}

/** The result of {@linkcode listOpsBaselines}. */
export interface ListOpsBaselines {
  /** Accuracy of always guessing the most frequent digit. */
  readonly majority: number;
  /** Accuracy of guessing by the outermost operation alone. */
  readonly rootOperation: number;
}

/**
 * The accuracies of guesses that do not evaluate the lists, on a dataset of
 * ListOps. A model has learned something if it is better than `rootOperation`.
 */
export function listOpsBaselines(
  dataset: Examples<ClassifiedTokens>,
): ListOpsBaselines {
  const examples = [...examplesOf(dataset)];
  return {
    majority: bestGuess(examples),
    rootOperation: bestGuess(examples, ({ ids }) => ids[0]!),
  };
}

/** The result of {@linkcode mqarBaselines}. */
export interface MqarBaselines {
  /** Accuracy of guessing any value of the dataset. */
  readonly anyValue: number;
  /** Accuracy of guessing any value of the sequence. */
  readonly valueOfSequence: number;
}

/** The average accuracies of guesses on a dataset of MQAR. */
export function mqarBaselines(
  dataset: Examples<LabelledTokens>,
): MqarBaselines {
  const all = new Set<number>();
  let questions = 0, right = 0;
  for (const { labels } of examplesOf(dataset)) {
    const values = Array.from(labels).filter((label) => label !== IGNORE_INDEX);
    values.forEach((value) => all.add(value));
    questions += values.length;
    right += values.length / new Set(values).size;
  }
  return { anyValue: 1 / all.size, valueOfSequence: right / questions };
}
