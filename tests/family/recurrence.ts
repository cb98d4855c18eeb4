/**
 * Models of the family in float64, each as the loop of its own paper's
 * recurrence, from the left and, for both directions, from the right.
 *
 * @module
 */
import {
  constant,
  differentiate,
  type Differentiated,
  minus,
  ofBoundedStates,
  plus,
  type Scalar,
} from "../float64.ts";

/** Sizes of a problem. */
export interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Steps of a token, where tokens have such. */
  readonly steps?: number;
  /** Of Mamba-3: angles of the state. */
  readonly angles?: number;
  /** Of log-linear attention: blocks that tokens read, and themselves. */
  readonly levels?: number;
}

/** Axes of an input. */
export type Axes = readonly ("batch" | keyof Sizes)[];

/** What a sweep sees at a token: a row of each input, by name. */
export type Token = Readonly<Record<string, readonly Scalar[]>>;

/** A state, `[rows][columns]`. */
export type State = readonly (readonly Scalar[])[];

/** A model as its paper states it. */
export interface Recurrence {
  /** Axes of each input; a row of it is what comes after the length, or after the heads. */
  readonly inputs: Readonly<Record<string, Axes>>;
  /** Rows and columns of its state. */
  readonly state: (sizes: Sizes) => readonly [rows: number, columns: number];
  /** What is left of a state on arriving at a token. @default all of it */
  readonly fade?: (state: State, token: Token) => State;
  /** Whether its transitions turn states, so that terms grow where states do not. @default false */
  readonly turnsStates?: true;
  /** Whether padding is passed without fading. @default false */
  readonly leavesOutPadding?: true;
  /** The state after a token, of what was left, or of what was there before it faded. */
  readonly write: (faded: State, token: Token, before: State) => State;
  /** What a token reads of the state after it, or before it. */
  readonly read: (after: State, token: Token, before: State) => Scalar[];
  /** What a token reads of what it has itself written: both sweeps have it. */
  readonly own: (token: Token) => Scalar[];
  /** The output of what was read, from one side or from both. */
  readonly output: (read: Scalar[], token: Token) => Scalar[];
}

/** A problem: inputs by name, flat, and the gradient of the loss in the output. */
export interface FamilyProblem extends Sizes {
  readonly inputs: Readonly<Record<string, Float32Array>>;
  readonly dy: Float32Array;
  readonly causal: boolean;
  /** `[batch, length]`, 0 at padding. */
  readonly mask?: Float32Array;
  /** `[batch, length]`, which packed sequence each token belongs to. */
  readonly segments?: Int32Array;
}

/** Solves a problem: the output, and the gradients of Σ y · dy. */
export function solveRecurrence(
  recurrence: Recurrence,
  problem: FamilyProblem,
): Differentiated {
  const { heads, length, valueDim, inputs, dy } = problem;
  const seen = dy.map((x, at) => {
    const token = Math.floor(at / valueDim);
    const sequence = Math.floor(token / length);
    return isTokenOf(problem, Math.floor(sequence / heads), token % length)
      ? x
      : 0;
  });
  const solution = differentiate(
    inputs,
    seen,
    (scalars) => recur(recurrence, problem, scalars),
  );
  return recurrence.turnsStates
    ? ofBoundedStates(solution, { v: (inputs["v"] ?? inputs["x"])!, dy })
    : solution;
}

/** What decides which tokens are read. */
type Reading = Sizes & Pick<FamilyProblem, "causal" | "mask" | "segments">;

function isTokenOf({ mask, length }: Reading, row: number, i: number): boolean {
  return mask?.[row * length + i] !== 0;
}

/** The output of a recurrence, `[batch, heads, length, valueDim]`, flat. */
export function recur(
  recurrence: Recurrence,
  problem: Reading,
  scalars: Readonly<Record<string, readonly Scalar[]>>,
): Scalar[] {
  const { batch, heads, length, valueDim, causal, segments } = problem;
  const isToken = (sequence: number, i: number) =>
    isTokenOf(problem, Math.floor(sequence / heads), i);
  const y: Scalar[] = [];
  for (let sequence = 0; sequence < batch * heads; sequence++) {
    const token = (i: number): Token =>
      Object.fromEntries(
        // Those that may be left out are not among the scalars.
        Object.entries(recurrence.inputs).filter(([name]) => name in scalars)
          .map(([name, axes]) => {
            const columns = axes.slice(axes.includes("length") ? 3 : 1)
              .reduce((size, axis) => size * problem[axis]!, 1);
            const row = axes.includes("length")
              ? sequence * length + i
              : sequence % heads;
            return [
              name,
              scalars[name]!.slice(row * columns, (row + 1) * columns),
            ];
          }),
      );
    const tokens = Array.from({ length }, (_, i) => token(i));
    const sweep = (order: number[]) => {
      const [rows, columns] = recurrence.state(problem);
      const empty = (): State =>
        Array.from(
          { length: rows },
          () => Array.from({ length: columns }, () => constant(0)),
        );
      const start = Math.floor(sequence / heads) * length;
      const { initialState } = scalars;
      let state = initialState
        ? empty().map((row, n) =>
          row.map((_, e) => initialState[(sequence * rows + n) * columns + e]!)
        )
        : empty();
      let number = segments?.[start + order[0]!];
      const read: Scalar[][] = [];
      for (const i of order) {
        // Each packed sequence begins with nothing.
        if (segments?.[start + i] !== number) state = empty();
        number = segments?.[start + i];
        const before = state;
        const isPadding = !isToken(sequence, i);
        if (isPadding && recurrence.leavesOutPadding) continue;
        const { fade = (state: State) => state } = recurrence;
        state = fade(state, tokens[i]!);
        if (isPadding) continue;
        state = recurrence.write(state, tokens[i]!, before);
        read[i] = recurrence.read(state, tokens[i]!, before);
      }
      return read;
    };
    const order = tokens.map((_, i) => i);
    const past = sweep(order);
    const future = causal ? [] : sweep(order.toReversed());
    for (let i = 0; i < length; i++) {
      if (!isToken(sequence, i)) {
        for (let e = 0; e < valueDim; e++) y.push(constant(0));
        continue;
      }
      const own = recurrence.own(tokens[i]!);
      const read = past[i]!.map((x, e) =>
        causal ? x : minus(plus(x, future[i]![e]!), own[e]!)
      );
      y.push(...recurrence.output(read, tokens[i]!));
    }
  }
  return y;
}
