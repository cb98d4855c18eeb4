/**
 * The models of the family: their inputs, and their recurrences in float64. Of the
 * library it takes functions by their names alone, so that the benches run it on any
 * revision.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import * as family from "@lionjs/lion/family";
import type { FamilyOptions } from "@lionjs/lion/family";
import {
  apply,
  constant,
  dot,
  exp,
  minus,
  over,
  plus,
  type Scalar,
  sigmoid,
  times,
} from "../float64.ts";
import { array, unitRows } from "../random.ts";
import type { Axes, Recurrence, Sizes, State, Token } from "./recurrence.ts";

/** A model: its inputs, and its recurrence. */
export interface Model extends Recurrence {
  /** The name of its function. */
  readonly name: keyof typeof family;
  // deno-lint-ignore no-explicit-any -- each has inputs of its own
  readonly run: (inputs: any, options: any) => tf.Tensor4D;
  /** Its forms; none where it has a single one, and no such option. */
  readonly forms: readonly FamilyOptions["form"][];
  /** Numbers of each input, of a uniform one; of keys of length one, their direction. */
  readonly make: Readonly<
    Record<string, (u: number, sequence: number) => number>
  >;
  /** Inputs that are computed with as logarithms: the gradient in these is compared. */
  readonly logarithmic?: readonly string[];
  /** Inputs whose rows have length one. */
  readonly unit?: readonly string[];
  /** Whether there may be an initial state, if causal. @default false */
  readonly takesState?: true;
}

const KEYS: Axes = ["batch", "heads", "length", "headDim"];
const VALUES: Axes = ["batch", "heads", "length", "valueDim"];
const PER_CHANNEL = KEYS;
const PER_TOKEN: Axes = ["batch", "heads", "length"];
const PER_HEAD: Axes = ["heads"];
const PER_STEP: Axes = ["batch", "heads", "length", "steps"];
const KEYS_OF_STEPS: Axes = [...PER_STEP, "headDim"];
const VALUES_OF_STEPS: Axes = [...PER_STEP, "valueDim"];
const PER_ANGLE: Axes = ["batch", "heads", "length", "angles"];
const PER_LEVEL: Axes = ["batch", "heads", "length", "levels"];

const LION = ["full", "recurrent", "blockwise", "chunkwise"] as const;
const DELTA = ["recurrent", "chunkwise"] as const;

const signed = (u: number) => 2 * u - 1;
const positive = (u: number) => 0.1 + u;
/** Of 0, e^-60, 1 and ordinary ones in the first sequence; then slow ones; then none. */
const logDecay = (u: number, sequence: number) =>
  [
    u < 0.1 ? -Infinity : u < 0.2 ? -60 : u < 0.4 ? 0 : Math.log(u),
    Math.log(0.8 + 0.2 * u),
    0,
  ][sequence % 3]!;
/** Where a head has one: 1 or an ordinary one in the first; then 0; then e^-60. */
const logDecayOfHead = (u: number, head: number) =>
  [u < 0.4 ? 0 : Math.log(u), -Infinity, -60][head % 3]!;
/** The same as decays. */
const gate = (u: number) =>
  u < 0.1 ? 0 : u < 0.2 ? 1e-26 : u < 0.4 ? 1 : 0.05 + 0.9 * u;

/** A state with every number times a factor of its row. */
function scaled(state: State, factor: (row: number) => Scalar): State {
  return state.map((row, n) => row.map((x) => times(factor(n), x)));
}

/** The state with key · valueᵀ added. */
function added(
  state: State,
  key: readonly Scalar[],
  value: readonly Scalar[],
): State {
  return state.map((row, n) =>
    row.map((x, e) => plus(x, times(key[n]!, value[e]!)))
  );
}

/** stateᵀ · vector */
function answer(state: State, vector: readonly Scalar[]): Scalar[] {
  return state[0]!.map((_, e) => dot(vector, state.map((row) => row[e]!)));
}

const column = (factor: Scalar, row: readonly Scalar[]) =>
  row.map((x) => times(factor, x));
const one = constant(1);
const withOne = (v: readonly Scalar[]) => [...v, one];
const rootOf = (k: readonly Scalar[]) => constant(1 / Math.sqrt(k.length));

/** The rows divided by the last column, with lionAttention's epsilon. */
function divided(read: readonly Scalar[], epsilon: number): Scalar[] {
  const norm = plus(read.at(-1)!, constant(epsilon));
  return read.slice(0, -1).map((x) => over(x, norm));
}

const square = ({ headDim, valueDim }: Sizes) => [headDim, valueDim] as const;
const withSums = ({ headDim, valueDim }: Sizes) =>
  [headDim, valueDim + 1] as const;

const elu = (x: Scalar) =>
  apply(
    x,
    (x) => x > 0 ? x + 1 : Math.exp(x),
    (x) => x > 0 ? 1 : Math.exp(x),
  );

// However near 0 they are, they are as far off as their angle.
const cosine = (x: Scalar) => apply(x, Math.cos, (x) => -Math.sin(x), 1);
const sine = (x: Scalar) => apply(x, Math.sin, Math.cos, 1);

const deltaRule: Omit<Model, "name" | "run" | "inputs" | "make"> = {
  forms: DELTA,
  unit: ["k"],
  state: square,
  turnsStates: true,
  leavesOutPadding: true,
  write: (state, { k, v, beta }) => {
    const found = answer(state, k!);
    const news = v!.map((x, e) => times(beta![0]!, minus(x, found[e]!)));
    return added(state, k!, news);
  },
  read: (state, { q }) => answer(state, q!),
  own: ({ q, k, v, beta }) => column(times(beta![0]!, dot(q!, k!)), v!),
  output: (read, { k }) => column(rootOf(k!), read),
};

/** Other transitions of the state, which may have one before the first token. */
const transition = {
  forms: DELTA,
  state: square,
  turnsStates: true,
  leavesOutPadding: true,
  takesState: true,
  read: (state: State, { q }: Token) => answer(state, q!),
  output: (read: readonly Scalar[], { q }: Token) => column(rootOf(q!), read),
} as const;

/** A gate from 0 to 1, both of which it reaches. */
const share = (u: number) => u < 0.1 ? 0 : u > 0.9 ? 1 : u;

/** The steps of the delta rule of a token. */
function inSteps(before: State, { k, v, beta }: Token): State {
  const headDim = k!.length / beta!.length, valueDim = v!.length / beta!.length;
  return beta!.reduce((state, b, step) => {
    const key = k!.slice(step * headDim, (step + 1) * headDim);
    const value = v!.slice(step * valueDim, (step + 1) * valueDim);
    const found = answer(state, key);
    return added(
      state,
      key,
      value.map((x, e) => times(b, minus(x, found[e]!))),
    );
  }, before);
}

const product = {
  ...transition,
  unit: ["k"],
  write: inSteps,
  own: (token: Token) => {
    const { q, v, beta } = token;
    const nothing = Array(v!.length / beta!.length).fill(constant(0));
    return answer(inSteps(q!.map(() => nothing), token), q!);
  },
};

/** The state's pairs of rows (2m, 2m + 1) turned back by their angles. */
function turnedBack(state: State, angles: readonly Scalar[]): State {
  return state.map((row, n) => {
    const angle = angles[n >> 1];
    if (angle === undefined) return row;
    const other = state[n ^ 1]!, isFirst = n % 2 === 0;
    return row.map((x, e) => {
      const own = times(cosine(angle), x), turn = times(sine(angle), other[e]!);
      return isFirst ? plus(own, turn) : minus(own, turn);
    });
  });
}

/** Binary trees' blocks of tokens as states, one below the other; then the number of tokens. */
const inBlocks = {
  /** The blocks that the next token finds: those that it completes are one. */
  merged(state: State, rows: number): State {
    const place = state.at(-1)![0]!.value;
    const blocks = Array.from(
      { length: (state.length - 1) / rows },
      (_, level) => state.slice(level * rows, (level + 1) * rows),
    );
    const into = place === 0 ? 0 : 1 + Math.log2(place & -place);
    const sum = blocks.slice(0, into).reduce(
      (sum, block) =>
        sum.map((row, n) => row.map((x, e) => plus(x, block[n]![e]!))),
      blocks[into]!,
    );
    return blocks.flatMap((block, level) =>
      level === into
        ? sum
        : level < into
        ? block.map((row) => row.map(() => constant(0)))
        : block
    );
  },
  count: (state: State): State => [
    state.at(-1)!.map(({ value }) => constant(value + 1)),
  ],
};

/** Softmax attention, whose state is the cache: a key, a value and their weight in each row. */
const cached = {
  state: ({ headDim, valueDim }: Sizes) => [0, headDim + valueDim + 1] as const,
  write: (state: State, { k, v }: Token) => [...state, [...k!, ...v!, one]],
  read: (state: State, { q, v }: Token) =>
    withOne(v!).map((_, e) =>
      plus(...state.map((row) => {
        const key = row.slice(0, q!.length);
        const value = withOne(row.slice(q!.length, -1))[e]!;
        const score = exp(times(rootOf(key), dot(q!, key)));
        return times(times(score, row.at(-1)!), value);
      }))
    ),
  own: ({ q, k, v }: Token) =>
    column(exp(times(rootOf(k!), dot(q!, k!))), withOne(v!)),
  output: (read: readonly Scalar[]) => divided(read, 0),
};

const WITHOUT_FUNCTIONS: readonly Omit<Model, "run">[] = [
  {
    name: "linearTransformer",
    forms: LION,
    inputs: { q: KEYS, k: KEYS, v: VALUES },
    make: { q: signed, k: signed, v: signed },
    state: withSums,
    write: (state, { k, v }) => added(state, k!.map(elu), withOne(v!)),
    read: (state, { q }) => answer(state, q!.map(elu)),
    own: ({ q, k, v }) => column(dot(q!.map(elu), k!.map(elu)), withOne(v!)),
    output: (read) => divided(read, 1e-6),
  },
  {
    name: "retention",
    forms: LION,
    inputs: { q: KEYS, k: KEYS, v: VALUES, logDecay: PER_HEAD },
    make: { q: signed, k: signed, v: signed, logDecay: logDecayOfHead },
    state: square,
    fade: (state, { logDecay }) => scaled(state, () => exp(logDecay![0]!)),
    write: (state, { k, v }) => added(state, k!, v!),
    read: (state, { q }) => answer(state, q!),
    own: ({ q, k, v }) => column(dot(q!, k!), v!),
    output: (read, { k }) => column(rootOf(k!), read),
  },
  {
    name: "gatedRfa",
    forms: LION,
    inputs: { q: KEYS, k: KEYS, v: VALUES, gate: PER_TOKEN },
    make: { q: positive, k: positive, v: signed, gate },
    logarithmic: ["gate"],
    state: withSums,
    fade: (state, { gate }) => scaled(state, () => gate![0]!),
    write: (state, { k, v, gate }) =>
      added(state, column(minus(one, gate![0]!), k!), withOne(v!)),
    read: (state, { q }) => answer(state, q!),
    own: ({ q, k, v, gate }) =>
      column(times(minus(one, gate![0]!), dot(q!, k!)), withOne(v!)),
    output: (read) => divided(read, 1e-6),
  },
  {
    name: "mamba2",
    forms: LION,
    inputs: {
      x: VALUES,
      dt: PER_TOKEN,
      a: PER_HEAD,
      b: KEYS,
      c: KEYS,
      d: PER_HEAD,
    },
    make: {
      x: signed,
      dt: (u) => u < 0.1 ? 60 : u * u,
      // With dt, decays of nearly 1 to e^-60; of 0, at e^-150; and of 1.
      a: (u, head) => [-0.01 - u, -2.5, -1e-8][head % 3]!,
      b: signed,
      c: signed,
      d: signed,
    },
    state: square,
    fade: (state, { dt, a }) =>
      scaled(state, () => exp(times(dt![0]!, a![0]!))),
    write: (state, { x, dt, b }) => added(state, b!, column(dt![0]!, x!)),
    read: (state, { c }) => answer(state, c!),
    own: ({ x, dt, b, c }) => column(times(dt![0]!, dot(c!, b!)), x!),
    output: (read, { x, d }) =>
      read.map((y, e) => plus(y, times(d![0]!, x![e]!))),
  },
  {
    name: "mlstm",
    forms: LION,
    inputs: {
      q: KEYS,
      k: KEYS,
      v: VALUES,
      inputGate: PER_TOKEN,
      forgetGate: PER_TOKEN,
    },
    make: {
      q: signed,
      k: signed,
      v: signed,
      inputGate: (u, sequence) => (sequence % 2 ? 60 : 6) * signed(u),
      forgetGate: (u) => u < 0.05 ? -200 : u < 0.1 ? -60 : u < 0.2 ? 30 : 8 * u,
    },
    state: withSums,
    fade: (state, { forgetGate }) =>
      scaled(state, () => sigmoid(forgetGate![0]!)),
    write: (state, { k, v, inputGate }) =>
      added(state, column(exp(inputGate![0]!), k!), withOne(v!)),
    read: (state, { q, k }) => column(rootOf(k!), answer(state, q!)),
    own: ({ q, k, v, inputGate }) =>
      column(
        times(rootOf(k!), times(exp(inputGate![0]!), dot(q!, k!))),
        withOne(v!),
      ),
    output: (read) => {
      const sum = read.at(-1)!;
      const norm = Math.abs(sum.value) > 1
        ? times(constant(Math.sign(sum.value)), sum)
        : one;
      return read.slice(0, -1).map((x) => over(x, norm));
    },
  },
  {
    ...deltaRule,
    name: "deltaNet",
    inputs: { q: KEYS, k: KEYS, v: VALUES, beta: PER_TOKEN },
    make: { q: signed, k: signed, v: signed, beta: (u) => 2 * u },
  },
  {
    ...deltaRule,
    name: "gatedDeltaNet",
    inputs: {
      q: KEYS,
      k: KEYS,
      v: VALUES,
      beta: PER_TOKEN,
      logDecay: PER_TOKEN,
    },
    make: { q: signed, k: signed, v: signed, beta: (u) => 2 * u, logDecay },
    fade: (state, { logDecay }) => scaled(state, () => exp(logDecay![0]!)),
  },
  {
    ...deltaRule,
    name: "kimiDeltaAttention",
    inputs: {
      q: KEYS,
      k: KEYS,
      v: VALUES,
      beta: PER_TOKEN,
      logDecay: PER_CHANNEL,
    },
    make: { q: signed, k: signed, v: signed, beta: (u) => 2 * u, logDecay },
    fade: (state, { logDecay }) => scaled(state, (n) => exp(logDecay![n]!)),
  },
  {
    name: "gatedLinearAttention",
    forms: LION,
    inputs: { q: KEYS, k: KEYS, v: VALUES, logDecay: PER_CHANNEL },
    make: { q: signed, k: signed, v: signed, logDecay },
    state: square,
    fade: (state, { logDecay }) => scaled(state, (n) => exp(logDecay![n]!)),
    write: (state, { k, v }) => added(state, k!, v!),
    read: (state, { q }) => answer(state, q!),
    own: ({ q, k, v }) => column(dot(q!, k!), v!),
    output: (read, { k }) => column(rootOf(k!), read),
  },
  {
    name: "hgrn2",
    forms: LION,
    inputs: { q: KEYS, v: VALUES, forget: PER_CHANNEL },
    make: { q: signed, v: signed, forget: gate },
    logarithmic: ["forget"],
    state: square,
    fade: (state, { forget }) => scaled(state, (n) => forget![n]!),
    write: (state, { v, forget }) =>
      added(state, forget!.map((f) => minus(one, f)), v!),
    read: (state, { q }) => answer(state, q!),
    own: ({ q, v, forget }) =>
      column(dot(q!, forget!.map((f) => minus(one, f))), v!),
    output: (read, { q }) => column(rootOf(q!), read),
  },
  {
    name: "rwkv6",
    forms: LION,
    inputs: {
      r: KEYS,
      k: KEYS,
      v: VALUES,
      logDecay: PER_CHANNEL,
      bonus: ["heads", "headDim"],
    },
    make: { r: signed, k: signed, v: signed, logDecay, bonus: signed },
    state: square,
    fade: (state, { logDecay }) => scaled(state, (n) => exp(logDecay![n]!)),
    write: (state, { k, v }) => added(state, k!, v!),
    // What was there before the token, and the token itself with the bonus.
    read: (_after, { r, k, v, bonus }, before) =>
      answer(added(before, k!.map((x, n) => times(bonus![n]!, x)), v!), r!),
    own: ({ r, k, v, bonus }) =>
      column(dot(r!, k!.map((x, n) => times(bonus![n]!, x))), v!),
    output: (read) => read,
  },
  {
    name: "gateLoop",
    forms: LION,
    inputs: {
      q: KEYS,
      k: KEYS,
      v: VALUES,
      logDecay: PER_CHANNEL,
      phase: PER_CHANNEL,
    },
    make: {
      q: signed,
      k: signed,
      v: signed,
      logDecay,
      phase: (u) => 40 * signed(u),
    },
    turnsStates: true,
    // The real parts, and below them the imaginary ones.
    state: ({ headDim, valueDim }) => [2 * headDim, valueDim],
    fade: (state, { logDecay, phase }) => {
      const channels = logDecay!.length;
      return state.map((row, n) => {
        const at = n % channels;
        const factor = exp(logDecay![at]!);
        const real = times(factor, cosine(phase![at]!));
        const imaginary = times(factor, sine(phase![at]!));
        return row.map((_, e) => {
          const [re, im] = [state[at]![e]!, state[at + channels]![e]!];
          return n < channels
            ? minus(times(real, re), times(imaginary, im))
            : plus(times(real, im), times(imaginary, re));
        });
      });
    },
    write: (state, { k, v }) => [
      ...added(state.slice(0, k!.length), k!, v!),
      ...state.slice(k!.length),
    ],
    read: (state, { q }) => answer(state.slice(0, q!.length), q!),
    own: ({ q, k, v }) => column(dot(q!, k!), v!),
    output: (read) => read,
  },
  {
    ...transition,
    name: "rwkv7",
    inputs: {
      r: KEYS,
      logDecay: PER_CHANNEL,
      k: KEYS,
      v: VALUES,
      a: KEYS,
      b: KEYS,
    },
    make: {
      r: signed,
      logDecay,
      k: signed,
      v: signed,
      a: signed,
      b: (u) => 0.3 * signed(u),
    },
    unit: ["a"],
    fade: (state, { logDecay }) => scaled(state, (n) => exp(logDecay![n]!)),
    write: (state, { k, v, a, b }, before) =>
      added(added(state, k!, v!), b!, answer(before, a!)),
    read: (state, { r }) => answer(state, r!),
    own: ({ r, k, v }) => column(dot(r!, k!), v!),
    output: (read) => read,
  },
  {
    ...transition,
    name: "gatedDeltaNet2",
    inputs: {
      q: KEYS,
      k: KEYS,
      v: VALUES,
      logDecay: PER_CHANNEL,
      eraseGate: KEYS,
      writeGate: VALUES,
    },
    make: {
      q: signed,
      k: signed,
      v: signed,
      logDecay,
      eraseGate: share,
      writeGate: share,
    },
    unit: ["k"],
    fade: (state, { logDecay }) => scaled(state, (n) => exp(logDecay![n]!)),
    write: (state, { k, v, eraseGate, writeGate }) => {
      const found = answer(state, k!.map((x, n) => times(eraseGate![n]!, x)));
      const news = v!.map((x, e) => minus(times(writeGate![e]!, x), found[e]!));
      return added(state, k!, news);
    },
    own: ({ q, k, v, writeGate }) =>
      column(dot(q!, k!), v!.map((x, e) => times(writeGate![e]!, x))),
  },
  {
    ...product,
    name: "deltaProduct",
    inputs: {
      q: KEYS,
      k: KEYS_OF_STEPS,
      v: VALUES_OF_STEPS,
      beta: PER_STEP,
    },
    make: { q: signed, k: signed, v: signed, beta: (u) => 2 * u },
  },
  {
    ...product,
    name: "gatedDeltaProduct",
    inputs: {
      q: KEYS,
      k: KEYS_OF_STEPS,
      v: VALUES_OF_STEPS,
      beta: PER_STEP,
      logDecay: PER_TOKEN,
    },
    make: { q: signed, k: signed, v: signed, beta: (u) => 2 * u, logDecay },
    fade: (state, { logDecay }) => scaled(state, () => exp(logDecay![0]!)),
  },
  {
    ...transition,
    name: "comba",
    inputs: {
      q: KEYS,
      k: KEYS,
      v: VALUES,
      p: KEYS,
      beta: PER_TOKEN,
      logDecay: PER_TOKEN,
    },
    make: {
      q: signed,
      k: signed,
      v: signed,
      p: (u) => 0.3 * signed(u),
      beta: share,
      logDecay,
    },
    unit: ["k"],
    fade: (state, { logDecay }) => scaled(state, () => exp(logDecay![0]!)),
    write: (state, { k, v, p, beta }, before) => {
      const found = answer(before, p!);
      const news = v!.map((x, e) => times(beta![0]!, minus(x, found[e]!)));
      return added(state, k!, news);
    },
    own: ({ q, k, v, beta }) => column(times(beta![0]!, dot(q!, k!)), v!),
  },
  {
    ...cached,
    name: "forgettingAttention",
    forms: [],
    inputs: { q: KEYS, k: KEYS, v: VALUES, logDecay: PER_TOKEN },
    make: { q: signed, k: signed, v: signed, logDecay },
    fade: (state, { logDecay }) =>
      state.map((row) => [
        ...row.slice(0, -1),
        times(exp(logDecay![0]!), row.at(-1)!),
      ]),
  },
  {
    ...cached,
    name: "pathAttention",
    forms: DELTA,
    inputs: {
      q: KEYS,
      k: KEYS,
      v: VALUES,
      w: KEYS,
      beta: PER_TOKEN,
      logDecay: PER_TOKEN,
    },
    make: {
      q: signed,
      k: signed,
      v: signed,
      w: signed,
      beta: (u) => 2 * u,
      logDecay,
    },
    unit: ["w"],
    leavesOutPadding: true,
    fade: (state, { w, beta, logDecay }) =>
      state.map((row) => {
        const key = row.slice(0, w!.length);
        const change = times(beta![0]!, dot(w!, key));
        return [
          ...key.map((x, n) => minus(x, times(change, w![n]!))),
          ...row.slice(w!.length, -1),
          times(exp(logDecay![0]!), row.at(-1)!),
        ];
      }),
  },
  {
    name: "mamba3",
    forms: LION,
    inputs: {
      ...{ x: VALUES, dt: PER_TOKEN, a: PER_TOKEN, b: KEYS, c: KEYS },
      ...{ phase: PER_ANGLE, trapezoid: PER_TOKEN, d: PER_HEAD },
    },
    make: {
      x: signed,
      // The next token's write comes and goes, and so do digits if it is far larger.
      dt: (u) => 0.2 + u,
      // Decays of 1, about e^-60, 0 and ordinary ones; of e^-2.5 a time step; of 1.
      a: (u, sequence) =>
        [
          u < 0.1 ? -1e-8 : u < 0.2 ? -80 : u < 0.3 ? -1000 : -0.01 - u,
          -2.5,
          -1e-8,
        ][sequence % 3]!,
      b: signed,
      c: signed,
      phase: (u) => 40 * signed(u),
      trapezoid: (u) => u < 0.1 ? 0 : u < 0.2 ? 1 : u,
      d: signed,
    },
    turnsStates: true,
    // The state, and below it what the token before has written.
    state: ({ headDim, valueDim }) => [2 * headDim, valueDim],
    fade: (state, { dt, a, phase, trapezoid }) => {
      const rows = state.length / 2;
      const again = times(dt![0]!, minus(one, trapezoid![0]!));
      const both = state.slice(0, rows).map((row, n) =>
        row.map((x, e) => plus(x, times(again, state[rows + n]![e]!)))
      );
      const decay = exp(times(dt![0]!, a![0]!));
      return [
        ...scaled(turnedBack(both, phase ?? []), () => decay),
        ...scaled(state.slice(rows), () => constant(0)),
      ];
    },
    write: (state, { x, dt, b, trapezoid }) => {
      const rows = b!.length, own = times(dt![0]!, trapezoid![0]!);
      return [
        ...added(state.slice(0, rows), b!, column(own, x!)),
        ...added(state.slice(rows), b!, x!),
      ];
    },
    read: (state, { c }) => answer(state.slice(0, c!.length), c!),
    own: ({ x, dt, b, c, trapezoid }) =>
      column(times(times(dt![0]!, trapezoid![0]!), dot(c!, b!)), x!),
    output: (read, { x, d }) =>
      read.map((y, e) => plus(y, times(d![0]!, x![e]!))),
  },
  {
    name: "logLinearAttention",
    forms: ["full", "chunkwise"],
    inputs: {
      ...{ q: KEYS, k: KEYS, v: VALUES },
      ...{ logDecay: PER_TOKEN, levelScales: PER_LEVEL },
    },
    make: { q: signed, k: signed, v: signed, logDecay, levelScales: signed },
    state: ({ headDim, valueDim, levels }) => [headDim * levels! + 1, valueDim],
    fade: (state, { k, logDecay }) => [
      ...scaled(inBlocks.merged(state, k!.length), () => exp(logDecay![0]!)),
      ...inBlocks.count(state),
    ],
    write: (state, { k, v }) => [
      ...added(state.slice(0, k!.length), k!, v!),
      ...state.slice(k!.length),
    ],
    read: (state, { q, levelScales }) => {
      const rows = q!.length;
      return levelScales!.map((scale, level) =>
        column(
          scale,
          answer(state.slice(level * rows, (level + 1) * rows), q!),
        )
      ).reduce((sum, read) => sum.map((x, e) => plus(x, read[e]!)));
    },
    own: ({ q, k, v, levelScales }) =>
      column(times(levelScales![0]!, dot(q!, k!)), v!),
    output: (read) => read,
  },
];

/** All of them. */
export const MODELS: readonly Model[] = WITHOUT_FUNCTIONS.map((model) => ({
  ...model,
  run: family[model.name] as Model["run"],
}));

/** Inputs by name, with their shapes. */
export type Inputs = Readonly<
  Record<string, { readonly values: Float32Array; readonly shape: number[] }>
>;

/**
 * Seeded inputs of a model.
 *
 * @param numberOf Of a uniform number, that of an input in a sequence of tokens; of an
 * input without tokens, in a head. @default as the model says
 */
export function inputsOf(
  { inputs, make, unit }: Pick<Model, "inputs" | "make" | "unit">,
  sizes: Sizes,
  random: () => number,
  numberOf = (name: string, u: number, sequence: number) =>
    make[name]!(u, sequence),
): Inputs {
  const { batch, heads } = sizes;
  const made = Object.entries(inputs).map(([name, axes]) => {
    const shape = axes.map((axis) => sizes[axis]!);
    const size = shape.reduce((size, axis) => size * axis, 1);
    const sequences = axes.includes("length") ? batch * heads : heads;
    const x = array(size, random).map((u, i) =>
      numberOf(name, (u + 1) / 2, Math.floor(i / (size / sequences)))
    );
    const values = unit?.includes(name) ? unitRows(x, shape.at(-1)!) : x;
    return [name, { values, shape }] as const;
  });
  // A state of one channel has no pairs, and so no angles.
  return Object.fromEntries(made.filter(([, { values }]) => values.length > 0));
}
