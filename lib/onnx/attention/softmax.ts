/** Softmax attention, all pairs of tokens at once. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import { type Decays, logMask } from "./mask.ts";
import { transposed } from "./vectors.ts";

/** A score that no token is read with. */
const HIDDEN = -1e30;

/** The tensors of softmax attention. */
export interface SoftmaxValues extends Decays {
  /** Queries, `[batch, heads, length, headDim]`. */
  readonly q: Value;
  /** Keys, `[batch, heads, length, headDim]`. */
  readonly k: Value;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: Value;
  /** `[batch, length]`, 0 at padding. */
  readonly mask: Value | undefined;
  /** `[batch, length]`: tokens read those of the same number. */
  readonly segments: Value | undefined;
}

/** Writes softmax attention; its output at padding is 0. */
export function softmaxAttention(
  graph: GraphBuilder,
  { q, k, v, f, b, mask, segments }: SoftmaxValues,
  { causal, scale }: { readonly causal: boolean; readonly scale: number },
): Value {
  const length = graph.size(q, 2);
  const queries = graph.multiply(q, graph.number(scale));
  let scores = graph.product(queries, transposed(graph, k, 4));
  const hide = (isRead: Value) => {
    scores = graph.where(isRead, scores, graph.number(HIDDEN));
  };
  if (f) scores = graph.add(scores, logMask(graph, { f, b }, length));
  const isToken = mask && graph.cast(mask, "bool");
  if (isToken) hide(graph.expandAxes(isToken, 1, 2));
  if (causal) {
    const places = graph.range(length);
    const [reader, source] = [1, 0]
      .map((axis) => graph.expandAxes(places, axis));
    hide(graph.node("GreaterOrEqual", [reader!, source!]));
  }
  if (segments) {
    const [reader, source] = [2, 1]
      .map((axis) => graph.expandAxes(segments, axis));
    hide(graph.expandAxes(graph.node("Equal", [reader!, source!]), 1));
  }
  const weights = graph.node("Softmax", [scores], { axis: { int: -1 } });
  const y = graph.product(weights, v);
  if (!isToken) return y;
  return graph.where(graph.expandAxes(isToken, 1, 3), y, graph.number(0));
}
