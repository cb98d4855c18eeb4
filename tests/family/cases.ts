/** Problems of the family's models, and how the library solves them. @module */
import * as tf from "@tensorflow/tfjs-core";
import { segmentsOf } from "../attention/cases.ts";
import type { Result } from "../comparison.ts";
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
export async function run(
  model: Model,
  problem: FamilyProblem,
  options: Record<string, unknown>,
): Promise<Result> {
  const { batch, heads, length, valueDim, causal } = problem;
  const names = Object.keys(problem.inputs);
  const tensors = names.map((name) =>
    tf.tensor(
      problem.inputs[name]!,
      model.inputs[name]!.map((axis) => problem[axis]),
    )
  );
  const dy = tf.tensor4d(problem.dy, [batch, heads, length, valueDim]);
  const mask = problem.mask && tf.tensor2d(problem.mask, [batch, length]);
  const segments = problem.segments &&
    tf.tensor2d(problem.segments, [batch, length], "int32");
  const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) =>
    model.run(Object.fromEntries(names.map((name, i) => [name, args[i]])), {
      ...options,
      causal,
      ...mask && { mask },
      ...segments && { segments },
    })
  )(tensors, dy);
  const [y, ...gradients] = await Promise.all(
    [value, ...grads].map((x) => x.data() as Promise<Float32Array>),
  );
  tf.dispose([...tensors, dy, value, ...grads]);
  mask?.dispose();
  segments?.dispose();
  return {
    y: y!,
    gradients: Object.fromEntries(names.map((n, i) => [n, gradients[i]!])),
  };
}
