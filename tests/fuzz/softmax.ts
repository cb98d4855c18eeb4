/** softmaxAttention beside float64 loops. @module */
import type * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { softmaxAttention } from "../../mod.ts";
import { spoilPadding } from "../attention/cases.ts";
import { deviations } from "../attention/softmax_cases.ts";
import { outputAndGradients } from "../comparison.ts";
import { array, uniform } from "../random.ts";
import type { SoftmaxProblem } from "../softmax_oracle.ts";
import { TOLERANCE } from "../tolerance.ts";
import {
  bounded,
  columns,
  given,
  judged,
  keptOf,
  lengths,
  paddings,
  seeds,
  segmentations,
  segmentNumbers,
  tokenTensors,
  upTo,
  WORK,
} from "./draw.ts";
import type { Target } from "./target.ts";

const all = fc.record({
  batch: upTo(3),
  heads: upTo(4),
  length: lengths(),
  headDim: columns,
  valueDim: columns,
  kernel: fc.boolean(),
  causal: fc.boolean(),
  scale: fc.constantFrom(null, 0.4, 1),
  padding: paddings,
  segments: segmentations,
  slopes: fc.boolean(),
  values: seeds,
}, { noNullPrototype: true });

type SoftmaxCase = typeof all extends fc.Arbitrary<infer T> ? T : never;

/**
 * What slopes may take from a score: where attention is causal, a float32 error
 * of 6e-8 of it is documented.
 */
const LARGEST_PENALTY = 10;

/** The target. */
export const softmax: Target<SoftmaxCase> = {
  name: "softmax",
  kind: "operations",
  cases: () =>
    all.map((c) =>
      bounded(
        c,
        ["batch", "heads", "headDim", "valueDim"],
        ({ batch, heads, length, headDim, valueDim }) =>
          batch * heads * length ** 2 * (headDim + valueDim) / 4,
        WORK,
      )
    ),
  async run(c, backend) {
    const { batch, heads, length, headDim, valueDim } = c;
    const { kernel, causal, scale } = c;
    const random = uniform(c.values);
    const rows = (columns: number) =>
      array(batch * heads * length * columns, random);
    const [q, k, v, dy] = [headDim, headDim, valueDim, valueDim].map(rows);
    const mask = c.padding && keptOf(c.padding, c, random);
    const segments = c.segments && segmentNumbers(c.segments, c, random);
    if (mask) { for (const x of [q, k, v, dy]) spoilPadding(x!, mask, c); }
    const slopes = c.slopes
      ? Array.from(
        { length: heads },
        () => random() * LARGEST_PENALTY / length,
      )
      : null;
    const problem: SoftmaxProblem = {
      ...{ batch, heads, length, headDim, valueDim, causal },
      ...{ q: q!, k: k!, v: v!, dy: dy! },
      scale: scale ?? 1 / Math.sqrt(headDim),
      ...given({ mask, segments, slopes }),
    };
    const others = tokenTensors(c, { mask, segments }, random);
    const tokens = [batch, heads, length];
    const actual = await outputAndGradients(
      {
        q: { values: q!, shape: [...tokens, headDim] },
        k: { values: k!, shape: [...tokens, headDim] },
        v: { values: v!, shape: [...tokens, valueDim] },
      },
      { values: dy!, shape: [...tokens, valueDim] },
      others,
      ({ q, k, v }) =>
        softmaxAttention(
          q as tf.Tensor4D,
          k as tf.Tensor4D,
          v as tf.Tensor4D,
          { kernel, causal, ...given({ scale, slopes, ...others }) },
        ),
    );
    return judged(deviations(problem, actual), TOLERANCE[backend]);
  },
};
