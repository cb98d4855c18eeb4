/** lionAttention with any decay: its problems, and their truth in float64. @module */
import fc from "fast-check";
import {
  type BackendName,
  bidirectionalDecay,
  type Decay,
  diagonalDecay,
  fixedDecay,
  lionAttention,
  noDecay,
  selectiveDecay,
} from "../../mod.ts";
import { deviations, type Input, wholeDeviations } from "../comparison.ts";
import { type DiagonalProblem, solveDiagonal } from "../diagonal_oracle.ts";
import type { Differentiated, Sum } from "../float64.ts";
import { type OracleDecay, solve } from "../oracle.ts";
import { array, uniform } from "../random.ts";
import {
  type RecurrentProblem,
  solveRecurrently,
} from "../recurrent_oracle.ts";
import { headSizes, logDecays, spoilPadding, upTo } from "./draw.ts";
import {
  hidingOf,
  type Problem,
  type Subject,
  type Tensors,
  type TokenCase,
} from "./subject.ts";

/** The kinds of decay with a number for each token, or fewer. */
export const DECAYS = [
  ...["none", "fixed", "source", "arrival", "two-sided"] as const,
];

/** Those with a number for each channel. */
export const CHANNELS = [
  ...["source of channels", "arrival of channels"] as const,
  "two-sided of channels" as const,
];

/** What varies from case to case. */
export interface LionCase extends TokenCase {
  readonly heads: number;
  readonly decay: typeof DECAYS[number] | typeof CHANNELS[number];
  readonly causal: boolean;
  readonly normalize: boolean;
  /** @default 6, of channels 4 */
  readonly headDim?: number;
  /** @default 5, of channels 3 */
  readonly valueDim?: number;
  /** The option, `null` to leave it out. @default 0.4 */
  readonly scale?: number | null;
  /** The option, `null` to leave it out. @default null */
  readonly epsilon?: number | null;
  /** Whether one head of q and k is that of all. @default false */
  readonly sharedKeys?: boolean;
  /** Whether one row of log decays is that of all. @default false */
  readonly sharedDecay?: boolean;
  /** Whether q, k and v are int32. @default false */
  readonly integers?: boolean;
}

/** A problem, as both oracles have it. */
export interface LionProblem extends RecurrentProblem, Problem {
  readonly random: Problem["random"];
  readonly decay: LionCase["decay"];
  /** `scale` and `epsilon`, where the library is given them. */
  readonly given: { readonly scale?: number; readonly epsilon?: number };
}

/** Whether each channel has a decay of its own. */
export const isOfChannels = (decay: string) => decay.endsWith("channels");

/** The sizes that an oracle's work depends on. */
type Sizes = Pick<
  RecurrentProblem,
  "batch" | "heads" | "length" | "headDim" | "valueDim"
>;

/** What the definition's loops have to do: of 3 million it is about half a second. */
const definitionWork = ({ batch, heads, length, headDim, valueDim }: Sizes) =>
  batch * heads * length ** 2 * (headDim + valueDim + 4);

/** What the recurrence has to do. */
const recurrenceWork = ({ batch, heads, length, headDim, valueDim }: Sizes) =>
  60 * batch * heads * length * headDim * (valueDim + 1);

/** What the oracle has to do. */
export function work(c: Sizes & Pick<LionCase, "decay">): number {
  return isOfChannels(c.decay)
    ? recurrenceWork(c)
    : Math.min(definitionWork(c), recurrenceWork(c));
}

/** The arrays of a problem as the definition's oracle takes them. */
export function definitionOf(problem: LionProblem) {
  const { kind, decays } = problem;
  return { ...problem, decay: { kind, ...decays } as OracleDecay };
}

/** By the loops that are quicker. */
function solvedWhole(problem: LionProblem): Differentiated {
  const { length, headDim } = problem;
  if (problem.isDiagonal && length <= 4 * headDim) {
    return solveDiagonal(problem as RecurrentProblem as DiagonalProblem);
  }
  const isDefined = !problem.isDiagonal &&
    definitionWork(problem) <= 4 * recurrenceWork(problem);
  return isDefined ? solve(definitionOf(problem)) : solveRecurrently(problem);
}

function problemOf(c: LionCase): LionProblem {
  const { batch, heads, length, decay, causal, normalize } = c;
  const isDiagonal = isOfChannels(decay);
  const { headDim = isDiagonal ? 4 : 6, valueDim = isDiagonal ? 3 : 5 } = c;
  const isDrawn = c.values !== undefined;
  const random = uniform(c.values ?? length * 1009 + batch * 31 + heads);
  const keyHeads = c.sharedKeys ? 1 : heads;
  const rows = c.sharedDecay ? 1 : batch;
  // The normaliser needs positive features, as the feature maps make them. No
  // integer is 0: of what a token reads, only its own is sure not to have faded.
  const pick = (of: readonly number[]) => (u: number) =>
    of[Math.floor(u * of.length)]!;
  const feature = c.integers
    ? pick(normalize ? [1, 2, 3, 4] : [-2, -1, 1, 2])
    : normalize
    ? (u: number) => 0.1 + u
    : undefined;
  const keys = () =>
    array(batch * keyHeads * length * headDim, random, feature);
  const q = keys(), k = keys();
  const value = c.integers ? pick([-3, -2, -1, 1, 2, 3]) : undefined;
  const v = array(batch * heads * length * valueDim, random, value);
  const dy = array(batch * heads * length * valueDim, random);
  const kind = decay.split(" ")[0] as RecurrentProblem["kind"];
  const shape = kind === "fixed"
    ? [heads]
    : [rows, heads, length, ...isDiagonal ? [headDim] : []];
  const log = () =>
    kind === "fixed" ? logDecays(heads, 1, random, isDrawn) : logDecays(
      rows * heads,
      length * (isDiagonal ? headDim : 1),
      random,
      isDrawn,
    );
  const decays: Record<string, Float32Array> = kind === "none"
    ? {}
    : kind === "two-sided"
    ? { forward: log(), backward: log() }
    : { logDecay: log() };
  const hiding = hidingOf({
    ...c,
    // Of padding alone pieces and padded sequences say nothing.
    ...c.padded
      ? { padding: { kind: "ones", where: "after the first" } as const }
      : {},
  }, random);
  if (hiding.mask) {
    const vectors = c.integers ? [] : [[q, keyHeads], [k, keyHeads], [
      v,
      heads,
    ]] as const;
    for (const [x, heads] of [...vectors, [dy, c.heads] as const]) {
      spoilPadding(x, hiding.mask, { batch, heads, length });
    }
  }
  const dtype = c.integers ? "int32" : "float32";
  const inputs: Record<string, Input> = {
    q: { values: q, shape: [batch, keyHeads, length, headDim], dtype },
    k: { values: k, shape: [batch, keyHeads, length, headDim], dtype },
    v: { values: v, shape: [batch, heads, length, valueDim], dtype },
    ...Object.fromEntries(
      Object.entries(decays).map(([name, values]) => [name, { values, shape }]),
    ),
  };
  const whole = (name: string) => spread(inputs[name]!, [batch, heads]);
  const { scale = 0.4, epsilon = null } = c;
  return {
    ...{ batch, heads, length, headDim, valueDim, causal, normalize, dy },
    ...{ decay, kind, isDiagonal, q: whole("q"), k: whole("k"), v },
    decays: Object.fromEntries(
      Object.keys(decays).map((name) => [name, whole(name)]),
    ),
    scale: scale ?? 1 / Math.sqrt(headDim),
    epsilon: epsilon ?? 1e-6,
    given: {
      ...scale === null ? {} : { scale },
      ...epsilon === null ? {} : { epsilon },
    },
    ...hiding,
    inputs,
    outputGradient: { values: dy, shape: [batch, heads, length, valueDim] },
    random,
  };
}

/** A decay of the library's. */
export function decayOf(
  kind: string,
  { logDecay, forward, backward }: Tensors,
): Decay {
  const convention = kind.startsWith("source") ? "source" : "arrival";
  if (kind === "none") return noDecay();
  if (kind === "fixed") return fixedDecay(logDecay);
  if (kind.startsWith("two-sided")) {
    return bidirectionalDecay(forward, backward);
  }
  return isOfChannels(kind)
    ? diagonalDecay(logDecay, { convention })
    : selectiveDecay(logDecay, { convention });
}

/** Of each number of the whole array, where the input has it, whose first axes may be 1. */
function placesOf(
  { shape }: Input,
  whole: readonly number[],
): (at: number) => number {
  const [rows, columns] = shape as readonly [number, number];
  const rest = shape.slice(2).reduce((size, axis) => size * axis, 1);
  return (at) => {
    const column = Math.floor(at / rest) % whole[1]!;
    const row = Math.floor(at / rest / whole[1]!);
    return ((row % rows) * columns + column % columns) * rest + at % rest;
  };
}

/** The input with its first axes as the whole has them; vectors stay as they are. */
export function spread(
  input: Input,
  [batch, heads]: readonly number[],
): Float32Array {
  const { values, shape: [rows, columns, ...rest] } = input;
  if (rest.length === 0 || rows === batch && columns === heads) return values;
  const place = placesOf(input, [batch!, heads!]);
  const size = rest.reduce((size, axis) => size * axis, batch! * heads!);
  return Float32Array.from({ length: size }, (_, at) => values[place(at)]!);
}

/** Gradients as the inputs have them, summed where these have an axis of 1. */
export function folded(
  { y, gradients }: Differentiated,
  { batch, heads, inputs }: Pick<LionProblem, "batch" | "heads" | "inputs">,
): Differentiated {
  const fold = (input: Input, { values, magnitudes }: Sum): Sum => {
    if (values.length === input.values.length) return { values, magnitudes };
    const place = placesOf(input, [batch, heads]);
    const sum = {
      values: new Float64Array(input.values.length),
      magnitudes: new Float64Array(input.values.length),
    };
    values.forEach((x, at) => {
      sum.values[place(at)]! += x;
      sum.magnitudes[place(at)]! += magnitudes[at]!;
    });
    return sum;
  };
  return {
    y,
    gradients: Object.fromEntries(
      Object.entries(gradients)
        .map(([name, sum]) => [name, fold(inputs[name]!, sum)]),
    ),
  };
}

/** The forms. */
export const FORMS = ["full", "recurrent", "blockwise", "chunkwise"] as const;

/** Options of the library that a problem says. */
export function optionsOf({ causal, normalize, given }: LionProblem) {
  return { causal, normalize, ...given };
}

/** What a random case may be beside its sizes. */
const FLAGS = {
  ...{ causal: fc.boolean(), normalize: fc.boolean() },
  ...{ padded: fc.boolean(), packed: fc.boolean() },
};

const common: Omit<
  Subject<LionCase, LionProblem>,
  "name" | "cases" | "ways" | "random"
> = {
  // Of channels only the chunkwise form has a kernel.
  isPlain: ({ form, kernel }, { decay }) =>
    kernel === false || isOfChannels(decay) && form !== "chunkwise",
  problemOf,
  solve: (problem) => folded(solvedWhole(problem), problem),
  run: ({ q, k, v, ...decays }, problem, options) =>
    lionAttention(q, k, v, {
      decay: decayOf(problem.decay, decays),
      ...optionsOf(problem),
      ...options as object,
    }),
  deviations(problem, actual, expected) {
    if (problem.isDiagonal) return deviations(problem, actual, expected);
    // Sequences, or what they share: each has what is said of itself.
    const partsOf = (name: string) => {
      const { shape } = problem.inputs[name.slice(1)] ?? problem.outputGradient;
      return shape.length === 1 ? shape[0]! : shape[0]! * shape[1]!;
    };
    const few = problem.kind === "fixed" || problem.length <= 2;
    return wholeDeviations(actual, expected, { few, partsOf });
  },
};

/** The subject, in any form. */
export const LION: Subject<LionCase, LionProblem> = {
  ...common,
  name: "lionAttention",
  // tests/attention/forms_test.ts has a matrix for each form.
  cases: [],
  ways: FORMS.flatMap((form) => [{ form }, { form, kernel: false }]),
  random: (backend) => randomOf(backend, FORMS),
};

/** The subject in one form. */
export const lionAs = (form: typeof FORMS[number]): typeof LION => ({
  ...LION,
  name: `lionAttention as ${form}`,
  ways: [{ form }, { form, kernel: false }],
  random: (backend) => randomOf(backend, [form]),
});

function randomOf(
  backend: BackendName,
  forms: readonly (typeof FORMS[number])[],
) {
  return fc.tuple(
    fc.record({
      ...{ batch: upTo(2), heads: upTo(3), length: upTo(100), ...FLAGS },
      decay: fc.constantFrom(...DECAYS),
    }),
    headSizes(backend, { headDim: 70, valueDim: 70, chunkSize: 120 }),
    fc.constantFrom(...forms),
    fc.constantFrom(true, true, false),
  ).map(([c, { chunkSize, ...dims }, form, kernel]) =>
    [{ ...c, ...dims }, { form, kernel, chunkSize }] as const
  );
}

/** What takes turns while lengths and kinds of decays are all met. */
const VARIANTS = [
  { causal: false, normalize: true, padded: false, packed: true },
  { causal: true, normalize: false, padded: true, packed: true },
  { causal: false, normalize: false, padded: true, packed: false },
  { causal: true, normalize: true, padded: false, packed: false },
  { causal: false, normalize: true, padded: true, packed: true },
];

/** The subject with decays of each channel. */
export const LION_OF_CHANNELS: Subject<LionCase, LionProblem> = {
  ...common,
  name: "lionAttention with decays of each channel",
  cases: [1, 2, 67, 130].flatMap((length, l) =>
    CHANNELS.flatMap((decay, k) =>
      [0, 1].map((n) => ({
        ...{ length, decay, batch: 1 + n, heads: 2 - n },
        ...VARIANTS[(l + 2 * k + 3 * n) % VARIANTS.length]!,
      }))
    )
  ),
  ways: [...FORMS.map((form) => ({ form })), {
    ...{ form: "chunkwise", kernel: false },
  }].flatMap((way) =>
    (way.form.endsWith("wise") ? [16, 64] : [16])
      .map((chunkSize) => ({ ...way, chunkSize }))
  ),
  random: (backend) =>
    fc.tuple(
      fc.record({
        ...{ batch: upTo(2), heads: upTo(3), length: upTo(11), ...FLAGS },
        decay: fc.constantFrom(...CHANNELS),
      }),
      headSizes(backend, { headDim: 6, valueDim: 6, chunkSize: 12 }),
      fc.constantFrom(
        ...FORMS.map((form) => ({ form, kernel: true })),
        { form: "chunkwise", kernel: false } as const,
      ),
    ).map(([c, { chunkSize, ...dims }, way]) =>
      [{ ...c, ...dims }, { ...way, chunkSize }] as const
    ),
};
