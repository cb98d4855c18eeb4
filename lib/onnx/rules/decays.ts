/** The rules of kernels that make log decays. @module */
import { LOWEST_LOG_DECAY } from "../attention/mask.ts";
import type { GraphBuilder, Value } from "../graph_builder.ts";
import type { Size } from "../sizes.ts";
import type { KernelCall, Rules } from "./rule.ts";
import { shifted } from "../shifted.ts";

/** log σ(x) */
function logSigmoid(graph: GraphBuilder, x: Value): Value {
  return graph.negate(graph.node("Softplus", [graph.negate(x)]));
}

function finite(graph: GraphBuilder, x: Value): Value {
  return graph.node("Max", [x, graph.number(LOWEST_LOG_DECAY)]);
}

/** log σ(-x) of each token and head, but for the one that does not decay. */
function tokenLogDecay(call: KernelCall): Value {
  const { graph, inputs: { x } } = call;
  const decays = graph.negate(graph.node("Softplus", [x!]));
  const y = graph.transpose(decays, [0, 2, 1]);
  const kept = call.attribute("kept") as Size;
  if (kept === -1) return y;
  const places = graph.range(graph.size(y, 2));
  const isKept = graph.node("Equal", [places, call.list([kept])]);
  return graph.where(isKept, graph.number(0), y);
}

/** Log decays of the tokens before, and after, `[batch, heads, length]`. */
function onArrival(graph: GraphBuilder, logDecay: Value): Value[] {
  const decays = finite(graph, logDecay);
  return [1, -1].map((by) => shifted(graph, decays, { axis: 2, by, rank: 3 }));
}

/** The rules of this file's kernels. */
export const DECAYS: Rules = {
  LionLogSigmoid: ({ graph, inputs: { x } }) => logSigmoid(graph, x!),
  LionFiniteDecay: ({ graph, inputs: { x } }) => finite(graph, x!),
  LionTokenLogDecay: tokenLogDecay,
  LionSourceDecay: ({ graph, inputs: { logDecay } }) =>
    onArrival(graph, logDecay!),
  LionTokenDecays: (call) => onArrival(call.graph, tokenLogDecay(call)),
  LionFixedDecay: (call) => {
    const { graph, inputs: { logDecay } } = call;
    const perHead = graph.expandAxes(finite(graph, logDecay!), 0, 2);
    const y = graph.broadcast(perHead, call.list(call.outputShape()));
    return [y, y];
  },
  LionSpread: (call) =>
    call.graph.broadcast(call.inputs["x"]!, call.list(call.outputShape())),
};
