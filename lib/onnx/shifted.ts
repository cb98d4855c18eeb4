/** Tensors whose elements move along an axis. @module */
import type { GraphBuilder, Value } from "./graph_builder.ts";

/**
 * x moved by some places along an axis, towards its end if `by` is above 0, with zeros
 * where nothing comes from. It is padded first: it may be shorter than that.
 */
export function shifted(
  graph: GraphBuilder,
  x: Value,
  { axis, by, rank }: {
    readonly axis: number;
    readonly by: number;
    readonly rank: number;
  },
): Value {
  if (by === 0) return x;
  const pads = Array<number>(2 * rank).fill(0);
  pads[by > 0 ? axis : rank + axis] = Math.abs(by);
  const padded = graph.pad(x, graph.integers(...pads));
  return by > 0
    ? graph.slice(padded, axis, 0, graph.size(x, axis))
    : graph.slice(padded, axis, -by);
}
