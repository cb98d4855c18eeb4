/** The models of the family beside their papers' recurrences in float64. @module */
import fc from "fast-check";
import { spoilPadding } from "../attention/cases.ts";
import { type Input, outputAndGradients } from "../comparison.ts";
import { problemOf, TOLERANCE } from "../family/cases.ts";
import { MODELS } from "../family/models.ts";
import { solveRecurrence } from "../family/recurrence.ts";
import { uniform } from "../random.ts";
import {
  bounded,
  chunkSizes,
  columns,
  compared,
  given,
  keptOf,
  lengths,
  paddings,
  seeds,
  segmentations,
  segmentNumbers,
  STEPS,
  tokenTensors,
  upTo,
  WORK,
} from "./draw.ts";
import type { Target } from "./target.ts";

const all = fc.constantFrom(...MODELS).chain((model) =>
  fc.record({
    model: fc.constant(model.name),
    batch: upTo(2),
    heads: upTo(3),
    length: lengths(),
    headDim: columns,
    valueDim: columns,
    form: fc.constantFrom(...model.forms),
    chunkSize: chunkSizes,
    causal: fc.boolean(),
    padding: paddings,
    segments: segmentations,
    values: seeds,
  }, { noNullPrototype: true })
);

type FamilyCase = typeof all extends fc.Arbitrary<infer T> ? T : never;

/** Inputs whose padding is read: a state passes it by paying its decays. */
const READ_IN_PADDING = ["logDecay", "forget", "phase"];

/** The target. */
export const family: Target<FamilyCase> = {
  name: "family",
  kind: "operations",
  share: 2,
  cases: (backend) =>
    all.map((tried) => {
      const c = bounded(
        tried,
        ["batch", "heads", "headDim", "valueDim"],
        ({ batch, heads, length, headDim, valueDim }) =>
          200 * batch * heads * length * headDim * (valueDim + 1),
        WORK,
      );
      const most = STEPS[backend];
      if (c.length <= most) return c;
      const form = c.form === "recurrent" ? "chunkwise" as const : c.form;
      const chunkSize = c.chunkSize &&
        Math.min(128, Math.max(c.chunkSize, Math.ceil(c.length / most)));
      return { ...c, form, chunkSize };
    }),
  async run(c) {
    const { batch, heads, length, valueDim } = c;
    const model = MODELS.find(({ name }) => name === c.model)!;
    const random = uniform(c.values);
    const mask = c.padding && keptOf(c.padding, c, random);
    const segments = c.segments && segmentNumbers(c.segments, c, random);
    const problem = {
      ...problemOf(model, { ...c, padded: false, packed: false }, random),
      ...given({ mask, segments }),
    };
    const inputs = Object.fromEntries(
      Object.entries(problem.inputs).map(([name, values]): [string, Input] => {
        const axes = model.inputs[name]!;
        const isSpoiled = axes.length === 4 && !READ_IN_PADDING.includes(name);
        if (mask && isSpoiled) spoilPadding(values, mask, c);
        return [name, { values, shape: axes.map((axis) => problem[axis]) }];
      }),
    );
    if (mask) spoilPadding(problem.dy, mask, c);
    const { form, chunkSize, causal } = c;
    const others = tokenTensors(c, { mask, segments }, random);
    const actual = await outputAndGradients(
      inputs,
      { values: problem.dy, shape: [batch, heads, length, valueDim] },
      others,
      (tensors) =>
        model.run(tensors, {
          ...{ form, causal },
          ...given({ chunkSize, ...others }),
        }),
    );
    const expected = solveRecurrence(model, problem);
    return compared(problem, actual, expected, TOLERANCE);
  },
};
