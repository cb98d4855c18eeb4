/** Schedules of the learning rate. @module */
import { assertFinite, assertOptions, optionsOf } from "@lionjs/base";

/** A learning rate schedule: the learning rate of each step, from 1. */
export type Schedule = (step: number) => number;

/** Options of {@linkcode warmUpCosine} and {@linkcode warmUpLinear}. */
export interface WarmUpOptions {
  /** The highest learning rate. */
  learningRate: number;
  /** Number of steps over which the rate rises linearly. @default 0 */
  warmUpSteps?: number | undefined;
  /** The step at which the rate reaches `final`. */
  steps: number;
  /** The learning rate from the step `steps` on. @default 0 */
  final?: number | undefined;
}

/** Options of {@linkcode warmUpCosine}. */
export type WarmUpCosineOptions = WarmUpOptions;

const OPTIONS = optionsOf<WarmUpOptions>()(
  "learningRate warmUpSteps steps final",
);

/**
 * Makes a learning rate that rises linearly and then falls along half a cosine.
 *
 * Source: Loshchilov and Hutter 2017 (arXiv:1608.03983), without restarts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { warmUpCosine } from "@lionjs/lion/training";
 *
 * const schedule = warmUpCosine({ learningRate: 8, warmUpSteps: 4, steps: 10 });
 * assertEquals([1, 2, 4, 7, 10].map(schedule), [2, 4, 8, 4, 0]);
 * ```
 *
 * @param options See {@linkcode WarmUpCosineOptions}.
 * @returns The schedule.
 * @throws {TypeError} If an option is unknown, or not a number.
 * @throws {RangeError} If a learning rate is negative or not finite, or no
 * steps are left for the fall.
 */
export function warmUpCosine(options: WarmUpCosineOptions): Schedule {
  return warmUpThen(
    "warmUpCosine",
    options,
    (past) => (1 + Math.cos(Math.PI * past)) / 2,
  );
}

/**
 * Makes a learning rate that rises linearly and then falls linearly, like
 * BERT's.
 *
 * Source: Devlin et al. 2019 (arXiv:1810.04805).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { warmUpLinear } from "@lionjs/lion/training";
 *
 * const schedule = warmUpLinear({
 *   learningRate: 8, warmUpSteps: 4, steps: 10, final: 2,
 * });
 * assertEquals([1, 2, 4, 7, 10].map(schedule), [2, 4, 8, 5, 2]);
 * ```
 *
 * @param options See {@linkcode WarmUpOptions}.
 * @returns The schedule.
 * @throws {TypeError} If an option is unknown, or not a number.
 * @throws {RangeError} If a learning rate is negative or not finite, or no
 * steps are left for the fall.
 */
export function warmUpLinear(options: WarmUpOptions): Schedule {
  return warmUpThen("warmUpLinear", options, (past) => 1 - past);
}

/**
 * A schedule that rises, and then falls.
 *
 * @param heightOf Where the rate is between its final value, 0, and its highest,
 * 1, by the share of the fall that is past.
 */
function warmUpThen(
  name: string,
  options: WarmUpOptions,
  heightOf: (past: number) => number,
): Schedule {
  assertOptions(name, options, OPTIONS);
  const { learningRate, warmUpSteps = 0, steps, final = 0 } = options;
  const numbers = { learningRate, warmUpSteps, steps, final };
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value === "number") continue;
    throw new TypeError(`${name} should be a number, got ${typeof value}`);
  }
  for (const [name, value] of Object.entries({ learningRate, final })) {
    if (value >= 0 && value < Infinity) continue;
    throw new RangeError(`${name} should be 0 or more, got ${value}`);
  }
  if (!(warmUpSteps >= 0 && warmUpSteps < steps)) {
    throw new RangeError(
      `warmUpSteps should be in [0, steps = ${steps}), got ${warmUpSteps}`,
    );
  }
  return (step) => {
    assertFinite("step", step);
    if (step <= warmUpSteps) return learningRate * step / warmUpSteps;
    const past = Math.min(1, (step - warmUpSteps) / (steps - warmUpSteps));
    return final + (learningRate - final) * heightOf(past);
  };
}
