/** Attention by ONNX Runtime's own operator `LinearAttention`, which is causal. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import { shifted } from "../shifted.ts";
import {
  type AttentionKind,
  type AttentionValues,
  tokensOf,
  weighted,
} from "./vectors.ts";

/** The domain of ONNX Runtime's own operators. */
const DOMAIN = "com.microsoft";

/**
 * A causal sweep and, unless causal, one from the right of all tokens but the reader
 * itself, whose own write counts once.
 *
 * @param beta β of the delta rule, `[batch, heads, length, 1]`; without it states read
 * nothing.
 * @returns `[batch, heads, length, valueDim]`
 */
export function attendInSweeps(
  graph: GraphBuilder,
  given: AttentionValues & { readonly f: Value },
  kind: AttentionKind,
  beta?: Value,
): Value {
  const { isDiagonal } = kind;
  const { q, k, v, f, b } = withAllHeads(graph, given, kind);
  const fromLeft = causalSweep(graph, { q, k, v, beta, decay: f }, kind, false);
  if (!b) return fromLeft;
  // The state at the next token, decayed, is what a token's own write adds to.
  const queries = beta ? withoutOwn(graph, { q, k, beta }) : q;
  const early = shifted(graph, weighted(graph, queries, b, isDiagonal), {
    ...{ axis: 2, by: 1, rank: 4 },
  });
  const sweep = { q: early, k, v, beta, decay: b };
  const fromRight = causalSweep(graph, sweep, kind, true);
  return graph.add(
    fromLeft,
    shifted(graph, fromRight, { axis: 2, by: -1, rank: 4 }),
  );
}

/** Queries of states before the delta rule has written: (I - β k kᵀ) q. */
function withoutOwn(
  graph: GraphBuilder,
  { q, k, beta }: Readonly<Record<"q" | "k" | "beta", Value>>,
): Value {
  const scores = graph.sum(graph.multiply(q, k), 3);
  return graph.subtract(
    q,
    graph.multiply(graph.multiply(scores, beta), k),
  );
}

/** The operator on tensors of all heads. */
function causalSweep(
  graph: GraphBuilder,
  { q, k, v, beta, decay }:
    & Readonly<Record<"q" | "k" | "v" | "decay", Value>>
    & {
      readonly beta: Value | undefined;
    },
  { heads, headDim, valueDim, isDiagonal }: AttentionKind,
  reverse: boolean,
): Value {
  const rows = (x: Value, columns: number) =>
    graph.reshape(graph.transpose(x, [0, 2, 1, 3]), 0, 0, heads * columns);
  const perHead = (x: Value) => graph.transpose(x, [0, 2, 1]);
  const turned = (x: Value) => reverse ? graph.reverse(x, 1) : x;
  const inputs = [
    turned(rows(q, headDim)),
    turned(rows(k, headDim)),
    turned(rows(v, valueDim)),
    "",
    turned(isDiagonal ? rows(decay, headDim) : perHead(decay)),
    ...beta ? [turned(perHead(graph.squeeze(beta, 3)))] : [],
  ];
  const [y] = graph.nodeOf("LinearAttention", inputs, {
    attributes: {
      q_num_heads: { int: heads },
      kv_num_heads: { int: heads },
      update_rule: { string: beta ? "gated_delta" : "gated" },
      scale: { float: 1 },
    },
    // The operator is invalid without its second output, the state.
    outputs: 2,
    domain: DOMAIN,
  });
  const apart = graph.reshape(turned(y!), 0, 0, heads, valueDim);
  return graph.transpose(apart, [0, 2, 1, 3]);
}

/** The tensors with as many sequences and heads as v: the operator broadcasts none. */
function withAllHeads(
  graph: GraphBuilder,
  { q, k, v, f, b }: AttentionValues & { readonly f: Value },
  { headDim, isDiagonal }: AttentionKind,
): AttentionValues & { readonly f: Value } {
  const tokens = tokensOf(graph, v);
  const ofChannels = graph.concat([tokens, graph.integers(headDim)], 0);
  const decays = (x: Value) =>
    graph.broadcast(x, isDiagonal ? ofChannels : tokens);
  return {
    ...{ q: graph.broadcast(q, ofChannels), k: graph.broadcast(k, ofChannels) },
    ...{ v, f: decays(f), b: b && decays(b) },
  };
}
