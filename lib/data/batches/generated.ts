import { assertFinite, assertInteger, assertOneOf } from "@lionjs/base";
import { assertPlace, type Examples } from "./dataset.ts";
import { type Random, seeded } from "./random.ts";

/** A part of the examples; parts are disjoint. */
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

/** A dataset whose examples are generated from their index each time. */
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
