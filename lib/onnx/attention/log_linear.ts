/** Log-linear attention, of all pairs of tokens at once or in chunks. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import { betweenChunks, inChunks, written } from "./chunkwise.ts";
import { positionsIn, segmentEnds } from "./segments.ts";
import { decayMask, LOWEST_LOG_DECAY, strictly } from "./mask.ts";
import type { AttentionStyle } from "./style.ts";
import { transposed, weighted } from "./vectors.ts";

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

/** The sizes of log-linear attention. */
export interface LogLinearKind {
  readonly headDim: number;
  readonly valueDim: number;
  /** How many levels have scales. */
  readonly levels: number;
  readonly causal: boolean;
}

/** Writes log-linear attention; packed sequences, whose blocks begin anywhere, in full. */
export function logLinearAttention(
  graph: GraphBuilder,
  values: LogLinearValues,
  kind: LogLinearKind,
  { form, chunkSize }: AttentionStyle,
): Value {
  if (form === "full" || values.segments) {
    return attendInFull(graph, values, kind.causal);
  }
  const size = 2 ** Math.floor(Math.log2(chunkSize));
  const fromLeft = attendInChunks(graph, values, kind, size, true);
  if (kind.causal) return fromLeft;
  const reversed = (x: Value) => graph.reverse(x, 2);
  const { q, k, v, logDecay, levelScales } = values;
  const turned: LogLinearValues = {
    ...{ q: reversed(q), k: reversed(k), v: reversed(v) },
    ...{ logDecay: reversed(logDecay), levelScales: reversed(levelScales) },
    segments: undefined,
  };
  const fromRight = attendInChunks(graph, turned, kind, size, false);
  return graph.add(fromLeft, reversed(fromRight));
}

/**
 * The tokens of a chunk at once, and for each level above them a state at each chunk, which
 * tokens read by their scale of that level.
 *
 * @param size Tokens per chunk, a power of two.
 * @param countsSelf Whether tokens read themselves.
 */
function attendInChunks(
  graph: GraphBuilder,
  { q, k, v, logDecay, levelScales }: LogLinearValues,
  { headDim, valueDim, levels }: LogLinearKind,
  size: number,
  countsSelf: boolean,
): Value {
  const length = graph.size(v, 2);
  const cut = (x: Value, ...columns: number[]) =>
    inChunks(graph, x, { length, size, columns });
  const queries = cut(q, headDim), keys = cut(k, headDim);
  const values = cut(v, valueDim), decay = cut(logDecay);
  const scales = cut(levelScales, levels);
  const own = graph.integers(size);
  const products = graph.product(queries, transposed(graph, keys, 5));
  const mask = countsSelf
    ? decayMask(graph, { f: decay, b: undefined }, own)
    : graph.multiply(
      decayMask(graph, { f: decay, b: undefined }, own),
      strictly(graph, "after", own),
    );
  const shape = graph.concat([graph.shape(queries, 0, 4), own], 0);
  const pairs = graph.broadcast(levelsOfPlaces(graph, own), shape);
  const weights = graph.node("GatherElements", [scales, pairs], {
    axis: { int: 4 },
  });
  const scores = graph.multiply(graph.multiply(products, mask), weights);
  let y = graph.product(scores, values);
  const within = 1 + Math.log2(size);
  if (levels > within) {
    const states = statesOfLevels(
      graph,
      { keys, values, decay },
      levels - within,
      { headDim, valueDim },
    );
    const arrived = graph.cumulativeSum(decay, 3);
    const readers = weighted(graph, queries, arrived, false);
    const read = graph.product(graph.expandAxes(readers, 2), states);
    // [batch, heads, levels, chunks, size, 1]
    const shares = graph.transpose(
      graph.expandAxes(graph.slice(scales, 4, within), 5),
      [0, 1, 4, 2, 3, 5],
    );
    y = graph.add(y, graph.sum(graph.multiply(read, shares), 2, false));
  }
  return graph.slice(graph.reshape(y, 0, 0, -1, valueDim), 2, 0, length);
}

/** The levels of pairs of as many places as `count` says, `[1, count, count]`, int64. */
function levelsOfPlaces(graph: GraphBuilder, count: Value): Value {
  return levelsBetween(graph, graph.expandAxes(graph.range(count), 0));
}

/** The states at each chunk, one for each level above chunks, of the chunks before it. */
function statesOfLevels(
  graph: GraphBuilder,
  chunks: Parameters<typeof written>[1],
  levels: number,
  { headDim, valueDim }: Pick<LogLinearKind, "headDim" | "valueDim">,
): Value {
  const rows = graph.reshape(
    written(graph, chunks, "forward", false),
    ...[0, 0, 0, -1],
  );
  const numbers = BigInt64Array.from(
    { length: levels },
    (_, i) => BigInt(i + 1),
  );
  const isOfLevel = graph.cast(
    graph.node("Equal", [
      levelsOfPlaces(graph, graph.size(chunks.decay, 2)),
      graph.constant("int64", [levels, 1, 1], numbers),
    ]),
    "float32",
  );
  const weights = graph.multiply(
    graph.expandAxes(betweenChunks(graph, chunks.decay, "forward"), 2),
    isOfLevel,
  );
  const states = graph.product(weights, graph.expandAxes(rows, 2));
  return graph.reshape(states, 0, 0, 0, 0, headDim, valueDim);
}

function attendInFull(
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
