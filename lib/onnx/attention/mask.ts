/** Masks of decays and of places, for as many tokens as a run has. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";

/** The lowest log decay, whose exponential is 0, and which is finite. */
export const LOWEST_LOG_DECAY = -1e4;

/** Log decays on arriving at each token, `[batch or 1, heads, ..., length]`. */
export interface Decays {
  readonly f: Value | undefined;
  readonly b: Value | undefined;
}

/**
 * A matrix with 1 where reader i comes strictly after (or before) source j, 0 elsewhere.
 *
 * @param length The number of tokens, a list of one integer.
 */
export function strictly(
  graph: GraphBuilder,
  side: "after" | "before",
  length: Value,
): Value {
  const places = graph.cast(graph.range(length), "float32");
  const [reader, source] = [1, 0].map((axis) => graph.expandAxes(places, axis));
  const ahead = side === "after"
    ? graph.subtract(reader!, source!)
    : graph.subtract(source!, reader!);
  return graph.node("Clip", [ahead, graph.number(0), graph.number(1)]);
}

/** The sums of log decays on the path from each source to each reader, of each side. */
function pathSums(
  graph: GraphBuilder,
  { f, b }: Decays,
  length: Value,
): Value[] {
  // Each column sums its own path, token by token: differences of sums would cancel.
  const sums: Value[] = [];
  if (f) {
    const after = strictly(graph, "after", length);
    const steps = graph.multiply(graph.expandAxes(f, -1), after);
    sums.push(graph.cumulativeSum(steps, -2));
  }
  if (b) {
    const before = strictly(graph, "before", length);
    const steps = graph.multiply(graph.expandAxes(b, -1), before);
    sums.push(graph.cumulativeSum(steps, -2, { reverse: true }));
  }
  return sums;
}

/** The logarithm of {@linkcode decayMask}, without what a single side hides. */
export function logMask(
  graph: GraphBuilder,
  decays: Decays,
  length: Value,
): Value {
  return pathSums(graph, decays, length)
    .reduce((sum, side) => graph.add(sum, side));
}

/** The decays of all paths from source to reader as one matrix; 0 where a side is not read. */
export function decayMask(
  graph: GraphBuilder,
  decays: Decays,
  length: Value,
): Value {
  const mask = graph.exp(logMask(graph, decays, length));
  if (decays.f && decays.b) return mask;
  const unread = strictly(graph, decays.f ? "before" : "after", length);
  return graph.multiply(mask, graph.subtract(graph.number(1), unread));
}
