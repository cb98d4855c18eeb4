/** Transitions of rank one, whose states read themselves: token by token. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import { attendInSweeps } from "./contrib.ts";
import type { AttentionStyle } from "./style.ts";
import { type AttentionKind, tokensOf } from "./vectors.ts";

/** The tensors of transitions; `attention/planning/transition_kernel.ts` says what they are. */
export interface TransitionValues {
  /** Queries, `[batch, heads, length, headDim]`, times the scale. */
  readonly q: Value;
  /** Keys, `[batch, heads, length · steps, headDim]`. */
  readonly k: Value;
  /** Values, `[batch, heads, length · steps, valueDim]`. */
  readonly v: Value;
  readonly a?: Value | undefined;
  readonly b?: Value | undefined;
  /** `[batch, heads, length · steps, 1]` */
  readonly beta?: Value | undefined;
  /** Log decays of the sweep from the left, `[batch, heads, length, 1 or headDim]`. */
  readonly f?: Value | undefined;
  /** Log decays of the sweep from the right. */
  readonly g?: Value | undefined;
  /** The state before the first token, `[batch, heads, headDim, valueDim]`. */
  readonly before?: Value | undefined;
}

/** The sizes of transitions. */
export interface TransitionKind extends Omit<AttentionKind, "valueDim"> {
  /** `undefined` if each run has its own. */
  readonly valueDim: number | undefined;
  /** Steps of a token. */
  readonly steps: number;
}

/** Writes the outputs of tokens and the state of the sweep from the left after them. */
export function transition(
  graph: GraphBuilder,
  values: TransitionValues,
  kind: TransitionKind,
  { form }: AttentionStyle,
): { readonly y: Value; readonly forward: Value | undefined } {
  const { q, k, v, a, beta, f, g, before } = values;
  const isDeltaRule = beta !== undefined && kind.steps === 1;
  const { valueDim } = kind;
  if (form === "contrib" && isDeltaRule && !before && valueDim !== undefined) {
    const given = { q, k, v, ...gatesOf(graph, values, kind) };
    const y = attendInSweeps(graph, given, { ...kind, valueDim }, beta);
    return { y, forward: undefined };
  }
  const fromLeft = sweep(graph, values, kind, f, false);
  if (kind.causal) return { y: fromLeft.output, forward: fromLeft.state };
  const fromRight = sweep(graph, values, kind, g, true);
  const both = graph.add(fromLeft.output, fromRight.output);
  // Tokens of several steps count what they write twice, as the kernel does.
  if (kind.steps > 1) return { y: both, forward: undefined };
  const score = graph.sum(graph.multiply(q, k), 3);
  const strength = beta ? graph.multiply(score, beta) : score;
  const y = graph.subtract(both, graph.multiply(strength, v));
  return { y, forward: a ? undefined : fromLeft.state };
}

/** Gates as attention without transitions takes them: one per token has no axis of its own. */
function gatesOf(
  graph: GraphBuilder,
  { v, f, g }: TransitionValues,
  { isDiagonal, causal }: TransitionKind,
): { readonly f: Value; readonly b: Value | undefined } {
  const gate = (x: Value | undefined) =>
    x ? isDiagonal ? x : graph.squeeze(x, 3) : graph.zeros(tokensOf(graph, v));
  return { f: gate(f), b: causal ? undefined : gate(g) };
}

/** A sweep from one side, by a loop over tokens. */
function sweep(
  graph: GraphBuilder,
  { q, before, ...values }: TransitionValues,
  { headDim, valueDim, steps }: TransitionKind,
  gate: Value | undefined,
  reverse: boolean,
): { readonly output: Value; readonly state: Value } {
  const columns = { k: headDim, v: valueDim, a: headDim, b: headDim, beta: 1 };
  const names = (["k", "v", "a", "b", "beta"] as const)
    .filter((name) => values[name] !== undefined);
  const ofTokens = names.map((name) =>
    steps === 1
      ? values[name]!
      : graph.reshape(values[name]!, 0, 0, -1, steps, columns[name]!)
  );
  const given = [q, ...ofTokens, ...gate ? [gate] : []];
  const { states, output } = graph.scan({
    states: [before ?? noState(graph, q, values.v)],
    inputs: given.map((value) => ({ value, axis: 2 })),
    axis: 2,
    reverse,
    step: (graph, [state], [query, ...rows]) => {
      const decay = gate && rows[names.length];
      const ofStep = (row: Value, step: number) =>
        steps === 1
          ? row
          : graph.squeeze(graph.slice(row, 2, step, step + 1), 2);
      let next = state!;
      for (let step = 0; step < steps; step++) {
        const row = Object.fromEntries(
          names.map((name, i) => [name, ofStep(rows[i]!, step)] as const),
        );
        next = stepOf(graph, next, row, step === 0 ? decay : undefined);
      }
      const read = graph.product(graph.expandAxes(query!, 2), next);
      return { states: [next], output: graph.squeeze(read, 2) };
    },
  });
  return { output, state: states[0]! };
}

/** A state of zeros, `[batch, heads, headDim, valueDim]`. */
function noState(graph: GraphBuilder, q: Value, v: Value): Value {
  const sizes = [graph.shape(q, 0, 2), graph.size(q, 3), graph.size(v, 3)];
  return graph.zeros(graph.concat(sizes, 0));
}

/** The state after one step: `[batch, heads, headDim, valueDim]`; rows have their columns. */
function stepOf(
  graph: GraphBuilder,
  state: Value,
  row: Readonly<Record<string, Value>>,
  decay: Value | undefined,
): Value {
  const { k, v, a, b, beta } = row;
  const kept = decay
    ? graph.multiply(state, graph.exp(graph.expandAxes(decay, -1)))
    : state;
  const found = (key: Value, state: Value) =>
    graph.squeeze(graph.product(graph.expandAxes(key, 2), state), 2);
  const write = (state: Value, key: Value, value: Value) =>
    graph.add(
      state,
      graph.multiply(graph.expandAxes(key, 3), graph.expandAxes(value, 2)),
    );
  if (beta) {
    const missing = graph.subtract(v!, found(k!, kept));
    return write(kept, k!, graph.multiply(beta, missing));
  }
  const after = a ? write(kept, b ?? k!, found(a, state)) : kept;
  return write(after, k!, v!);
}
