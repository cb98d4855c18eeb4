/**
 * What a shader is to the launcher, and the text that all of ours begin with.
 *
 * @module
 */

/** A storage buffer of a shader. */
export interface Binding {
  /** Its name in the text. */
  readonly name: string;
  /** The element of its array. */
  readonly element: "f32" | "vec4f" | "vec4h";
  /** Whether the shader writes it. */
  readonly access: "read" | "read_write";
}

/** Text, bindings and dispatch of a compute shader: what must agree with each other. */
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

/** The numbers that change from call to call, in the order of the struct in the text. */
export interface ProblemUniforms {
  /** Tokens of a sequence. */
  readonly length: number;
  /** Chunks of a sequence. */
  readonly chunks: number;
  /** Tokens of a chunk. */
  readonly chunkSize: number;
  /** The first sequence (head of a batch entry) of the launch. */
  readonly firstSequence: number;
  /** Columns of q and k. */
  readonly headDim: number;
  /** Columns of v. */
  readonly valueDim: number;
  /** Whether to divide by the row sum. */
  readonly normalize: boolean;
  /** Multiplies q · k. */
  readonly scale: number;
  /** Added to the row sum. */
  readonly epsilon: number;
}

/** The problem and the sequences of a launch. */
export interface Launch extends ProblemUniforms {
  /** Sequences of the launch. */
  readonly sequences: number;
}

const PROBLEM = /* wgsl */ `struct Problem {
  length: u32,
  chunks: u32,
  chunkSize: u32,
  firstSequence: u32,
  headDim: u32,
  valueDim: u32,
  normalize: u32,
  scale: f32,
  epsilon: f32,
}
`;

/** The uniform buffer of {@linkcode ProblemUniforms}, padded to 16 bytes. */
export function packProblem(problem: ProblemUniforms): ArrayBuffer {
  const bytes = new ArrayBuffer(48);
  new Uint32Array(bytes).set([
    problem.length,
    problem.chunks,
    problem.chunkSize,
    problem.firstSequence,
    problem.headDim,
    problem.valueDim,
    problem.normalize ? 1 : 0,
  ]);
  new Float32Array(bytes).set([problem.scale, problem.epsilon], 7);
  return bytes;
}

/** Declares the buffers, and the uniforms after them. */
export function declare(bindings: readonly Binding[]): string {
  const half = bindings.some(({ element }) => element === "vec4h");
  const buffers = bindings.map(({ name, element, access }, i) =>
    `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${element}>;`
  );
  return [
    ...(half ? ["enable f16;"] : []),
    PROBLEM + buffers.join("\n"),
    `@group(0) @binding(${bindings.length}) var<uniform> problem: Problem;`,
  ].join("\n");
}

/** A buffer that is read. */
export function input(name: string, element: Binding["element"]): Binding {
  return { name, element, access: "read" };
}

/** A buffer that is written. */
export function output(name: string, element: Binding["element"]): Binding {
  return { name, element, access: "read_write" };
}

/** Repeats a piece of text: loops over registers must be unrolled to stay in them. */
export function repeat(
  count: number,
  piece: (i: number) => string,
  separator = "\n",
): string {
  return Array.from({ length: count }, (_, i) => piece(i)).join(separator);
}

/** A key: the kernel's name, and all that its text depends on. */
export function keyOf(name: string, ...parts: (string | false)[]): string {
  return [`lion_${name}`, ...parts.filter(Boolean)].join(" ");
}
