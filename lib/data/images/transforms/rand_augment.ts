/** RandAugment: some operations, drawn at random. @module */
import { shown } from "@lionjs/base";
import { below, normal, type Random } from "../../batches/random.ts";
import {
  GREATEST_MAGNITUDE,
  MEAN_COLOUR,
  operate,
  OPERATION_NAMES,
} from "../operations/apply_operation.ts";
import type { Interpolation } from "../pictures/filters.ts";
import type { Picture } from "../pictures/picture.ts";
import type { RandAugmentStep } from "./transform.ts";

/** Draws operations and does them, as timm's `RandAugment`. */
export function randAugmented(
  picture: Picture,
  step: RandAugmentStep,
  random: Random,
): Picture {
  let result = picture;
  for (let i = 0; i < step.count; i++) {
    const name = OPERATION_NAMES[below(OPERATION_NAMES.length, random)]!;
    if (random() >= step.probability) continue;
    const drawn = step.magnitude + step.deviation * normal(random);
    const magnitude = Math.min(GREATEST_MAGNITUDE, Math.max(0, drawn));
    const sign = random() < 0.5 ? 1 : -1;
    result = operate(result, name, sign * magnitude, step);
  }
  return result;
}

/**
 * The format of the value of each of timm's words: the mean and the deviation
 * of the magnitudes, the number of operations, and which ones they are.
 */
const VALUES = {
  m: /^(\d|10)$/,
  // A deviation of 100 or more means something else in later versions of timm.
  mstd: /^\d{1,2}(\.\d{1,9})?$/,
  n: /^[1-9]\d?$/,
  inc: /^1$/,
} as const;

/** The step that timm's words ask for. */
export function randAugmentStep(
  text: string,
  interpolation: Interpolation,
): RandAugmentStep {
  if (interpolation === "box") {
    throw new RangeError(
      'interpolation should be "bicubic" or "bilinear" with randAugment, got "box"',
    );
  }
  const { m = GREATEST_MAGNITUDE, mstd = 0, n = 2, inc } = wordsOf(text);
  if (inc === undefined) {
    throw new RangeError(
      `randAugment should have inc1, as in "rand-m9-mstd0.5-inc1", since only increasing operations are supported, got ${
        shown(text)
      }`,
    );
  }
  return {
    step: "randAugment",
    count: n,
    probability: 0.5,
    magnitude: m,
    deviation: mstd,
    interpolation,
    fill: MEAN_COLOUR,
  };
}

function wordsOf(text: string): Partial<Record<keyof typeof VALUES, number>> {
  if (typeof text !== "string") {
    throw new TypeError(
      `randAugment should be a text such as "rand-m9-mstd0.5-inc1", got ${
        shown(text)
      }`,
    );
  }
  const [first, ...words] = text.split("-");
  if (first !== "rand") throw wrongWord(text, first!);
  const values: ReturnType<typeof wordsOf> = {};
  for (const word of words) {
    const [, name = "", value = ""] = /^([a-z]*)(.*)$/s.exec(word)!;
    if (
      !isWord(name) || !VALUES[name].test(value) || values[name] !== undefined
    ) throw wrongWord(text, word);
    values[name] = Number(value);
  }
  return values;
}

function isWord(name: string): name is keyof typeof VALUES {
  return Object.hasOwn(VALUES, name);
}

function wrongWord(text: string, word: string): RangeError {
  return new RangeError(
    `randAugment should be "rand" and, after hyphens and each once, m0 to m10, mstd and a number below 100, n1 to n99, and inc1, got ${
      shown(word)
    } in ${shown(text)}`,
  );
}
