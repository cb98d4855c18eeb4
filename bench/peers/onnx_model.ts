/**
 * LION attention as a model for ONNX Runtime, on its operator LinearAttention.
 *
 * The operator is causal: `S_t = exp(g_t) S_{t-1} + k_t v_tᵀ`, `y_t = S_tᵀ q_t`.
 * LION is the sum of one such sweep and one over the reversed sequence, less what
 * both count: each token's own. From `j` to a later `i` it counts the decays of
 * `j` to `i - 1`, the operator those of `j + 1` to `i`; so both sweeps get the
 * decay of the token before. Row sums are one more column of values.
 *
 * @module
 */

/** ONNX's numbers for the types of tensors and of attributes. */
const FLOAT = 1, INT64 = 7;
const ATTRIBUTE = { float: 1, integer: 2, text: 3 } as const;

/** A value that a node is given when the model is made; fields are ONNX's. */
type Attribute =
  & { name: string }
  & (
    | { type: typeof ATTRIBUTE.integer; i: number }
    | { type: typeof ATTRIBUTE.float; f: number }
    | { type: typeof ATTRIBUTE.text; s: Uint8Array }
  );

/** An operator with names of tensors; "" for one that is left out. */
interface Node {
  opType: string;
  input: string[];
  output: string[];
  attribute?: Attribute[];
  domain?: string;
}

/** A constant. */
interface Constant {
  name: string;
  dims: number[];
  dataType: number;
  int64Data?: number[];
  floatData?: number[];
}

/** What the model is made for. */
export interface OnnxSizes {
  readonly heads: number;
  readonly length: number;
  readonly headDim: number;
  /** Whether there is an input `g` of log decays. */
  readonly decays: boolean;
  /** Added to the row sums. */
  readonly epsilon: number;
}

/** Whose operators a node may be. */
const OPERATORS = [{ domain: "", version: 17 }, {
  domain: "com.microsoft",
  version: 1,
}];

/** Beyond the first element, in a slice that goes backward. */
const beyondFirst = (length: number) => -length - 1;

/**
 * The model, as ONNX's protocol buffers have it: from `q`, `k` and `v` `[1, length, heads × headDim]` and, with
 * decays, `g` `[1, length, heads]` it computes `y`, of the shape of `v`.
 */
export function onnxModel(sizes: OnnxSizes): object {
  const { heads, length, headDim, decays, epsilon } = sizes;
  const nodes: Node[] = [];
  const constants: Constant[] = [];
  const node = (
    opType: string,
    input: string[],
    attribute: Attribute[] = [],
    domain = "",
  ): string => {
    const name = `${opType}_${nodes.length}`;
    // The operator's second output is its state after the last token.
    const output = domain === "" ? [name] : [name, `${name}_state`];
    nodes.push({ opType, input, output, attribute, domain });
    return name;
  };
  const integers = (...values: number[]): string => {
    const name = `integers_${constants.length}`;
    const dataType = INT64;
    constants.push({
      name,
      dims: [values.length],
      dataType,
      int64Data: values,
    });
    return name;
  };
  const floats = (dims: number[], value: number): string => {
    const name = `floats_${constants.length}`;
    const size = dims.reduce((product, dim) => product * dim, 1);
    const dataType = FLOAT;
    const floatData = new Array<number>(size).fill(value);
    constants.push({ name, dims, dataType, floatData });
    return name;
  };
  const concat = (input: string[], axis: number) =>
    node("Concat", input, [whole("axis", axis)]);
  /** A part of an axis. */
  const slice = (x: string, axis: number, from: number, to: number, step = 1) =>
    node("Slice", [
      ...[x, integers(from), integers(to), integers(axis), integers(step)],
    ]);
  const reversed = (x: string) => slice(x, 1, -1, beyondFirst(length), -1);
  const ofHeads = (x: string) =>
    node("Reshape", [x, integers(1, length, heads, -1)]);
  const packed = (x: string) => node("Reshape", [x, integers(1, length, -1)]);

  const values = concat(
    [ofHeads("v"), floats([1, length, heads, 1], 1)],
    3,
  );
  const sweep = (q: string, k: string, v: string, g: string) => {
    const shifted = decays
      ? concat([floats([1, 1, heads], 0), slice(g, 1, 0, length - 1)], 1)
      : "";
    return node(
      "LinearAttention",
      // The third is a state before the first token.
      [q, k, v, "", ...(decays ? [shifted] : [])],
      [
        ...[whole("q_num_heads", heads), whole("kv_num_heads", heads)],
        text("update_rule", decays ? "gated" : "linear"),
        real("scale", 1),
      ],
      "com.microsoft",
    );
  };
  const forward = sweep("q", "k", packed(values), "g");
  const backward = reversed(
    sweep(
      ...[reversed("q"), reversed("k"), reversed(packed(values))] as const,
      decays ? reversed("g") : "",
    ),
  );
  const both = node("Add", [forward, backward]);
  const own = node("Mul", [
    node("ReduceSum", [
      node("Mul", [ofHeads("q"), ofHeads("k")]),
      integers(3),
    ], [whole("keepdims", 1)]),
    values,
  ]);
  const sums = node("Sub", [ofHeads(both), own]);
  const weights = node("Add", [
    slice(sums, 3, headDim, headDim + 1),
    floats([1], epsilon),
  ]);
  const y = packed(node("Div", [slice(sums, 3, 0, headDim), weights]));
  nodes.push({ opType: "Identity", input: [y], output: ["y"] });

  const vectors = [1, length, heads * headDim];
  return {
    irVersion: 8,
    opsetImport: OPERATORS,
    graph: {
      name: "lion",
      node: nodes,
      initializer: constants,
      input: [
        ...["q", "k", "v"].map((name) => described(name, vectors)),
        ...(decays ? [described("g", [1, length, heads])] : []),
      ],
      output: [described("y", vectors)],
    },
  };
}

function whole(name: string, i: number): Attribute {
  return { name, type: ATTRIBUTE.integer, i };
}

function real(name: string, f: number): Attribute {
  return { name, type: ATTRIBUTE.float, f };
}

function text(name: string, value: string): Attribute {
  const s = new TextEncoder().encode(value);
  return { name, type: ATTRIBUTE.text, s };
}

/** A model's input or output. */
function described(
  name: string,
  dims: readonly number[],
): object {
  const dim = dims.map((dimValue) => ({ dimValue }));
  const elemType = FLOAT;
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}
