/** The rules of kernels around mixers that read a sequence from both ends. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import { fixed, type KernelCall, numberOf, type Rules } from "./rule.ts";
import { shifted } from "../shifted.ts";
import { summedAngles, turnedBy } from "./angles.ts";

/** `forward`, and `backward` with its tokens reversed, as one batch. */
function inBothDirections(
  graph: GraphBuilder,
  [forward, backward]: readonly [Value, Value],
  axis: number,
): Value {
  return graph.concat([forward, graph.reverse(backward, axis)], 0);
}

function splitDirections(call: KernelCall): Value[] {
  const { graph, inputs: { mixed, dt } } = call;
  const state = numberOf(call, "stateDim");
  const columns = fixed(call, "columns", call.shapeOf("mixed").at(-1));
  const channels = columns - 4 * state;
  const heads = fixed(call, "heads", call.shapeOf("dt")[1]);
  const sizes = graph.integers(channels, state, state, state, state);
  const [x, k, q, backK, backQ] = graph.nodeOf("Split", [mixed!, sizes], {
    attributes: { axis: { int: 2 } },
    outputs: 5,
  }) as [Value, Value, Value, Value, Value];
  const both = (forward: Value, backward: Value) =>
    inBothDirections(graph, [forward, backward], 1);
  const values = graph.transpose(
    graph.reshape(both(x, x), 0, 0, heads, channels / heads),
    [0, 2, 1, 3],
  );
  return [
    x,
    graph.expandAxes(both(q, backQ), 1),
    graph.expandAxes(both(k, backK), 1),
    graph.multiply(values, graph.expandAxes(dt!, 3)),
  ];
}

/** The two halves of a batch. */
function halves(graph: GraphBuilder, x: Value): [Value, Value] {
  const all = graph.size(x, 0);
  const half = graph.node("Div", [all, graph.integers(2)]);
  return [graph.slice(x, 0, 0, half), graph.slice(x, 0, half)];
}

function joinDirections(call: KernelCall): Value {
  const { graph, inputs: { read, x, own, segments } } = call;
  const [heads, columns] = [1, 3].map((axis) =>
    fixed(call, "sizes", call.shapeOf("read")[axis])
  ) as [number, number];
  const rows = graph.reshape(
    graph.transpose(read!, [0, 2, 1, 3]),
    ...[0, 0, heads * columns],
  );
  const [before, after] = halves(graph, rows);
  const numbers = segments && graph.expandAxes(segments, 2);
  const neighbour = (values: Value, by: number) => {
    const at = { axis: 1, by, rank: 3 };
    const given = shifted(graph, values, at);
    if (!numbers) return given;
    const isSame = graph.node("Equal", [shifted(graph, numbers, at), numbers]);
    return graph.where(isSame, given, graph.number(0));
  };
  const fromOthers = graph.add(
    neighbour(before, 1),
    neighbour(graph.reverse(after, 1), -1),
  );
  const perHead = graph.reshape(x!, 0, 0, heads, columns);
  const itself = graph.multiply(perHead, graph.expandAxes(own!, 3));
  return graph.add(fromOthers, graph.reshape(itself, 0, 0, heads * columns));
}

function turnSweeps(call: KernelCall): Value[] {
  const { graph, inputs: { x, b, c, after, before, phase } } = call;
  const inSweeps = (x: Value) =>
    before ? inBothDirections(graph, [x, x], 2) : x;
  const turn = (vectors: Value) => {
    if (!phase) return inSweeps(vectors);
    const angles = summedAngles(graph, inSweeps(phase));
    const count = fixed(call, "angles", call.shapeOf("phase")[3]);
    const headDim = fixed(call, "columns", call.shapeOf("b")[3]);
    return turnedBy(graph, inSweeps(vectors), { angles, count, headDim });
  };
  const weighed = (weights: Value) =>
    graph.multiply(x!, graph.expandAxes(weights, 3));
  return [
    turn(c!),
    turn(b!),
    before
      ? inBothDirections(graph, [weighed(after!), weighed(before)], 2)
      : weighed(after!),
    graph.sum(graph.multiply(c!, b!), 3, false),
  ];
}

function joinSweeps(call: KernelCall): Value {
  const { graph, inputs: { read, x, own } } = call;
  const share = graph.multiply(x!, graph.expandAxes(own!, 3));
  const [batch, all] = [call.shapeOf("x")[0], call.shapeOf("read")[0]];
  if (JSON.stringify(batch) === JSON.stringify(all)) {
    return graph.add(read!, share);
  }
  const [before, after] = halves(graph, read!);
  return graph.add(graph.add(before, graph.reverse(after, 2)), share);
}

/** The rules of this file's kernels. */
export const SWEEPS: Rules = {
  LionSplitDirections: splitDirections,
  LionJoinDirections: joinDirections,
  LionTurnSweeps: turnSweeps,
  LionJoinSweeps: joinSweeps,
};
