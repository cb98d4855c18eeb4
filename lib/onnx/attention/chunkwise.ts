/** Attention in chunks, in time and memory that grow with the length. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import { decayMask, strictly } from "./mask.ts";
import {
  type AttentionKind,
  type AttentionValues,
  transposed,
  weighted,
} from "./vectors.ts";

/**
 * `Σ_j M_ij (q_i · k_j) v_j`: pairs within a chunk by their mask, and other chunks by
 * their states, each of them decayed by the mask of the chunks' own decays.
 *
 * @param size Tokens per chunk.
 * @returns `[batch, heads, length, valueDim]`
 */
export function attendInChunks(
  graph: GraphBuilder,
  { q, k, v, f, b }: AttentionValues & { readonly f: Value },
  { headDim, valueDim, isDiagonal }: AttentionKind,
  size: number,
): Value {
  const length = graph.size(v, 2);
  const cut = (x: Value, ...columns: number[]) =>
    inChunks(graph, x, { length, size, columns });
  const perToken = isDiagonal ? [headDim] : [];
  const queries = cut(q, headDim), keys = cut(k, headDim);
  const values = cut(v, valueDim);
  const decays = { f: cut(f, ...perToken), b: b && cut(b, ...perToken) };
  const scores = isDiagonal
    ? scoresByColumn(graph, queries, keys, decays, size)
    : graph.multiply(
      graph.product(queries, transposed(graph, keys, 5)),
      decayMask(graph, decays, graph.integers(size)),
    );
  const within = graph.product(scores, values);
  const read = (decay: Value, side: Side) => {
    const states = isDiagonal ? statesByScan : statesByMask;
    const chunks = { keys, values, decay };
    const before = states(graph, chunks, side, { headDim, valueDim });
    const arrived = graph.cumulativeSum(decay, 3, {
      reverse: side === "backward",
    });
    return graph.product(
      weighted(graph, queries, arrived, isDiagonal),
      before,
    );
  };
  const fromLeft = graph.add(within, read(decays.f, "forward"));
  const all = decays.b
    ? graph.add(fromLeft, read(decays.b, "backward"))
    : fromLeft;
  return graph.slice(graph.reshape(all, 0, 0, -1, valueDim), 2, 0, length);
}

/** The side from which states come. */
export type Side = "forward" | "backward";

/** The keys, values and log decays of one side, `[batch, heads, chunks, size, ...]`. */
export interface Chunks {
  readonly keys: Value;
  readonly values: Value;
  readonly decay: Value;
}

/** x, `[batch, heads, length, ...]`, with zeros behind, `[batch, heads, chunks, size, ...]`. */
export function inChunks(
  graph: GraphBuilder,
  x: Value,
  { length, size, columns }: {
    readonly length: Value;
    readonly size: number;
    readonly columns: readonly number[];
  },
): Value {
  const missing = graph.node("Mod", [
    graph.negate(length),
    graph.integers(size),
  ]);
  const none = (axes: number) => graph.integers(...Array(axes).fill(0));
  const pads = graph.concat([
    none(3 + columns.length),
    none(2),
    missing,
    ...(columns.length > 0 ? [none(columns.length)] : []),
  ], 0);
  return graph.reshape(graph.pad(x, pads), 0, 0, -1, size, ...columns);
}

/** Scores with a decay per channel: each column sums its own path. */
function scoresByColumn(
  graph: GraphBuilder,
  queries: Value,
  keys: Value,
  { f, b }: { readonly f: Value; readonly b: Value | undefined },
  size: number,
): Value {
  const length = graph.integers(size);
  const sums = (decay: Value, side: "after" | "before") => {
    const isOnPath = graph.expandAxes(strictly(graph, side, length), -1);
    const steps = graph.multiply(graph.expandAxes(decay, 4), isOnPath);
    return graph.cumulativeSum(steps, 3, { reverse: side === "before" });
  };
  const fromLeft = sums(f, "after");
  const logWeights = b ? graph.add(fromLeft, sums(b, "before")) : fromLeft;
  // [batch, heads, chunks, readers, sources, headDim]
  const weights = graph.multiply(
    graph.exp(logWeights),
    graph.expandAxes(keys, 3),
  );
  const products = graph.product(weights, graph.expandAxes(queries, 5));
  const scores = graph.squeeze(products, 5);
  if (b) return scores;
  const unread = strictly(graph, "before", length);
  return graph.multiply(scores, graph.subtract(graph.number(1), unread));
}

/** The states that chunks write, `[batch, heads, chunks, headDim, valueDim]`. */
export function written(
  graph: GraphBuilder,
  { keys, values, decay }: Chunks,
  side: Side,
  isDiagonal: boolean,
): Value {
  const toEnd = graph.cumulativeSum(decay, 3, {
    exclusive: true,
    reverse: side === "forward",
  });
  const decayed = weighted(graph, keys, toEnd, isDiagonal);
  return graph.product(transposed(graph, decayed, 5), values);
}

/** The state at each chunk: of all chunks on its side, decayed by those strictly between. */
function statesByMask(graph: GraphBuilder, chunks: Chunks, side: Side): Value {
  const states = written(graph, chunks, side, false);
  const rows = graph.reshape(states, 0, 0, 0, -1);
  const read = graph.product(betweenChunks(graph, chunks.decay, side), rows);
  return graph.reshapeTo(read, graph.shape(states, 0));
}

/**
 * What is left of each chunk's state on the way to each other chunk on a side, before that
 * decays it; 0 for chunks of the other side.
 *
 * @param decay `[batch, heads, chunks, size]`
 * @returns `[batch, heads, chunks, chunks]`
 */
export function betweenChunks(
  graph: GraphBuilder,
  decay: Value,
  side: Side,
): Value {
  const through = graph.sum(decay, 3, false);
  const isBetween = strictly(
    graph,
    side === "forward" ? "after" : "before",
    graph.size(decay, 2),
  );
  const steps = graph.multiply(graph.expandAxes(through, -1), isBetween);
  const sums = graph.cumulativeSum(steps, -2, {
    exclusive: true,
    reverse: side === "backward",
  });
  return graph.multiply(graph.exp(sums), isBetween);
}

/** Computes the states at chunks by a loop, since a mask per channel would be large. */
function statesByScan(
  graph: GraphBuilder,
  chunks: Chunks,
  side: Side,
  { headDim, valueDim }: Pick<AttentionKind, "headDim" | "valueDim">,
): Value {
  const states = written(graph, chunks, side, true);
  const through = graph.sum(chunks.decay, 3, false);
  const sequences = graph.shape(states, 0, 2);
  const sizes = graph.concat([sequences, graph.integers(headDim, valueDim)], 0);
  return graph.scan({
    states: [graph.zeros(sizes)],
    inputs: [{ value: states, axis: 2 }, { value: through, axis: 2 }],
    axis: 2,
    reverse: side === "backward",
    step: (graph, [before], [own, decay]) => {
      const kept = weighted(graph, before!, graph.expandAxes(decay!, -1), true);
      return { states: [graph.add(kept, own!)], output: before! };
    },
  }).output;
}
