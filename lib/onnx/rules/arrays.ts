/** The rules of TensorFlow.js's kernels that move, make or reduce elements, and of products. @module */
import type { Value } from "../graph_builder.ts";
import { type Size, sumOf } from "../sizes.ts";
import { activated } from "./elementwise.ts";
import {
  fixed,
  isSet,
  type KernelCall,
  numberOf,
  numbersOf,
  refuseAttribute,
  type Rule,
  type Rules,
} from "./rule.ts";

/** A sum, mean or the like, over the axes that an attribute lists, or over all. */
function reduction(operator: string, attribute = "axis"): Rule {
  return (call) => {
    const { graph, inputs: { x } } = call;
    const axes = numbersOf(call, attribute);
    const keepdims = { int: Number(isSet(call, "keepDims")) };
    return graph.node(
      operator,
      axes ? [x!, graph.integers(...axes)] : [x!],
      { keepdims },
    );
  };
}

/** Whether all, or any, of some conditions hold. */
function logical(operator: "ReduceMin" | "ReduceMax"): Rule {
  return (call) => {
    const { graph, inputs: { x } } = call;
    const inputs = { x: graph.cast(x!, "int32") };
    return graph.cast(
      reduction(operator)({ ...call, inputs }) as Value,
      "bool",
    );
  };
}

function extremePlace(operator: string): Rule {
  return (call) => {
    const axis = { int: numberOf(call, "axis") };
    const place = call.graph.node(operator, [call.inputs["x"]!], {
      axis,
      keepdims: { int: 0 },
    });
    return call.graph.cast(place, "int32");
  };
}

/** x with its last two axes exchanged, if asked for. */
function oriented(call: KernelCall, name: string, turns: boolean): Value {
  const x = call.inputs[name]!, rank = call.shapeOf(name).length;
  if (!turns) return x;
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return call.graph.transpose(x, [...axes.slice(0, -2), rank - 1, rank - 2]);
}

function product(call: KernelCall): Value {
  return call.graph.product(
    oriented(call, "a", isSet(call, "transposeA")),
    oriented(call, "b", isSet(call, "transposeB")),
  );
}

function shapeCall(name: string): Rule {
  return (call) =>
    call.graph.reshapeTo(call.inputs[name]!, call.list(call.outputShape()));
}

/** Splits along an axis, by the outputs' sizes. */
function parts(call: KernelCall, input: string, axis: number): Value[] {
  const { graph, inputs, outputTypes } = call;
  const sizes = outputTypes.map((_, i) => call.outputShape(i).at(axis)!);
  return graph.nodeOf("Split", [inputs[input]!, call.list(sizes)], {
    attributes: { axis: { int: axis } },
    outputs: outputTypes.length,
  });
}

/** The rules of this file's kernels. */
export const ARRAYS: Rules = {
  Sum: reduction("ReduceSum"),
  Mean: reduction("ReduceMean"),
  Prod: reduction("ReduceProd"),
  Max: reduction("ReduceMax", "reductionIndices"),
  Min: reduction("ReduceMin"),
  All: logical("ReduceMin"),
  Any: logical("ReduceMax"),
  ArgMax: extremePlace("ArgMax"),
  ArgMin: extremePlace("ArgMin"),
  Softmax: (call) =>
    call.graph.node("Softmax", [call.inputs["logits"]!], {
      axis: { int: numberOf(call, "dim") },
    }),
  Cumsum: (call) =>
    call.graph.cumulativeSum(call.inputs["x"]!, numberOf(call, "axis"), {
      exclusive: isSet(call, "exclusive"),
      reverse: isSet(call, "reverse"),
    }),
  Reshape: shapeCall("x"),
  ExpandDims: shapeCall("input"),
  Transpose: (call) =>
    call.graph.transpose(call.inputs["x"]!, numbersOf(call, "perm")!),
  Reverse: (call) =>
    numbersOf(call, "dims")!.reduce(
      (x, axis) => call.graph.reverse(x, axis),
      call.inputs["x"]!,
    ),
  Concat: (call) =>
    call.graph.concat(Object.values(call.inputs), numberOf(call, "axis")),
  Pack: (call) => {
    const axis = numberOf(call, "axis");
    const rows = Object.values(call.inputs)
      .map((x) => call.graph.expandAxes(x, axis));
    return call.graph.concat(rows, axis);
  },
  Unpack: (call) => {
    const axis = numberOf(call, "axis"), x = call.inputs["value"]!;
    return call.outputTypes.map((_, i) =>
      call.graph.node("Gather", [x, call.graph.integer(i)], {
        axis: { int: axis },
      })
    );
  },
  SplitV: (call) => parts(call, "x", numberOf(call, "axis")),
  Tile: (call) =>
    call.graph.node("Tile", [
      call.inputs["x"]!,
      call.list(call.attribute("reps") as Size[]),
    ]),
  BroadcastTo: (call) =>
    call.graph.broadcast(call.inputs["x"]!, call.list(call.outputShape())),
  Slice: (call) => {
    const starts = call.attribute("begin") as Size[];
    const lengths = call.outputShape();
    const ends = starts.map((start, i) => {
      const end = sumOf(start, lengths[i]!);
      if (end === undefined) throw refuseAttribute(call, "begin", start);
      return end;
    });
    const axes = starts.map((_, axis) => axis);
    if (axes.length === 0) return call.inputs["x"]!;
    return call.graph.node("Slice", [
      call.inputs["x"]!,
      call.list(starts),
      call.list(ends),
      call.graph.integers(...axes),
    ]);
  },
  PadV2: (call) => {
    const sides = call.attribute("paddings") as [Size, Size][];
    const pads = [0, 1].flatMap((side) => sides.map((each) => each[side]!));
    const value = numberOf(call, "constantValue");
    return call.graph.pad(
      call.inputs["x"]!,
      call.list(pads),
      call.types["x"] === "int32"
        ? call.graph.constant("int32", [], Int32Array.of(value))
        : call.graph.number(value),
    );
  },
  Fill: (call) => {
    const { graph, outputTypes: [type] } = call;
    const value = graph.number(Number(call.attribute("value")));
    const filled = graph.broadcast(value, call.list(call.outputShape()));
    return type === "float32" ? filled : graph.cast(filled, type!);
  },
  Range: (call) => {
    const { graph, outputTypes: [type] } = call;
    const ends = ["start", "stop", "step"].map((name) => {
      const size = (call.attribute(name) ?? 1) as Size;
      return typeof size === "number" && !Number.isInteger(size)
        ? graph.number(size)
        : graph.squeeze(call.list([size]));
    });
    return graph.cast(graph.node("Range", ends), type!);
  },
  GatherV2: (call) => {
    const axis = numberOf(call, "axis"), batch = call.attribute("batchDims");
    if (batch) throw refuseAttribute(call, "batchDims", batch);
    const given = [call.inputs["x"]!, call.inputs["indices"]!];
    return call.graph.node("Gather", given, { axis: { int: axis } });
  },
  OneHot: (call) => {
    const { graph, inputs: { indices } } = call;
    const ends = ["offValue", "onValue"].map((name) => numberOf(call, name));
    const hot = graph.node("OneHot", [
      graph.cast(indices!, "int64"),
      graph.integer(fixed(call, "depth", call.attribute("depth"))),
      graph.constant("float32", [2], Float32Array.from(ends)),
    ]);
    return graph.cast(hot, call.outputTypes[0]!);
  },
  FusedBatchNorm: (call) => {
    const { graph, inputs: { x, mean, variance, scale, offset } } = call;
    const epsilon = graph.number(numberOf(call, "varianceEpsilon"));
    const deviation = graph.node("Sqrt", [graph.add(variance!, epsilon)]);
    const normal = graph.divide(graph.subtract(x!, mean!), deviation);
    const scaled = scale ? graph.multiply(normal, scale) : normal;
    return offset ? graph.add(scaled, offset) : scaled;
  },
  BatchMatMul: product,
  _FusedMatMul: (call) => {
    const { graph, inputs: { bias } } = call;
    const sum = bias ? graph.add(product(call), bias) : product(call);
    const activation = call.attribute("activation") ?? "linear";
    const y = activated(graph, String(activation), sum);
    if (y === undefined) throw refuseAttribute(call, "activation", activation);
    return y;
  },
};
