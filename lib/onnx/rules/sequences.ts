/** The rules of computations along a sequence that are recorded under a name. @module */
import { logLinearAttention } from "../attention/log_linear.ts";
import { positionsIn } from "../attention/segments.ts";
import type { GraphBuilder, Value } from "../graph_builder.ts";
import { rotated, summedAngles } from "./angles.ts";
import { fixed, isSet, type KernelCall, numberOf, type Rules } from "./rule.ts";

/** The grid to which logarithms of weights are rounded up, as `family/largest_weights.ts` does. */
const GRID = 2 ** -14;

/** A number below every logarithm of a weight. */
const LOWEST = -1e6;

/** The largest weight that each token reads, by a loop over tokens. */
function largestWeights(call: KernelCall): Value {
  const { graph, inputs: { logWeights, logDecays } } = call;
  const rounded = (x: Value) => {
    const steps = graph.divide(x, graph.number(GRID));
    return graph.multiply(graph.node("Ceil", [steps]), graph.number(GRID));
  };
  const [weights, decays] = [logWeights!, logDecays!].map(rounded);
  const lowest = graph.broadcast(
    graph.number(LOWEST),
    graph.shape(logWeights!, 0, 2),
  );
  return graph.scan({
    states: [lowest],
    inputs: [{ value: weights!, axis: 2 }, { value: decays!, axis: 2 }],
    axis: 2,
    reverse: call.attribute("side") === "after",
    step: (graph, [largest], [weight, decay]) => {
      const others = graph.add(largest!, decay!);
      const next = graph.node("Max", [weight!, others]);
      return { states: [next], output: next };
    },
  }).output;
}

/** Places as they are given, or 0, 1, …: `[batch or 1, length]`, float32. */
function placesOf(graph: GraphBuilder, x: Value, given: Value | undefined) {
  const places = given ??
    graph.expandAxes(graph.range(graph.size(x, 2)), 0);
  return graph.cast(places, "float32");
}

/** The rules of this file's computations. */
export const SEQUENCES: Rules = {
  LionLargestWeights: largestWeights,
  LionPositionsIn: ({ graph, inputs: { segments } }) =>
    graph.cast(positionsIn(graph, segments!), "float32"),
  LionPositionRows: (call) => {
    const { graph, inputs: { table, positions } } = call;
    const last = fixed(call, "rows", call.shapeOf("table")[0]) - 1;
    const known = graph.node("Min", [positions!, graph.number(last)]);
    const rows = graph.node("Gather", [table!, graph.cast(known, "int32")], {
      axis: { int: 0 },
    });
    const isBeyond = graph.node("Greater", [positions!, graph.number(last)]);
    return graph.where(
      graph.expandAxes(isBeyond, 2),
      graph.number(NaN),
      rows,
    );
  },
  LionSummedAngles: ({ graph, inputs: { angles } }) =>
    summedAngles(graph, angles!),
  LionRotated: (call) => {
    const { graph, inputs: { x, places } } = call;
    return rotated(graph, x!, {
      places: placesOf(graph, x!, places),
      headDim: fixed(call, "columns", call.shapeOf("x")[3]),
      base: numberOf(call, "base"),
      scale: numberOf(call, "scale"),
    });
  },
  LionLogLinearAttention: (call) => {
    const { q, k, v, logDecay, levelScales, segments } = call.inputs;
    const columns = (input: string) =>
      fixed(call, "columns", call.shapeOf(input)[3]);
    return logLinearAttention(
      call.graph,
      {
        ...{ q: q!, k: k!, v: v!, logDecay: logDecay! },
        ...{ levelScales: levelScales!, segments },
      },
      {
        ...{ headDim: columns("q"), valueDim: columns("v") },
        ...{ levels: columns("levelScales"), causal: isSet(call, "causal") },
      },
      call.style,
    );
  },
};
