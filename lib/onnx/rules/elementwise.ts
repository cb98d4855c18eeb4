/** The rules of TensorFlow.js's kernels that compute each element by itself. @module */
import type { GraphBuilder, Value } from "../graph_builder.ts";
import { type KernelCall, numberOf, type Rule, type Rules } from "./rule.ts";

/** Kernels that are an operator of ONNX, of the same inputs in the same order. */
const SAME: Readonly<Record<string, string>> = {
  ...{ Add: "Add", Sub: "Sub", Multiply: "Mul", AddN: "Sum" },
  ...{ Maximum: "Max", Minimum: "Min", Pow: "Pow" },
  ...{ Neg: "Neg", Abs: "Abs", Sign: "Sign", Reciprocal: "Reciprocal" },
  ...{ Exp: "Exp", Log: "Log", Sqrt: "Sqrt", Erf: "Erf" },
  ...{ Sin: "Sin", Cos: "Cos", Tan: "Tan", Tanh: "Tanh" },
  ...{ Softplus: "Softplus", Relu: "Relu", Elu: "Elu", Selu: "Selu" },
  ...{ Floor: "Floor", Ceil: "Ceil", Round: "Round" },
  ...{ LogicalAnd: "And", LogicalOr: "Or", LogicalXor: "Xor" },
  ...{ LogicalNot: "Not", IsNan: "IsNaN", IsInf: "IsInf" },
  ...{ Prelu: "PRelu", Identity: "Identity" },
};

/** Comparisons, which ONNX's operators make of numbers only, but for equality. */
const COMPARISONS: Readonly<Record<string, string>> = {
  ...{ Greater: "Greater", GreaterEqual: "GreaterOrEqual" },
  ...{ Less: "Less", LessEqual: "LessOrEqual" },
};

function same(operator: string): Rule {
  return ({ graph, inputs }) => graph.node(operator, Object.values(inputs));
}

function comparison(operator: string): Rule {
  return ({ graph, inputs, types }) =>
    graph.node(
      operator,
      Object.entries(inputs).map(([name, x]) =>
        types[name] === "bool" ? graph.cast(x, "int32") : x
      ),
    );
}

/** The activation of a fused product, by its name in TensorFlow.js. */
export function activated(
  graph: GraphBuilder,
  name: string,
  x: Value,
): Value | undefined {
  switch (name) {
    case "linear":
      return x;
    case "relu":
      return graph.node("Relu", [x]);
    case "relu6":
      return clipped(graph, x, 0, 6);
    case "elu":
      return graph.node("Elu", [x]);
    case "sigmoid":
      return graph.sigmoid(x);
  }
  return undefined;
}

function clipped(
  graph: GraphBuilder,
  x: Value,
  low: number,
  high: number,
): Value {
  return graph.node("Clip", [x, graph.number(low), graph.number(high)]);
}

/** A number in the type of a call's output. */
function numberLike(
  { graph, outputTypes: [type] }: KernelCall,
  value: number,
): Value {
  return type === "int32"
    ? graph.constant("int32", [], Int32Array.of(value))
    : graph.number(value);
}

/** The remainder of floats whose sign is the divisor's. */
function remainder({ graph, inputs: { a, b } }: KernelCall): Value {
  const rest = (x: Value) => graph.node("Mod", [x, b!], { fmod: { int: 1 } });
  return rest(graph.add(rest(a!), b!));
}

/** The rules of this file's kernels. */
export const ELEMENTWISE: Rules = {
  ...Object.fromEntries(
    Object.entries(SAME).map(([name, operator]) => [name, same(operator)]),
  ),
  ...Object.fromEntries(
    Object.entries(COMPARISONS).map((
      [name, operator],
    ) => [name, comparison(operator)]),
  ),
  Equal: same("Equal"),
  NotEqual: ({ graph, inputs: { a, b } }) =>
    graph.node("Not", [graph.node("Equal", [a!, b!])]),
  RealDiv: ({ graph, inputs: { a, b }, types }) => {
    const float = (name: string, x: Value) =>
      types[name] === "float32" ? x : graph.cast(x, "float32");
    return graph.divide(float("a", a!), float("b", b!));
  },
  FloorDiv: ({ graph, inputs: { a, b }, outputTypes }) => {
    const [x, y] = [a!, b!].map((value) => graph.cast(value, "float32"));
    const whole = graph.node("Floor", [graph.divide(x!, y!)]);
    return outputTypes[0] === "int32" ? graph.cast(whole, "int32") : whole;
  },
  Mod: (call) =>
    call.outputTypes[0] === "int32"
      ? call.graph.node("Mod", [call.inputs["a"]!, call.inputs["b"]!])
      : remainder(call),
  // Gates may be near 1, where their distance from it matters: runtimes have approximations
  // of this function, but not of these.
  Sigmoid: ({ graph, inputs: { x } }) => {
    const inverse = graph.add(graph.exp(graph.negate(x!)), graph.number(1));
    return graph.node("Reciprocal", [inverse]);
  },
  Square: ({ graph, inputs: { x } }) => graph.multiply(x!, x!),
  SquaredDifference: ({ graph, inputs: { a, b } }) => {
    const difference = graph.subtract(a!, b!);
    return graph.multiply(difference, difference);
  },
  Rsqrt: ({ graph, inputs: { x } }) =>
    graph.node("Reciprocal", [graph.node("Sqrt", [x!])]),
  Log1p: ({ graph, inputs: { x } }) =>
    graph.node("Log", [graph.add(x!, graph.number(1))]),
  Relu6: ({ graph, inputs: { x } }) => clipped(graph, x!, 0, 6),
  ClipByValue: (call) => {
    const { graph, inputs: { x } } = call;
    const ends = ["clipValueMin", "clipValueMax"].map((name) =>
      numberLike(call, numberOf(call, name))
    );
    return graph.node("Clip", [x!, ...ends]);
  },
  LeakyRelu: (call) =>
    call.graph.node("LeakyRelu", [call.inputs["x"]!], {
      alpha: { float: numberOf(call, "alpha") },
    }),
  Step: (call) => {
    const { graph, inputs: { x } } = call;
    const below = call.attribute("alpha") ?? 0;
    const isAbove = graph.node("Greater", [x!, graph.number(0)]);
    return graph.where(
      isAbove,
      graph.number(1),
      graph.number(Number(below)),
    );
  },
  Select: ({ graph, inputs: { condition, t, e } }) =>
    graph.where(condition!, t!, e!),
  Cast: ({ graph, inputs: { x }, outputTypes: [type] }) =>
    graph.cast(x!, type!),
  ZerosLike: (call) =>
    call.graph.broadcast(
      zeroOf(call),
      call.list(call.outputShape()),
    ),
  OnesLike: (call) =>
    call.graph.broadcast(
      numberLike(call, 1),
      call.list(call.outputShape()),
    ),
};

function zeroOf(call: KernelCall): Value {
  return call.outputTypes[0] === "bool"
    ? call.graph.constant("bool", [], Uint8Array.of(0))
    : numberLike(call, 0);
}
