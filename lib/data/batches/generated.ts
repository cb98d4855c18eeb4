import {
  assertFinite,
  assertInteger,
  assertOneOf,
} from "../../contract/values.ts";
import { assertPlace, type Examples } from "./dataset.ts";
import { type Random, seeded } from "./random.ts";

/** A part of the examples, disjoint from the other parts. */
export type Part = "train" | "validation" | "test";

/** Options of every synthetic task. */
export interface GeneratedOptions {
  /** Number of examples. */
  size: number;
  /** Seed of the examples. @default 0 */
  seed?: number | undefined;
  /** The part of the examples to generate. @default "train" */
  part?: Part | undefined;
}

/** Examples that are generated from their index, and not kept. */
export function generated<E>(
  task: string,
  { size, seed = 0, part = "train" }: GeneratedOptions,
  make: (random: Random, part: Part) => E,
): Examples<E> {
  assertInteger("size", size, 1);
  assertFinite("seed", seed);
  assertOneOf("part", part, ["train", "validation", "test"]);
  return {
    size,
    get(index) {
      assertPlace(index, size);
      return make(seeded(task, part, seed, index), part);
    },
  };
}

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
