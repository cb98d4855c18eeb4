/** Segments of packed sequences, in operators of ONNX. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";

/** Where neighbours, `[batch, length]`, differ, `[batch, length - 1]`. */
function changesIn(graph: GraphBuilder, segments: Value): Value {
  const neighbours = [
    graph.slice(segments, 1, 1),
    graph.slice(segments, 1, 0, -1),
  ];
  return graph.node("Not", [graph.node("Equal", neighbours)]);
}

/** Which tokens are the first of their segment, and which the last, `[batch, length]`, bool. */
export function segmentEnds(
  graph: GraphBuilder,
  segments: Value,
): { readonly first: Value; readonly last: Value } {
  const changes = changesIn(graph, segments);
  const shape = graph.concat([graph.size(segments, 0), graph.integers(1)], 0);
  const isEnd = graph.constant("bool", [], Uint8Array.of(1));
  const end = graph.broadcast(isEnd, shape);
  return {
    first: graph.concat([end, changes], 1),
    last: graph.concat([changes, end], 1),
  };
}

/** The position of each token within its segment, `[batch, length]`, int64. */
export function positionsIn(graph: GraphBuilder, segments: Value): Value {
  const { first } = segmentEnds(graph, segments);
  const shape = graph.shape(segments, 0), length = graph.size(segments, 1);
  const count = graph.cumulativeSum(graph.cast(first, "int64"), 1);
  const number = graph.subtract(count, graph.integer(1));
  const places = graph.broadcast(graph.range(length), shape);
  // The first place of each number.
  const starts = graph.node("ScatterElements", [
    graph.broadcast(length, shape),
    number,
    places,
  ], { axis: { int: 1 }, reduction: { string: "min" } });
  const start = graph.node("GatherElements", [starts, number], {
    axis: { int: 1 },
  });
  return graph.subtract(places, start);
}
