/** Log-linear attention, all pairs of tokens at once. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import { positionsIn, segmentEnds } from "./segments.ts";
import { decayMask, LOWEST_LOG_DECAY, strictly } from "./mask.ts";
import { transposed } from "./vectors.ts";

/** The tensors of log-linear attention. */
export interface LogLinearValues {
  /** Queries, `[batch, heads, length, headDim]`, times the scale. */
  readonly q: Value;
  /** Keys, `[batch, heads, length, headDim]`. */
  readonly k: Value;
  /** Values, `[batch, heads, length, valueDim]`. */
  readonly v: Value;
  /** `[batch or 1, heads, length]` */
  readonly logDecay: Value;
  /** `[batch, heads, length, levels]`; there are all levels. */
  readonly levelScales: Value;
  /** `[batch, length]` */
  readonly segments: Value | undefined;
}

/** Writes log-linear attention. */
export function logLinearAttention(
  graph: GraphBuilder,
  { q, k, v, logDecay, levelScales, segments }: LogLinearValues,
  causal: boolean,
): Value {
  const length = graph.size(q, 2);
  const levels = levelsOfPairs(graph, length, segments, causal);
  const perHead = graph.broadcast(
    graph.expandAxes(levels, 1),
    graph.concat([graph.shape(q, 0, 2), length, length], 0),
  );
  const weights = graph.node("GatherElements", [levelScales, perHead], {
    axis: { int: 3 },
  });
  const border = (end: Value | undefined) =>
    end === undefined ? logDecay : graph.where(
      graph.expandAxes(end, 1),
      graph.number(LOWEST_LOG_DECAY),
      logDecay,
    );
  const ends = segments === undefined
    ? undefined
    : segmentEnds(graph, segments);
  const decays = {
    f: border(ends?.first),
    b: causal ? undefined : border(ends?.last),
  };
  const scores = graph.product(q, transposed(graph, k, 4));
  const mask = decayMask(graph, decays, length);
  const read = graph.multiply(graph.multiply(scores, mask), weights);
  return graph.product(read, v);
}

/** The level of each reader and source, `[batch or 1, length, length]`, int64. */
function levelsOfPairs(
  graph: GraphBuilder,
  length: Value,
  segments: Value | undefined,
  causal: boolean,
): Value {
  const places = graph.expandAxes(graph.range(length), 0);
  const fromLeft = segments ? positionsIn(graph, segments) : places;
  const before = levelsBetween(graph, fromLeft);
  if (causal) return before;
  const fromRight = segments
    ? graph.reverse(positionsIn(graph, graph.reverse(segments, 1)), 1)
    : graph.reverse(places, 1);
  const isLater = graph.cast(strictly(graph, "before", length), "bool");
  return graph.where(isLater, levelsBetween(graph, fromRight), before);
}

/**
 * How often places, `[batch or 1, length]`, have to be halved until they are the same, the
 * bit length of i xor j; at padding of segments they are far apart, and read nothing.
 */
function levelsBetween(graph: GraphBuilder, places: Value): Value {
  const [reader, source] = [2, 1].map((axis) => graph.expandAxes(places, axis));
  const bits = graph.cast(
    graph.node("BitwiseXor", [reader!, source!]),
    "float32",
  );
  // Between powers of two, no rounding reaches the next one.
  const logarithm = graph.multiply(
    graph.node("Log", [graph.add(bits, graph.number(0.5))]),
    graph.number(1 / Math.LN2),
  );
  const whole = graph.add(graph.node("Floor", [logarithm]), graph.number(1));
  return graph.cast(whole, "int64");
}
