/** Problems of the family's models, and how the library solves them. @module */
import { segmentsOf } from "../attention/cases.ts";
import {
  outputAndGradients,
  type Result,
  shaped,
  tokenOptions,
} from "../comparison.ts";
import { array, uniform } from "../random.ts";
import type { Model } from "./models.ts";
import type { FamilyProblem, Sizes } from "./recurrence.ts";

/** Largest errors, as `differences` has them. */
export const TOLERANCE = { forward: 2e-6, gradient: 5e-5 };

/** What varies from case to case. */
export interface Case extends Sizes {
  readonly causal: boolean;
  readonly padded: boolean;
  readonly packed: boolean;
}

/** Fills a case with seeded numbers; what padding holds is not to be read. */
export function problemOf(
  model: Model,
  c: Case,
  random: () => number = uniform(c.length * 1009 + c.batch * 31 + c.heads),
) {
  const mask = array(c.batch * c.length, random, (u) => u < 0.3 ? 0 : 1);
  const inputs = Object.fromEntries(
    Object.entries(model.inputs).map(([name, axes]) => {
      const size = axes.reduce((size, axis) => size * c[axis], 1);
      const sequences = axes.includes("length") ? c.batch * c.heads : c.heads;
      const columns = c[axes.at(-1)!];
      const x = array(size, random);
      x.forEach((u, i) => {
        const sequence = Math.floor(i / (size / sequences));
        x[i] = model.make[name]!((u + 1) / 2, sequence);
      });
      if (!model.unit?.includes(name)) return [name, x];
      return [
        name,
        x.map((value, i) => {
          const start = i - i % columns;
          return value / Math.hypot(...x.subarray(start, start + columns));
        }),
      ];
    }),
  );
  const dy = array(c.batch * c.heads * c.length * c.valueDim, random);
  const logarithms = Object.fromEntries(
    (model.logarithmic ?? []).map((name) => [name, inputs[name]!]),
  );
  const segments = segmentsOf(c, random);
  return {
    ...c,
    inputs,
    logarithms,
    dy,
    ...c.padded ? { mask } : {},
    ...c.packed ? { segments } : {},
  };
}

/** Solves a problem with the library, on the current backend. */
export function run(
  model: Model,
  problem: FamilyProblem,
  options: Record<string, unknown>,
): Promise<Result> {
  const { batch, heads, length, valueDim, causal, inputs, dy } = problem;
  const tokens = tokenOptions(problem);
  return outputAndGradients(
    shaped(inputs, (name) => model.inputs[name]!.map((axis) => problem[axis])),
    { values: dy, shape: [batch, heads, length, valueDim] },
    tokens,
    (tensors) => model.run(tensors, { ...options, causal, ...tokens }),
  );
}
