/** Attention by ONNX Runtime's own operator `LinearAttention`, which is causal. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import {
  type AttentionKind,
  type AttentionValues,
  tokensOf,
} from "./vectors.ts";

/** The domain of ONNX Runtime's own operators. */
const DOMAIN = "com.microsoft";

/**
 * Two causal sweeps, without each token's own write, which both count; one sweep if
 * causal.
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
  const { heads, headDim, valueDim, isDiagonal } = kind;
  const { q, k, v, f, b } = withAllHeads(graph, given, kind);
  const rows = (x: Value, columns: number) =>
    graph.reshape(graph.transpose(x, [0, 2, 1, 3]), 0, 0, heads * columns);
  const perHead = (x: Value) => graph.transpose(x, [0, 2, 1]);
  const gates = (x: Value) => isDiagonal ? rows(x, headDim) : perHead(x);
  const strengths = beta && perHead(graph.squeeze(beta, 3));
  const sweep = (decay: Value, reverse: boolean) => {
    const turned = (x: Value) => reverse ? graph.reverse(x, 1) : x;
    const [queries, keys, values, gate] = [
      rows(q, headDim),
      rows(k, headDim),
      rows(v, valueDim),
      gates(decay),
    ].map(turned) as [Value, Value, Value, Value];
    const inputs = [queries, keys, values, "", gate];
    const [y] = graph.nodeOf(
      "LinearAttention",
      strengths ? [...inputs, turned(strengths)] : inputs,
      {
        attributes: {
          q_num_heads: { int: heads },
          kv_num_heads: { int: heads },
          update_rule: { string: beta ? "gated_delta" : "gated" },
          scale: { float: 1 },
        },
        // The operator is invalid without its second output, the state.
        outputs: 2,
        domain: DOMAIN,
      },
    );
    return turned(y!);
  };
  const inHeads = (x: Value) =>
    graph.transpose(graph.reshape(x, 0, 0, heads, valueDim), [0, 2, 1, 3]);
  const fromLeft = sweep(f, false);
  if (!b) return inHeads(fromLeft);
  const both = inHeads(graph.add(fromLeft, sweep(b, true)));
  const scores = graph.sum(graph.multiply(q, k), 3);
  const own = graph.multiply(scores, v);
  return graph.subtract(both, beta ? graph.multiply(own, beta) : own);
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
