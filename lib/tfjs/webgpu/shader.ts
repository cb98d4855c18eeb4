/** Shaders as the launcher takes them. @module */

/** A buffer of a shader. */
export interface Binding {
  /** The buffer's name in the shader's text. */
  readonly name: string;
  /** The element type of the buffer's array. */
  readonly element: "f32" | "i32" | "atomic<i32>" | "vec4f" | "vec4h" | "vec4i";
  /** Whether the shader writes the buffer, or each thread reads the same of it. */
  readonly access: "read" | "read_write" | "uniform";
}

/**
 * The text, bindings and dispatch of a compute shader, which must agree with
 * each other.
 */
export interface Shader {
  /** Names the text: two shaders with the same key are the same. */
  readonly key: string;
  /** The text; made only when no pipeline has the key yet. */
  readonly code: () => string;
  /** Buffers in the order of their binding numbers. */
  readonly bindings: readonly Binding[];
  /** Workgroups along x, y and z. */
  readonly dispatch: readonly [x: number, y: number, z: number];
}

/** Repeats a text: loops over registers must be unrolled to stay in registers. */
export function repeat(
  count: number,
  piece: (i: number) => string,
  separator = "\n",
): string {
  return Array.from({ length: count }, (_, i) => piece(i)).join(separator);
}

/** Makes a shader's key from its name and everything else that its text depends on. */
export function keyOf(name: string, ...parts: (string | false)[]): string {
  return [`lion_${name}`, ...parts.filter(Boolean)].join(" ");
}
