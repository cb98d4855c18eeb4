/** deltaAttention beside float64 loops. @module */
import type * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { deltaAttention } from "../../mod.ts";
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
  DELTA_DECAYS,
  deltaProblemOf,
  deltaSolutionOf,
  deltaWork,
} from "./delta_problem.ts";
import type { Target } from "./target.ts";

const all = fc.record({
  batch: upTo(3),
  heads: upTo(3),
  length: lengths(),
  headDim: columns,
  valueDim: columns,
  decay: fc.constantFrom(...DELTA_DECAYS),
  form: fc.constantFrom(...["auto", "recurrent", "chunkwise"] as const),
  kernel: fc.boolean(),
  chunkSize: chunkSizes,
  causal: fc.boolean(),
  scale: fc.constantFrom(null, 0.4, -2),
  padding: paddings,
  segments: segmentations,
  values: seeds,
}, { noNullPrototype: true });

type DeltaCase = typeof all extends fc.Arbitrary<infer T> ? T : never;

/** The target. */
export const delta: Target<DeltaCase> = {
  name: "delta",
  kind: "operations",
  cases: (backend) =>
    all.map((tried) => {
      const c = bounded(
        tried,
        ["batch", "heads", "headDim", "valueDim"],
        deltaWork,
        WORK,
      );
      if (c.kernel && c.form !== "recurrent" && backend !== "cpu") return c;
      // Without a kernel the recurrent form takes a step a token, and the
      // chunkwise one solves a system a chunk.
      const most = STEPS[backend];
      const form = c.length > most && c.form === "recurrent"
        ? "chunkwise"
        : c.form;
      const fewest = Math.ceil(c.length / most);
      const chunkSize = c.chunkSize && Math.max(c.chunkSize, fewest);
      return bounded(
        { ...c, form, chunkSize },
        ["batch", "heads", "length", "chunkSize"],
        ({ batch, heads, length, chunkSize }) =>
          batch * heads * length * Math.min(length, chunkSize ?? 64) ** 2,
        backend === "webgpu" ? 1e6 : 8e6,
      );
    }),
  async run(c, backend) {
    const { problem, inputs, dy, random } = deltaProblemOf(c);
    const { form, kernel, chunkSize, causal, scale } = c;
    const { mask, segments } = problem;
    const others = tokenTensors(c, { mask, segments }, random);
    const actual = await outputAndGradients(
      inputs,
      dy,
      others,
      ({ q, k, v, beta, ...gates }) =>
        deltaAttention(
          q as tf.Tensor4D,
          k as tf.Tensor4D,
          v as tf.Tensor4D,
          beta as tf.Tensor3D,
          {
            decay: decayOf(c.decay, gates),
            ...{ form, kernel, causal },
            ...given({ chunkSize, scale, ...others }),
          },
        ),
    );
    const expected = deltaSolutionOf(c, problem);
    return compared(c, actual, expected, TOLERANCE[backend]);
  },
};
