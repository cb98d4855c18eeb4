/**
 * An ONNX model in memory: what a file says, before its bytes. Nothing here knows of
 * TensorFlow.js; weights are read when they are written, one after another.
 *
 * @module
 */

/** The types of elements that graphs compute with. Weights may be stored as others. */
export type ElementType = "float32" | "int32" | "int64" | "bool";

/** The values of an initializer: those of `bool` are bytes, 0 or 1. */
export type Values = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** A size: fixed, or one that a run chooses, by the name of its axis. */
export type Dimension = number | string;

/** An attribute of a node, by its type in ONNX. */
export type Attribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly graph: Graph };

/** One operation. An input that is left out is `""`. */
export interface Node {
  /** The name of the first output, which no other node has. */
  readonly name: string;
  readonly operator: string;
  /** `""` for ONNX's own operators. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A tensor that belongs to the graph. */
export interface Initializer {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Whether the tensor is a weight of the model, which may be stored in fewer bits or apart. */
  readonly isWeight: boolean;
  /** The values, of the type that {@link ElementType} says, as many as the shape has. */
  load(): Values | Promise<Values>;
}

/** An input or output of a graph; without a shape, nothing is said of it. */
export interface ValueInfo {
  /** The tensor's name. */
  readonly name: string;
  /** The type of the tensor's elements. */
  readonly type: ElementType;
  /** The tensor's axes. */
  readonly shape?: readonly Dimension[];
}

/** A graph: the model's, or the body of a loop, which also sees the values around it. */
export interface Graph {
  readonly name: string;
  /** Nodes in an order in which each reads only what earlier ones wrote. */
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** A graph with all that a runtime asks of a file. */
export interface OnnxModel {
  readonly graph: Graph;
  /** The version of each domain's operators. */
  readonly opsets: readonly {
    readonly domain: string;
    readonly version: number;
  }[];
  /** Texts by name, which runtimes pass on to programs. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The initializers whose rows a graph looks up: tables, such as those of tokens, which
 * want a scale per row where matrices want one per column.
 *
 * @param graph The graph; bodies of its loops look nothing up.
 * @returns Their names.
 */
export function tablesOf(graph: Graph): ReadonlySet<string> {
  const lookups = graph.nodes.filter(({ operator }) => operator === "Gather");
  return new Set(lookups.map(({ inputs }) => inputs[0]!));
}
