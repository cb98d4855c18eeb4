/** The rules of the kernels of attention. @module */
import { attend } from "../attention/attention.ts";
import { softmaxAttention } from "../attention/softmax.ts";
import { transition } from "../attention/transitions.ts";
import type { AttentionKind } from "../attention/vectors.ts";
import type { Value } from "../graph_builder.ts";
import {
  fixed,
  isSet,
  type KernelCall,
  numberOf,
  type Rule,
  type Rules,
} from "./rule.ts";

/** The sizes of a call whose gates have one number per token, or one per channel. */
function kindOf(call: KernelCall, isDiagonal: boolean): AttentionKind {
  const size = (input: string, axis: number) =>
    fixed(call, "sizes", call.shapeOf(input)[axis]);
  return {
    ...{ heads: size("v", 1), headDim: size("q", 3), valueDim: size("v", 3) },
    ...{ isDiagonal, causal: isSet(call, "causal") },
  };
}

const lion: Rule = (call) => {
  const { graph, inputs: { q, k, v, f, b, before, after } } = call;
  const isDiagonal = f !== undefined && call.shapeOf("f").length === 4;
  const kind = kindOf(call, isDiagonal);
  const { y, forward, backward } = attend(graph, {
    values: { q: q!, k: k!, v: v!, f, b },
    kind,
    scale: numberOf(call, "scale"),
    normalize: isSet(call, "normalize"),
    epsilon: numberOf(call, "epsilon"),
    outer: { ...before && { before }, ...after && { after } },
    hasStates: isSet(call, "states"),
  }, call.style);
  const joined = call.outputShape().length === 3
    ? graph.reshape(
      graph.transpose(y, [0, 2, 1, 3]),
      ...[0, 0, kind.heads * kind.valueDim],
    )
    : y;
  return [joined, undefined, forward, backward];
};

const transitions: Rule = (call) => {
  const { graph, inputs: { q, k, v, a, b, beta, f, g, before } } = call;
  const gate = f ? "f" : g ? "g" : undefined;
  const isDiagonal = gate !== undefined && call.shapeOf(gate)[3] !== 1;
  const queries = graph.multiply(q!, graph.number(numberOf(call, "scale")));
  const columns = call.shapeOf("v")[3];
  const { y, forward } = transition(graph, {
    ...{ q: queries, k: k!, v: v!, a, b, beta, f, g, before },
  }, {
    heads: fixed(call, "heads", call.shapeOf("v")[1]),
    headDim: fixed(call, "columns", call.shapeOf("q")[3]),
    valueDim: typeof columns === "number" ? columns : undefined,
    ...{ isDiagonal, causal: isSet(call, "causal") },
    steps: numberOf(call, "steps"),
  }, call.style);
  return [y, forward];
};

/** Mamba's scan, by a loop over tokens. */
function selectiveScan(call: KernelCall): Value {
  const { graph, inputs: { x, dt, a, b, c, d, z, begins } } = call;
  const sizes = call.shapeOf("a").map((size) => fixed(call, "sizes", size));
  const none = graph.zeros(
    graph.concat([graph.size(x!, 0), graph.integers(...sizes)], 0),
  );
  const given = [x!, dt!, b!, c!, ...begins ? [begins] : []];
  const { output } = graph.scan({
    states: [none],
    inputs: given.map((value) => ({ value, axis: 1 })),
    axis: 1,
    reverse: isSet(call, "reverse"),
    step: (graph, [before], [x, dt, b, c, begin]) => {
      const step = graph.expandAxes(dt!, 2);
      const decay = graph.exp(graph.multiply(step, a!));
      const kept = graph.multiply(before!, decay);
      const written = graph.multiply(
        graph.multiply(step, graph.expandAxes(x!, 2)),
        graph.expandAxes(b!, 1),
      );
      const isWithin = begin &&
        graph.expandAxes(graph.subtract(graph.number(1), begin), 1, 2);
      const earlier = isWithin ? graph.multiply(kept, isWithin) : kept;
      const state = graph.add(earlier, written);
      const read = graph.multiply(state, graph.expandAxes(c!, 1));
      return { states: [state], output: graph.sum(read, 2, false) };
    },
  });
  const y = d ? graph.add(output, graph.multiply(d, x!)) : output;
  return z ? graph.multiply(y, graph.silu(z)) : y;
}

/** The rules of this file's kernels. */
export const ATTENTION: Rules = {
  LionFull: lion,
  LionBlockwise: lion,
  LionRecurrent: lion,
  LionChunkwise: lion,
  LionSharedChunkwise: lion,
  LionJoinedChunkwise: lion,
  LionTransition: transitions,
  LionTransitionWithState: transitions,
  LionSelectiveScan: selectiveScan,
  LionSoftmaxAttention: (call) => {
    const { q, k, v, f, b, mask, segments } = call.inputs;
    return softmaxAttention(
      call.graph,
      { q: q!, k: k!, v: v!, f, b, mask, segments },
      { causal: isSet(call, "causal"), scale: numberOf(call, "scale") },
    );
  },
};
