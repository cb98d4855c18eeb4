/**
 * Vectors, one per token, read four columns at a time.
 *
 * A quad is four columns. Vectors lie in whole quads: what the number of
 * columns leaves of the last one is 0. The numbers of columns are uniforms, so
 * that one text serves all of them; compilers that know how often a loop runs
 * would unroll it, and take seconds.
 *
 * @module
 */
import { type Binding, input } from "../../../tfjs/webgpu/shader.ts";

/**
 * Which columns a vector has: those of q and k, those of v, or those of v and
 * then the row sum.
 */
export type Columns = "key" | "value" | "sum";

/** A tensor of vectors, one for each token, that a shader reads. */
export interface Vectors {
  /** The name of its buffer. */
  readonly name: string;
  /** Which columns the vectors have. */
  readonly columns: Columns;
  /** Whether its numbers have 16 bits. */
  readonly half: boolean;
}

/** How many columns the vectors of a head have. */
export interface Dims {
  /** Columns of q and k. */
  readonly headDim: number;
  /** Columns of v. */
  readonly valueDim: number;
}

/** The number of quads of a vector with these columns. */
export function quadsOf(
  columns: Columns,
  { headDim, valueDim }: Dims,
): number {
  switch (columns) {
    case "key":
      return Math.ceil(headDim / 4);
    case "value":
      return Math.ceil(valueDim / 4);
    case "sum":
      return Math.floor(valueDim / 4) + 1;
  }
}

/**
 * Functions of the text that do what {@linkcode quadsOf} does: `key_quads()`
 * and so on.
 */
export const QUADS = /* wgsl */ `
fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }
`;

/** The name of vectors in the key of a shader. */
export function vectorsKey({ name, half }: Vectors): string {
  return half ? `${name}16` : name;
}

/** The binding of the buffer of vectors. */
export function bindingOf({ name, half }: Vectors): Binding {
  return input(name, half ? "vec4h" : "vec4f");
}

/**
 * `read_<name>(token, quad) -> vec4f`.
 *
 * Values have a column of ones behind the last, which no buffer holds:
 * attention makes of it the row sum.
 */
export function reading({ name, columns }: Vectors): string {
  const head = `fn read_${name}(token: u32, quad: u32) -> vec4f {`;
  const quads = `${columns}_quads()`;
  if (columns !== "value") {
    return `${head} return vec4f(${name}[token * ${quads} + quad]); }`;
  }
  return /* wgsl */ `${head}
  let quads = ${quads};
  let values = select(vec4f(), vec4f(${name}[token * quads + quad]), quad < quads);
  return select(values, vec4f(1.0), quad * 4u + vec4u(0u, 1u, 2u, 3u) == vec4u(problem.valueDim));
}`;
}

/**
 * `read_<name>(token, quad) -> vec4f` of the columns that the buffer has,
 * without a column of ones.
 */
export function readingStored({ name, columns }: Vectors): string {
  return `fn read_${name}(token: u32, quad: u32) -> vec4f { return vec4f(${name}[token * ${columns}_quads() + quad]); }`;
}

/** A tensor of TensorFlow.js that a shader writes, a vector for each token. */
export interface Written {
  /** The name of its buffer. */
  readonly name: string;
  /** Which columns the vectors have. */
  readonly columns: "key" | "value";
}

/** `write_<name>(token, quad, value: vec4f)`; the row sum is not written. */
export function writing({ name, columns }: Written): string {
  const count = columns === "key" ? "problem.headDim" : "problem.valueDim";
  return /* wgsl */ `fn write_${name}(token: u32, quad: u32, value: vec4f) {
  for (var i = 0u; i < 4u && quad * 4u + i < ${count}; i++) {
    ${name}[token * ${count} + quad * 4u + i] = value[i];
  }
}`;
}
