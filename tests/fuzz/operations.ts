/** Operations beside float64 loops: any case of the subjects of tests/subjects. @module */
import fc from "fast-check";
import type { BackendName } from "../../mod.ts";
import { beyond, type Deviation, deviations } from "../comparison.ts";
import type { Differentiated } from "../float64.ts";
import { DELTA, DELTA_DECAYS, deltaWork } from "../subjects/delta.ts";
import {
  bounded,
  chunkSizes,
  columns,
  given,
  lengths,
  paddings,
  seeds,
  segmentations,
  STEPS,
  upTo,
  WORK,
} from "../subjects/draw.ts";
import { FAMILY } from "../subjects/family.ts";
import {
  CHANNELS,
  DECAYS,
  FORMS,
  isOfChannels,
  LION,
  work,
} from "../subjects/lion.ts";
import {
  DELTA_OF_ONE_WAY,
  DELTA_STEP,
  OF_ONE_WAY,
  RECURRENT_STEP,
} from "../subjects/pieces.ts";
import { SCAN } from "../subjects/selective_scan.ts";
import { CONVOLUTION, placed } from "../subjects/short_convolution.ts";
import { SOFTMAX } from "../subjects/softmax.ts";
import {
  READS,
  TRANSITION,
  TRANSITION_DECAYS,
  TRANSITION_STEP,
  transitionWork,
} from "../subjects/transition.ts";
import {
  type AnySubject,
  type Problem,
  resultOf,
  untapedOf,
} from "../subjects/subject.ts";
import { TOLERANCE } from "../tolerance.ts";
import type { AnyTarget, Errors } from "./target.ts";

/**
 * Four roundings to float32. Cases of tests are few, and chosen so that their
 * gradients do not cancel; of any shape and any numbers some do, and no sum of
 * terms is nearer than roundings of the terms.
 */
const ROUNDINGS = 4 * 2 ** -24;

/** The largest errors, if none is beyond the tolerance and beyond these roundings. */
export function compared(
  problem: Pick<Problem, "length" | "logarithms">,
  actual: Parameters<typeof deviations>[1],
  expected: Differentiated,
  tolerance: typeof TOLERANCE["wasm"],
): Errors {
  const share = ROUNDINGS / tolerance.gradient;
  return judged(deviations(problem, actual, expected, share), tolerance);
}

/** The largest errors, if none is beyond the tolerance. */
function judged(
  found: readonly Deviation[],
  tolerance: typeof TOLERANCE["wasm"],
): Errors {
  const lines = beyond(found, tolerance);
  if (lines.length > 0) throw new Error(lines.join("; "));
  return Object.fromEntries(
    found.map(({ name, relative }) => [name, relative]),
  );
}

// deno-lint-ignore no-explicit-any -- only its subject knows a case
type Drawn = any;

/** A target of a subject: of what cases are drawn, and how they stay quick. */
function targetOf(
  name: string,
  subjectOf: (c: Drawn) => AnySubject,
  drawn: fc.Arbitrary<Drawn>,
  quick: (c: Drawn, backend: BackendName) => Drawn,
  share = 1,
): AnyTarget {
  return {
    ...{ name, share, kind: "operations" },
    cases: (backend) => drawn.map((c) => quick(c, backend)),
    async run(c, backend) {
      const subject = subjectOf(c);
      const problem = subject.problemOf(c);
      const { form, kernel, chunkSize = null } = c;
      const way = {
        ...form === undefined ? {} : { form },
        ...kernel === undefined ? {} : { kernel },
        ...given({ chunkSize }),
      };
      const actual = await resultOf(subject, problem, way);
      const expected = subject.solve(problem);
      const tolerance = subject.tolerance ?? TOLERANCE[backend];
      if (subject === SOFTMAX) {
        const found = subject.deviations!(
          problem,
          actual,
          expected,
          backend,
        );
        return judged(found, tolerance);
      }
      if (subject.hasUntaped) {
        const alone = await untapedOf(subject, problem, way);
        compared(problem, alone, { ...expected, gradients: {} }, tolerance);
      }
      return compared(problem, actual, expected, tolerance);
    },
  };
}

const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { noNullPrototype: true });

/** What cases of tokens and heads are drawn from. */
const ROWS = {
  ...{ batch: upTo(3), length: lengths(), padding: paddings, values: seeds },
};
const HEADS = {
  ...{ ...ROWS, heads: upTo(3), headDim: columns, valueDim: columns },
};
const KERNEL = { kernel: fc.boolean(), causal: fc.boolean() };
/** The same case of smaller heads, or of fewer. */
const bounding = (
  c: Drawn,
  work: (c: Drawn) => number,
  most: number = WORK,
): Drawn => bounded(c, ["batch", "heads", "headDim", "valueDim"], work, most);

/** In forms that take few steps, one after the other. */
function inFewSteps(c: Drawn, backend: BackendName): Drawn {
  const most = STEPS[backend];
  if (c.length <= most) return c;
  const form = c.form === "recurrent" ? "chunkwise" : c.form;
  const fewest = Math.ceil(c.length / most);
  const chunkSize = c.chunkSize && Math.max(c.chunkSize, fewest);
  return { ...c, form, chunkSize };
}

/** Pieces as long as drawn ones in turn, and no more than a backend takes its time for. */
function inFewPieces(c: Drawn, most: number): Drawn {
  const fewest = Math.ceil(2 * c.length / most);
  const pieces: number[] = [];
  for (let left = c.length, i = 0; left > 0; i++) {
    const next = Math.max(fewest, c.drawn[i % c.drawn.length]);
    pieces.push(Math.min(left, next));
    left -= next;
  }
  return { ...c, pieces };
}

/** Tokens of the pieces, as often as it takes. */
const drawnPieces = fc.array(upTo(70), { minLength: 1, maxLength: 4 });

const lion = targetOf(
  "lion",
  () => LION,
  record({
    ...{ ...HEADS, ...KERNEL, heads: upTo(4) },
    decay: fc.constantFrom(...DECAYS, ...CHANNELS),
    form: fc.constantFrom("auto", ...FORMS),
    chunkSize: chunkSizes,
    normalize: fc.boolean(),
    epsilon: fc.constantFrom(null, 0, 0.5),
    scale: fc.constantFrom(null, 0.4, 2),
    segments: segmentations,
    ...{ sharedKeys: fc.boolean(), sharedDecay: fc.boolean() },
    integers: fc.integer({ min: 0, max: 5 }).map((n) => n === 5),
  }),
  (tried, backend) => {
    // Some are large enough for wide heads in many chunks.
    const most = tried.values % 16 === 0 ? 4 * WORK : WORK;
    const c = bounding(tried, work, most);
    // Of channels only the chunkwise form has a kernel, and cpu has none.
    const isPlain = !c.kernel || backend === "cpu" || isOfChannels(c.decay);
    return isPlain ? inFewSteps(c, backend) : c;
  },
  4,
);

const softmax = targetOf(
  "softmax",
  () => SOFTMAX,
  record({
    ...{ ...HEADS, ...KERNEL, heads: upTo(4) },
    scale: fc.constantFrom(null, 0.4, 1),
    segments: segmentations,
    decay: fc.constantFrom(...DECAYS),
    sloped: fc.boolean(),
  }),
  (c) =>
    bounding(
      c,
      ({ batch, heads, length, headDim, valueDim }) =>
        batch * heads * length ** 2 * (headDim + valueDim) / 4,
    ),
);

const delta = targetOf(
  "delta",
  () => DELTA,
  record({
    ...{ ...HEADS, ...KERNEL },
    decay: fc.constantFrom(...DELTA_DECAYS),
    form: fc.constantFrom("auto", "recurrent", "chunkwise"),
    chunkSize: chunkSizes,
    scale: fc.constantFrom(null, 0.4, -2),
    segments: segmentations,
  }),
  (tried, backend) => {
    const c = bounding(tried, deltaWork);
    if (c.kernel && c.form !== "recurrent" && backend !== "cpu") return c;
    // Without a kernel the recurrent form takes a step a token, and the chunkwise
    // one solves a system a chunk.
    return bounded(
      inFewSteps(c, backend),
      ["batch", "heads", "length", "chunkSize"],
      ({ batch, heads, length, chunkSize }) =>
        batch * heads * length * Math.min(length, chunkSize ?? 64) ** 2,
      backend === "webgpu" ? 1e6 : 8e6,
    );
  },
);

const scan = targetOf(
  "scan",
  () => SCAN,
  record({
    ...{ ...ROWS, channels: columns, stateDim: columns },
    ...{ kernel: fc.boolean(), reverse: fc.boolean() },
    ...{ skip: fc.boolean(), gated: fc.boolean(), segments: segmentations },
  }),
  (tried, backend) => {
    const c = bounded(
      tried,
      ["batch", "channels", "stateDim"],
      ({ batch, length, channels, stateDim }) =>
        60 * batch * length * channels * (stateDim + 1),
      WORK,
    );
    const isSlow = backend === "webgpu" && !c.kernel;
    const most = isSlow ? 4 * STEPS.webgpu : Infinity;
    return { ...c, length: Math.min(c.length, most) };
  },
);

const convolution = targetOf(
  "convolution",
  () => CONVOLUTION,
  record({
    ...{ ...ROWS, channels: columns, taps: upTo(9) },
    ...{ kernel: fc.boolean(), reverse: fc.boolean(), bias: fc.boolean() },
    place: fc.constantFrom("causal", "centred"),
    activation: fc.constantFrom("none", "silu"),
    segments: segmentations,
  }),
  (tried) =>
    bounded(
      placed(tried),
      ["batch", "channels"],
      ({ batch, length, channels, taps }) =>
        30 * batch * length * channels * taps,
      WORK,
    ),
);

const steps = targetOf(
  "steps",
  () => RECURRENT_STEP,
  record({
    ...{ ...HEADS, kernel: fc.boolean(), drawn: drawnPieces },
    decay: fc.constantFrom(...OF_ONE_WAY),
    normalize: fc.boolean(),
    epsilon: fc.constantFrom(null, 0, 0.5),
    scale: fc.constantFrom(null, 0.4, 2),
  }),
  (c, backend) => inFewPieces(bounding(c, work), STEPS[backend]),
);

const deltaSteps = targetOf(
  "delta-steps",
  () => DELTA_STEP,
  record({
    ...{ ...HEADS, kernel: fc.boolean(), drawn: drawnPieces },
    decay: fc.constantFrom(...DELTA_OF_ONE_WAY),
    scale: fc.constantFrom(null, 0.4, 2),
  }),
  (tried, backend) => {
    const c = bounding(tried, deltaWork);
    // Token by token, where there is no kernel; so are gradients where there is.
    const hasKernel = c.kernel && backend !== "cpu";
    const most = !hasKernel
      ? STEPS[backend]
      : backend === "webgpu"
      ? 2 * STEPS.webgpu
      : Infinity;
    const shorter = { ...c, length: Math.min(c.length, most) };
    return inFewPieces(shorter, STEPS[backend]);
  },
);

const transition = targetOf(
  "transition",
  () => TRANSITION,
  record({
    ...{ ...HEADS, ...KERNEL, hasState: fc.boolean(), steps: upTo(4) },
    reads: fc.constantFrom(...READS),
    decay: fc.constantFrom(...TRANSITION_DECAYS),
    form: fc.constantFrom("auto", "recurrent", "chunkwise"),
    chunkSize: chunkSizes,
    segments: segmentations,
  }),
  (tried, backend) => {
    const c = bounding(tried, transitionWork);
    const isPlain = !c.kernel || c.form === "recurrent" || backend === "cpu";
    const most = Math.ceil(STEPS[backend] / c.steps);
    if (isPlain && c.form === "recurrent") {
      return { ...c, length: Math.min(c.length, most) };
    }
    return bounded(
      c,
      ["batch", "heads", "length", "chunkSize"],
      ({ batch, heads, length, steps, chunkSize }) =>
        batch * heads * length * steps *
        Math.min(length * steps, (chunkSize ?? 64) * steps) ** 2,
      backend === "webgpu" ? 1e6 : 8e6,
    );
  },
);

const transitionSteps = targetOf(
  "transition-steps",
  () => TRANSITION_STEP,
  record({
    ...{ ...HEADS, kernel: fc.boolean(), drawn: drawnPieces },
    ...{ hasState: fc.boolean(), steps: upTo(4), causal: fc.constant(true) },
    reads: fc.constantFrom("none", "tied", "untied"),
    decay: fc.constantFrom(...TRANSITION_DECAYS),
  }),
  (tried, backend) => {
    const c = bounding(tried, transitionWork);
    const most = Math.ceil(STEPS[backend] / c.steps);
    return inFewPieces({ ...c, length: Math.min(c.length, most) }, most);
  },
);

const family = targetOf(
  "family",
  ({ model }) => FAMILY.find(({ name }) => name === model)!,
  fc.constantFrom(...FAMILY).chain(({ name, ways }) =>
    record({
      ...{ ...HEADS, batch: upTo(2), causal: fc.boolean() },
      model: fc.constant(name),
      form: fc.constantFrom(...ways.map(({ form }) => form)),
      chunkSize: ways[0]!.form ? chunkSizes : fc.constant(null),
      segments: segmentations,
    })
  ),
  (tried, backend) => {
    const c = bounding(
      tried,
      ({ batch, heads, length, headDim, valueDim }) =>
        200 * batch * heads * length * headDim * (valueDim + 1),
    );
    const { chunkSize, ...quick } = inFewSteps(c, backend);
    const isLong = chunkSize && c.length > STEPS[backend];
    return {
      ...quick,
      chunkSize: isLong ? Math.min(128, chunkSize) : chunkSize,
    };
  },
  2,
);

/** Those of operations. */
export const OPERATIONS: readonly AnyTarget[] = [
  ...[lion, softmax, delta, transition, scan, convolution],
  ...[steps, deltaSteps, transitionSteps, family],
];
