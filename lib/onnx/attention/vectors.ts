/** The tensors and sizes of attention, and small graphs of them. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import type { Decays } from "./mask.ts";

/** The tensors of attention, all float32. */
export interface AttentionValues extends Decays {
  /** Queries, `[batch, heads or 1, length, headDim]`. */
  readonly q: Value;
  /** Keys, `[batch, heads or 1, length, headDim]`. */
  readonly k: Value;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: Value;
}

/** The sizes of attention, and what of it is read. */
export interface AttentionKind {
  readonly heads: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Whether log decays are one per channel, `[batch or 1, heads, length, headDim]`. */
  readonly isDiagonal: boolean;
  readonly causal: boolean;
}

/** The batch, heads and length of v, as a list of integers. */
export function tokensOf(graph: GraphBuilder, v: Value): Value {
  return graph.shape(v, 0, 3);
}

/** The values with a column of ones, whose attention is the sum of a row. */
export function withOnes(graph: GraphBuilder, v: Value): Value {
  const shape = graph.concat([tokensOf(graph, v), graph.integers(1)], 0);
  return graph.concat([v, graph.broadcast(graph.number(1), shape)], 3);
}

/** x times the exponentials of logarithms, one per row, or one per element. */
export function weighted(
  graph: GraphBuilder,
  x: Value,
  logWeights: Value,
  isDiagonal: boolean,
): Value {
  const each = isDiagonal ? logWeights : graph.expandAxes(logWeights, -1);
  return graph.multiply(x, graph.exp(each));
}

/** A matrix with its last two of `rank` axes exchanged. */
export function transposed(
  graph: GraphBuilder,
  x: Value,
  rank: number,
): Value {
  const axes = Array.from({ length: rank - 2 }, (_, axis) => axis);
  return graph.transpose(x, [...axes, rank - 1, rank - 2]);
}
