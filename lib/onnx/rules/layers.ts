/** The rules of kernels around attention: linear maps, normalisations, heads, padding. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import {
  fixed,
  isSet,
  type KernelCall,
  numberOf,
  refuseAttribute,
  type Rules,
} from "./rule.ts";
import { shifted } from "../shifted.ts";

function dense({ graph, inputs: { x, weight, bias } }: KernelCall): Value {
  const y = graph.product(x!, weight!);
  return bias ? graph.add(y, bias) : y;
}

function layerNorm(call: KernelCall, x: Value): Value {
  const { graph, inputs: { scale, offset } } = call;
  return graph.node("LayerNormalization", [x, scale!, offset!], {
    axis: { int: -1 },
    epsilon: { float: numberOf(call, "epsilon") },
  });
}

function sumWithAdded({ graph, inputs: { x, added } }: KernelCall): Value {
  return added ? graph.add(x!, added) : x!;
}

/** A feature map that `LionSplitHeads` applies. */
function mapped(call: KernelCall, x: Value): Value {
  const { graph } = call, name = call.attribute("featureMap");
  switch (name) {
    case "identity":
      return x;
    case "relu":
      return graph.node("Relu", [x]);
    case "eluPlusOne":
      return graph.add(graph.node("Elu", [x]), graph.number(1));
    case "shiftedSilu": {
      const y = graph.add(graph.silu(x), graph.number(0.5));
      const squares = graph.sum(graph.multiply(y, y), -1);
      return graph.divide(y, graph.node("Sqrt", [squares]));
    }
  }
  throw refuseAttribute(call, "featureMap", name);
}

/** `[batch, length, parts · heads · columns]` to heads of each part. */
function splitHeads(call: KernelCall): Value[] {
  const { graph, inputs: { x } } = call, heads = numberOf(call, "numHeads");
  const width = fixed(call, "columns", call.shapeOf("x").at(-1));
  const apart = graph.reshape(x!, 0, 0, 3, heads, width / 3 / heads);
  const parts = graph.transpose(apart, [2, 0, 3, 1, 4]);
  const [q, k, v] = [0, 1, 2].map((part) =>
    graph.node("Gather", [parts, graph.integer(part)], { axis: { int: 0 } })
  );
  return [mapped(call, q!), mapped(call, k!), v!];
}

/** Which tokens are no padding, `[batch, 1 …, length, 1]`, bool. */
function isToken(graph: GraphBuilder, mask: Value, rank: number): Value {
  const between = Array.from({ length: rank - 3 }, (_, i) => i + 1);
  const tokens = graph.cast(mask, "bool");
  return graph.expandAxes(tokens, ...between, rank - 1);
}

function withoutPadding(
  { graph, inputs: { mask } }: KernelCall,
  x: Value,
  rank: number,
): Value {
  return graph.where(isToken(graph, mask!, rank), x, graph.number(0));
}

function tokenMean(call: KernelCall): Value {
  const { graph, inputs: { x, mask } } = call;
  if (!mask) {
    const keepdims = { int: 0 };
    return graph.node("ReduceMean", [x!, graph.integers(1)], { keepdims });
  }
  const sum = graph.sum(withoutPadding(call, x!, 3), 1, false);
  const count = graph.node("Max", [graph.sum(mask, 1), graph.number(1)]);
  return graph.divide(sum, count);
}

/** Sums over taps of x shifted, times the taps' weights. */
function shortConvolution(call: KernelCall): Value {
  const { graph, inputs: { x, weight, bias, segments } } = call;
  const first = numberOf(call, "first"), step = numberOf(call, "step");
  const taps = fixed(call, "taps", call.shapeOf("weight")[1]);
  const numbers = segments && graph.expandAxes(segments, 2);
  const terms = Array.from({ length: taps }, (_, tap) => {
    const by = { axis: 1, by: -(first + step * tap), rank: 3 };
    const ofTap = graph.slice(weight!, 1, tap, tap + 1);
    const term = graph.multiply(
      shifted(graph, x!, by),
      graph.reshape(ofTap, -1),
    );
    if (!numbers || by.by === 0) return term;
    const isRead = graph.node("Equal", [
      shifted(graph, numbers, by),
      numbers,
    ]);
    return graph.where(isRead, term, graph.number(0));
  });
  const y = (bias ? [bias, ...terms] : terms)
    .reduce((sum, term) => graph.add(sum, term));
  return isSet(call, "silu") ? graph.silu(y) : y;
}

/** The rules of this file's kernels. */
export const LAYERS: Rules = {
  LionDense: dense,
  LionDenseGelu: (call) => call.graph.node("Gelu", [dense(call)]),
  LionGelu: ({ graph, inputs: { x } }) => graph.node("Gelu", [x!]),
  LionLayerNorm: (call) => layerNorm(call, call.inputs["x"]!),
  LionAddAndNorm: (call) => {
    const sum = sumWithAdded(call);
    return [sum, layerNorm(call, sum)];
  },
  LionNormOfSum: (call) => layerNorm(call, sumWithAdded(call)),
  LionRmsNorm: (call) => {
    const { graph, inputs: { x, scale, gate } } = call;
    const squares = graph.multiply(x!, x!);
    const mean = graph.node("ReduceMean", [squares, graph.integers(-1)]);
    const epsilon = graph.number(numberOf(call, "epsilon"));
    const root = graph.node("Sqrt", [graph.add(mean, epsilon)]);
    const y = graph.multiply(graph.divide(x!, root), scale!);
    return gate ? graph.multiply(y, graph.silu(gate)) : y;
  },
  LionSplitHeads: splitHeads,
  LionTokens: ({ graph, inputs: { mask } }) =>
    graph.cast(graph.cast(mask!, "bool"), "float32"),
  LionWithoutPadding: (call) =>
    withoutPadding(call, call.inputs["x"]!, call.shapeOf("x").length),
  LionTokenMean: tokenMean,
  LionShortConvolution: shortConvolution,
};
