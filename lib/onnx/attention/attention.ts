/** Attention of LION in each form, with states of tokens before and after. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import { attendInChunks } from "./chunkwise.ts";
import { attendInSweeps } from "./contrib.ts";
import { decayMask, LOWEST_LOG_DECAY } from "./mask.ts";
import type { AttentionStyle } from "./style.ts";
import {
  type AttentionKind,
  type AttentionValues,
  tokensOf,
  transposed,
  weighted,
  withOnes,
} from "./vectors.ts";

/** A call of attention. */
export interface AttentionCall {
  readonly values: AttentionValues;
  readonly kind: AttentionKind;
  /** The factor of queries. */
  readonly scale: number;
  /** Whether rows are divided by their sum. */
  readonly normalize: boolean;
  /** A number that is added to the sum of a row. */
  readonly epsilon: number;
  /** The states of the tokens before and after, `[batch, heads, headDim, valueDim + 1]`. */
  readonly outer: { readonly before?: Value; readonly after?: Value };
  /** Whether the states after these tokens are read. */
  readonly hasStates: boolean;
}

/** The results of attention. */
export interface AttentionResult {
  /** `[batch, heads, length, valueDim]` */
  readonly y: Value;
  readonly forward?: Value;
  readonly backward?: Value;
}

/** Writes a call of attention. */
export function attend(
  graph: GraphBuilder,
  { values: given, kind, scale, normalize, epsilon, outer, hasStates }:
    AttentionCall,
  style: AttentionStyle,
): AttentionResult {
  const needsSums = normalize || hasStates;
  const queries = scale === 1
    ? given.q
    : graph.multiply(given.q, graph.number(scale));
  const values: AttentionValues = {
    ...{ q: queries, k: given.k },
    v: needsSums ? withOnes(graph, given.v) : given.v,
    ...finiteDecays(graph, given, kind),
  };
  const columns = kind.valueDim + Number(needsSums);
  const ofValues = { ...kind, valueDim: columns };
  const here = weigh(graph, values, ofValues, style);
  const sums = readStates(graph, values, outer, { sums: here, kind: ofValues });
  const y = needsSums ? graph.slice(sums, 3, 0, kind.valueDim) : sums;
  const divisor = normalize && graph.add(
    graph.slice(sums, 3, kind.valueDim, columns),
    graph.number(epsilon),
  );
  const result = { y: divisor ? graph.divide(y, divisor) : y };
  if (!hasStates) return result;
  const state = (side: "before" | "after") =>
    stateBeyond(graph, values, { side, given: outer[side], kind });
  const forward = state("before");
  return kind.causal
    ? { ...result, forward }
    : { ...result, forward, backward: state("after") };
}

/** Decays per channel may be -Infinity, which times 0 would be NaN. */
function finiteDecays(
  graph: GraphBuilder,
  { f, b }: AttentionValues,
  { isDiagonal }: AttentionKind,
): Pick<AttentionValues, "f" | "b"> {
  const finite = (x: Value | undefined) =>
    x && isDiagonal
      ? graph.node("Max", [x, graph.number(LOWEST_LOG_DECAY)])
      : x;
  return { f: finite(f), b: finite(b) };
}

/** `Σ_j M_ij (q_i · k_j) v_j` of these tokens alone. */
function weigh(
  graph: GraphBuilder,
  { q, k, v, f, b }: AttentionValues,
  kind: AttentionKind,
  { form, chunkSize, diagonalChunkSize }: AttentionStyle,
): Value {
  if (!f && !kind.causal) { // All tokens read one state.
    const state = graph.product(transposed(graph, k, 4), v);
    return graph.product(q, state);
  }
  const decays = { f: f ?? graph.zeros(tokensOf(graph, v)), b };
  const values = { q, k, v, ...decays };
  if (form === "contrib") return attendInSweeps(graph, values, kind);
  if (form === "full" && !kind.isDiagonal) {
    const scores = graph.product(q, transposed(graph, k, 4));
    const mask = decayMask(graph, decays, graph.size(v, 2));
    return graph.product(graph.multiply(scores, mask), v);
  }
  const size = kind.isDiagonal ? diagonalChunkSize : chunkSize;
  return attendInChunks(graph, values, kind, size);
}

/** Adds what tokens read of the states of tokens before and after them. */
function readStates(
  graph: GraphBuilder,
  { q, f, b }: AttentionValues,
  { before, after }: AttentionCall["outer"],
  { sums, kind }: { readonly sums: Value; readonly kind: AttentionKind },
): Value {
  const read = (
    sums: Value,
    state: Value | undefined,
    decay: Value | undefined,
    reverse: boolean,
  ) => {
    if (!state) return sums;
    const queries = decay
      ? weighted(
        graph,
        q,
        graph.cumulativeSum(decay, 2, { reverse }),
        kind.isDiagonal,
      )
      : q;
    return graph.add(sums, graph.product(queries, state));
  };
  return read(read(sums, before, f, false), after, b, true);
}

/** A state for the tokens after (before) these: of these, and of those before (after) them. */
function stateBeyond(
  graph: GraphBuilder,
  { k, v, f, b }: AttentionValues,
  { side, given, kind }: {
    readonly side: "before" | "after";
    readonly given: Value | undefined;
    readonly kind: AttentionKind;
  },
): Value {
  const decay = side === "before" ? f : b, { isDiagonal } = kind;
  const keys = decay
    ? weighted(
      graph,
      k,
      graph.cumulativeSum(decay, 2, {
        exclusive: true,
        reverse: side === "before",
      }),
      isDiagonal,
    )
    : k;
  const written = graph.product(transposed(graph, keys, 4), v);
  if (!given) return written;
  const through = decay && graph.sum(decay, 2, false);
  if (!through) return graph.add(given, written);
  const perRow = graph.expandAxes(through, ...(isDiagonal ? [3] : [2, 3]));
  return graph.add(graph.multiply(given, graph.exp(perRow)), written);
}
