/** lionAttention, all of its options, beside float64 loops. @module */
import type * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { lionAttention } from "../../mod.ts";
import { outputAndGradients } from "../comparison.ts";
import { TOLERANCE } from "../tolerance.ts";
import {
  bounded,
  chunkSizes,
  columns,
  compared,
  given,
  lengths,
  paddings,
  seeds,
  segmentations,
  STEPS,
  tokenTensors,
  upTo,
  WORK,
} from "./draw.ts";
import {
  decayOf,
  DECAYS,
  isOfChannels,
  problemOf,
  solutionOf,
  work,
} from "./lion_problem.ts";
import type { Target } from "./target.ts";

const all = fc.record({
  batch: upTo(3),
  heads: upTo(4),
  length: lengths(),
  headDim: columns,
  valueDim: columns,
  decay: fc.constantFrom(...DECAYS),
  form: fc.constantFrom(
    ...["auto", "full", "recurrent", "blockwise", "chunkwise"] as const,
  ),
  kernel: fc.boolean(),
  chunkSize: chunkSizes,
  causal: fc.boolean(),
  normalize: fc.boolean(),
  epsilon: fc.constantFrom(null, 0, 0.5),
  scale: fc.constantFrom(null, 0.4, 2),
  padding: paddings,
  segments: segmentations,
  sharedKeys: fc.boolean(),
  sharedDecay: fc.boolean(),
  integers: fc.integer({ min: 0, max: 5 }).map((n) => n === 5),
  values: seeds,
}, { noNullPrototype: true });

/** A case. */
export type LionCase = typeof all extends fc.Arbitrary<infer T> ? T : never;

/** The target. */
export const lion: Target<LionCase> = {
  name: "lion",
  kind: "operations",
  share: 4,
  cases: (backend) =>
    all.map((tried) => {
      const c = bounded(
        tried,
        ["batch", "heads", "headDim", "valueDim"],
        work,
        // Some are large enough for wide heads in many chunks.
        tried.values % 16 === 0 ? 4 * WORK : WORK,
      );
      // Of channels only the chunkwise form has a kernel, and cpu has none.
      const isPlain = !c.kernel || backend === "cpu" || isOfChannels(c.decay);
      const most = STEPS[backend];
      if (!isPlain || c.length <= most) return c;
      const form = c.form === "recurrent" ? "chunkwise" : c.form;
      const fewest = Math.ceil(c.length / most);
      const chunkSize = c.chunkSize && Math.max(c.chunkSize, fewest);
      return { ...c, form, chunkSize };
    }),
  async run(c, backend) {
    const { problem, inputs, random } = problemOf(c);
    const { batch, heads, length, valueDim, mask, segments } = problem;
    const { form, kernel, chunkSize, causal, normalize, epsilon, scale } = c;
    const others = tokenTensors(c, { mask, segments }, random);
    const actual = await outputAndGradients(
      inputs,
      { values: problem.dy, shape: [batch, heads, length, valueDim] },
      others,
      ({ q, k, v, ...decays }) =>
        lionAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, {
          decay: decayOf(c.decay, decays),
          ...{ form, kernel, causal, normalize },
          ...given({ chunkSize, epsilon, scale, ...others }),
        }),
    );
    const expected = solutionOf({ problem, inputs });
    return compared(c, actual, expected, TOLERANCE[backend]);
  },
};
