/**
 * Vectors, one per token, read four columns at a time.
 *
 * Vectors are stored in whole vec4s, padded with zeros after the last column; `vec` in
 * names is the index of one, and `vecs` their number. The numbers of columns are uniforms, so that one shader
 * text serves all of them; compilers that know how often a loop runs would unroll
 * it, and take seconds.
 *
 * @module
 */
import type { Binding } from "@lionjs/tfjs/webgpu";

/**
 * The columns of a vector: those of q and k, those of v, or those of v followed
 * by the row sum.
 */
export type Columns = "key" | "value" | "sum";

/** A tensor of vectors, one for each token, that a shader reads. */
export interface Vectors {
  /** The name of the tensor's buffer. */
  readonly name: string;
  /** The columns of each vector. */
  readonly columns: Columns;
  /** Whether the buffer's numbers have 16 bits. */
  readonly half: boolean;
}

/** The numbers of columns of a head's vectors. */
export interface Dims {
  /** The number of columns of q and k. */
  readonly headDim: number;
  /** The number of columns of v. */
  readonly valueDim: number;
}

/** The number of groups of four columns in a vector of the given kind. */
export function vecsOf(
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
 * WGSL functions that do what {@linkcode vecsOf} does: `key_vecs()`,
 * `value_vecs()` and `sum_vecs()`.
 */
export const VECS = /* wgsl */ `
fn key_vecs() -> u32 { return (uniforms.headDim + 3u) / 4u; }
fn value_vecs() -> u32 { return (uniforms.valueDim + 3u) / 4u; }
fn sum_vecs() -> u32 { return uniforms.valueDim / 4u + 1u; }
`;

/** WGSL function that adds a product of a matrix to sums. */
export const ACCUMULATE = /* wgsl */ `
// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}
`;

/**
 * The elements of the buffers of vectors, and of others that hold vectors of four
 * floats, by name.
 */
export function elementsOf(
  vectors: readonly Pick<Vectors, "name" | "half">[],
  others: readonly string[] = [],
): Record<string, Binding["element"]> {
  const vecs = [...vectors, ...others.map((name) => ({ name, half: false }))];
  return Object.fromEntries(
    vecs.map(({ name, half }) => [name, half ? "vec4h" : "vec4f"]),
  );
}

/**
 * WGSL function `read_<role>`: four columns of a token's vector.
 *
 * Values have a column of ones after the last, which no buffer holds: attention
 * turns it into the row sum.
 */
export function reading(role: string, { name, columns }: Vectors): string {
  if (columns !== "value") return readingStored(role, { name, columns });
  return /* wgsl */ `
fn read_${role}(token: u32, vec: u32) -> vec4f {
  let vecs = value_vecs();
  let values = select(vec4f(), vec4f(${name}[token * vecs + vec]), vec < vecs);
  return select(values, vec4f(1.0), vec * 4u + vec4u(0u, 1u, 2u, 3u) == vec4u(uniforms.valueDim));
}
`;
}

/**
 * WGSL function `read_<role>`: four columns of a token's vector as the buffer has them,
 * without a column of ones.
 */
export function readingStored(
  role: string,
  { name, columns }: Pick<Vectors, "name" | "columns">,
): string {
  return /* wgsl */ `
fn read_${role}(token: u32, vec: u32) -> vec4f { return vec4f(${name}[token * ${columns}_vecs() + vec]); }
`;
}
