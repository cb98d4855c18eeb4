/** Graphs that are written node by node. @module */
import type {
  Attribute,
  ElementType,
  Graph,
  Initializer,
  Node,
  OnnxModel,
  ValueInfo,
  Values,
} from "./graph.ts";

/** The name of a value of a graph. */
export type Value = string;

/** The version of ONNX's operators that are written. */
const OPSET = 20;

/** The numbers of element types in attributes of ONNX's operators. */
const TYPE_NUMBERS: Readonly<Record<ElementType, number>> = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
};

/** The end of an axis, as `Slice` takes it. */
const END = 2n ** 63n - 1n;

/** A value that a loop reads step by step. */
export interface Scanned {
  readonly value: Value;
  /** The axis of steps. */
  readonly axis: number;
}

/** A loop that {@linkcode GraphBuilder.scan} writes. */
export interface Scan {
  /** The states before the first step. */
  readonly states: readonly Value[];
  readonly inputs: readonly Scanned[];
  /** The axis of steps in the output. */
  readonly axis: number;
  /** Whether the last step comes first. @default false */
  readonly reverse?: boolean;
  /** One step: from states and inputs to new states, and its output. */
  readonly step: (
    graph: GraphBuilder,
    states: Value[],
    inputs: Value[],
  ) => { readonly states: Value[]; readonly output: Value };
}

/** A graph while it is written; the names of its values follow from the order of its nodes. */
export class GraphBuilder {
  readonly #prefix: string;
  readonly #nodes: Node[] = [];
  readonly #initializers: Initializer[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #domains: Set<string>;
  #count = 0;

  /** @param outer The graph whose loop has this one as its body. */
  constructor(outer?: { readonly prefix: string; domains: Set<string> }) {
    this.#prefix = outer?.prefix ?? "";
    this.#domains = outer?.domains ?? new Set();
  }

  /** Writes a node with one output, and returns that. */
  node(
    operator: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    return this.nodeOf(operator, inputs, { attributes })[0]!;
  }

  /** Writes a node with several outputs, or one that has a name, and returns them. */
  nodeOf(
    operator: string,
    inputs: readonly Value[],
    { attributes = {}, outputs = 1, domain = "" }: {
      readonly attributes?: Readonly<Record<string, Attribute>>;
      /** The number of outputs, or their names. */
      readonly outputs?: number | readonly Value[];
      readonly domain?: string;
    },
  ): Value[] {
    const names = typeof outputs === "number"
      ? Array.from({ length: outputs }, () => this.#newName(operator))
      : [...outputs];
    this.#nodes.push({
      ...{ name: names[0]!, operator, domain },
      ...{ inputs: [...inputs], outputs: names, attributes },
    });
    if (domain) this.#domains.add(domain);
    return names;
  }

  #newName(operator: string): Value {
    return `${this.#prefix}${operator}_${this.#count++}`;
  }

  /** Adds a tensor that belongs to the graph, and returns its name. */
  initializer(initializer: Initializer): Value {
    this.#initializers.push(initializer);
    return initializer.name;
  }

  /** A constant of any shape; equal ones are one. */
  constant(
    type: ElementType,
    shape: readonly number[],
    values: Values,
  ): Value {
    const key = `${type} [${shape}] ${values.join()}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.initializer({
      name: `${this.#prefix}constant_${this.#constants.size}`,
      ...{ type, shape, isWeight: false, load: () => values },
    });
    this.#constants.set(key, name);
    return name;
  }

  /** A list of integers. */
  integers(...values: readonly (number | bigint)[]): Value {
    const all = BigInt64Array.from(values, BigInt);
    return this.constant("int64", [all.length], all);
  }

  /** An integer, as a scalar. */
  integer(value: number): Value {
    return this.constant("int64", [], BigInt64Array.of(BigInt(value)));
  }

  /** A number, as a scalar. */
  number(value: number): Value {
    return this.constant("float32", [], Float32Array.of(value));
  }

  add(a: Value, b: Value): Value {
    return this.node("Add", [a, b]);
  }

  subtract(a: Value, b: Value): Value {
    return this.node("Sub", [a, b]);
  }

  multiply(a: Value, b: Value): Value {
    return this.node("Mul", [a, b]);
  }

  divide(a: Value, b: Value): Value {
    return this.node("Div", [a, b]);
  }

  negate(x: Value): Value {
    return this.node("Neg", [x]);
  }

  exp(x: Value): Value {
    return this.node("Exp", [x]);
  }

  product(a: Value, b: Value): Value {
    return this.node("MatMul", [a, b]);
  }

  transpose(x: Value, permutation: readonly number[]): Value {
    return this.node("Transpose", [x], { perm: { ints: permutation } });
  }

  /** Adds axes of size 1, numbered as in the result. */
  expandAxes(x: Value, ...axes: number[]): Value {
    return this.node("Unsqueeze", [x, this.integers(...axes)]);
  }

  squeeze(x: Value, ...axes: number[]): Value {
    return this.node("Squeeze", [x, this.integers(...axes)]);
  }

  /** Repeats along axes of size 1. @param shape A list of integers. */
  broadcast(x: Value, shape: Value): Value {
    return this.node("Expand", [x, shape]);
  }

  /** @param shape Sizes: 0 for that of the input, one -1 for the rest. */
  reshape(x: Value, ...shape: number[]): Value {
    return this.reshapeTo(x, this.integers(...shape));
  }

  reshapeTo(x: Value, shape: Value): Value {
    return this.node("Reshape", [x, shape]);
  }

  concat(parts: readonly Value[], axis: number): Value {
    if (parts.length === 1) return parts[0]!;
    return this.node("Concat", parts, { axis: { int: axis } });
  }

  cast(x: Value, type: ElementType): Value {
    return this.node("Cast", [x], { to: { int: TYPE_NUMBERS[type] } });
  }

  /** The sizes of a range of axes, as a list of integers. */
  shape(x: Value, start: number, end?: number): Value {
    const attributes = { start: { int: start } };
    return this.node(
      "Shape",
      [x],
      end === undefined ? attributes : { ...attributes, end: { int: end } },
    );
  }

  /** The size of an axis, as a list of one integer. */
  size(x: Value, axis: number): Value {
    return this.shape(x, axis, axis + 1);
  }

  /** A part of an axis; ends are numbers, or lists of one integer. */
  slice(
    x: Value,
    axis: number,
    start: number | Value,
    end: number | Value = "",
  ): Value {
    const place = (at: number | Value) =>
      typeof at === "number" ? this.integers(at) : at || this.integers(END);
    return this.node("Slice", [
      ...[x, place(start), place(end)],
      this.integers(axis),
    ]);
  }

  reverse(x: Value, axis: number): Value {
    const places = [-1, -END, axis, -1].map((at) => this.integers(at));
    return this.node("Slice", [x, ...places]);
  }

  sum(x: Value, axis: number, keepsAxis = true): Value {
    return this.node("ReduceSum", [x, this.integers(axis)], {
      keepdims: { int: Number(keepsAxis) },
    });
  }

  cumulativeSum(
    x: Value,
    axis: number,
    { exclusive = false, reverse = false } = {},
  ): Value {
    return this.node("CumSum", [x, this.integer(axis)], {
      exclusive: { int: Number(exclusive) },
      reverse: { int: Number(reverse) },
    });
  }

  /** Pads with zeros, or with `value`. @param pads A list of integers. */
  pad(x: Value, pads: Value, value?: Value): Value {
    return this.node("Pad", value ? [x, pads, value] : [x, pads]);
  }

  /** The elements of x where a condition holds, and others elsewhere. */
  where(condition: Value, x: Value, otherwise: Value): Value {
    return this.node("Where", [condition, x, otherwise]);
  }

  sigmoid(x: Value): Value {
    return this.node("Sigmoid", [x]);
  }

  silu(x: Value): Value {
    return this.multiply(x, this.sigmoid(x));
  }

  /** 0, 1, … below a size, which is a list of one integer; int64. */
  range(size: Value): Value {
    const [start, step] = [this.integer(0), this.integer(1)];
    return this.node("Range", [start, this.squeeze(size), step]);
  }

  /** Zeros, float32. @param shape A list of integers. */
  zeros(shape: Value): Value {
    return this.broadcast(this.number(0), shape);
  }

  /** A loop over the steps of its inputs; returns the states after the last, and all outputs. */
  scan(
    { states, inputs, axis, reverse = false, step }: Scan,
  ): { readonly states: Value[]; readonly output: Value } {
    const prefix = `${this.#newName("Scan")}.`;
    const body = new GraphBuilder({ prefix, domains: this.#domains });
    const names = [...states, ...inputs].map((_, i) => `${prefix}input_${i}`);
    const after = step(
      body,
      names.slice(0, states.length),
      names.slice(states.length),
    );
    // An output of a body is its own: what it passes through is copied.
    const outputs = [...after.states, after.output].map((value) =>
      body.node("Identity", [value])
    );
    const floats = (name: Value): ValueInfo => ({ name, type: "float32" });
    const each = (value: number) => ({ ints: inputs.map(() => value) });
    const all = this.nodeOf("Scan", [
      ...states,
      ...inputs.map(({ value }) => value),
    ], {
      attributes: {
        body: {
          graph: body.graph(prefix, names.map(floats), outputs.map(floats)),
        },
        num_scan_inputs: { int: inputs.length },
        scan_input_axes: { ints: inputs.map(({ axis }) => axis) },
        scan_output_axes: { ints: [axis] },
        scan_input_directions: each(Number(reverse)),
        scan_output_directions: { ints: [Number(reverse)] },
      },
      outputs: states.length + 1,
    });
    return { states: all.slice(0, -1), output: all.at(-1)! };
  }

  /** The graph as it is now. */
  graph(
    name: string,
    inputs: readonly ValueInfo[],
    outputs: readonly ValueInfo[],
  ): Graph {
    return {
      ...{ name, nodes: [...this.#nodes], inputs, outputs },
      initializers: [...this.#initializers],
    };
  }

  /** The graph with the versions of the operators that it uses. */
  model(graph: Graph, metadata: Readonly<Record<string, string>>): OnnxModel {
    const others = [...this.#domains].map((domain) => ({ domain, version: 1 }));
    return {
      ...{ graph, metadata },
      opsets: [{ domain: "", version: OPSET }, ...others],
    };
  }
}
