/**
 * A shader together with the tensors and numbers of one call, from which its
 * declarations, its uniform buffer and its grid are made.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { sizeOf } from "../kernel_call.ts";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { type Bound, launch } from "./launch.ts";
import { type Binding, keyOf, type Shader } from "./shader.ts";
import {
  type Constants,
  declareConstants,
  declareUniforms,
  type UniformTypes,
  unroll,
} from "./wgsl.ts";

/**
 * Numbers per pack, the element of all buffers of a program: 4 if the sizes
 * allow, so that memory is read 16 bytes at a time.
 */
export type PackWidth = 1 | 4;

/** WGSL, or what makes it where the text is new, in parts too; marked loops are unrolled. */
type Source = string | (() => string | readonly string[]);

/** A vector of four whole numbers. */
export type Vector = readonly [number, number, number, number];

/** Tensors by their names in the shader's text. */
export type Tensors = Readonly<Record<string, tf.TensorInfo>>;

/** A shader together with the tensors and numbers of a call. */
export interface Program {
  /**
   * The name that, together with `variants`, `constants` and the elements of tensors,
   * identifies the shader's text.
   */
  readonly name: string;
  /** Everything else that the text depends on; `false` is left out. */
  readonly variants?: readonly (string | false)[];
  /** Constants of the text, declared before `functions`; `THREADS` always is. */
  readonly constants?: Constants;
  /** Numbers per pack; `Pack` is their type in the text. */
  readonly width: PackWidth;
  /** Elements of tensors that are not packs, by name. */
  readonly elements?: Readonly<Record<string, Binding["element"]>>;
  /** Tensors that are read; those that are undefined are left out. */
  readonly reads: Readonly<Record<string, Bound | undefined>>;
  /** Tensors that are written; zeros if a tensor to be read is empty. */
  readonly writes: Readonly<Record<string, Bound>>;
  /** The uniform buffer `numbers` of the text, of `vectors` vectors of four. */
  readonly numbers?: { readonly buffer: GPUBuffer; readonly vectors: number };
  /**
   * Values of `uniforms.<name>: array<vec4u, N>` in the text, which depends on N: constants
   * or variants say it where it is not always the same.
   */
  readonly vectors?: Readonly<Record<string, readonly Vector[]>>;
  /** Values of `uniforms.<name>: u32` in the text. */
  readonly integers: Readonly<Record<string, number>>;
  /** Values of `uniforms.<name>: f32` in the text. */
  readonly floats?: Readonly<Record<string, number>>;
  /** Threads per workgroup. */
  readonly threads: number;
  /**
   * Number of workgroups, counted by `workgroup` in the text; or those along two axes,
   * counted by `group.x` and `group.y`, of which a compiler knows without a division that
   * all threads of a workgroup have the same.
   */
  readonly workgroups: number | readonly [x: number, y: number];
  /**
   * How often the workgroups are repeated, counted by `layer` in the text.
   * @default 1
   */
  readonly layers?: number;
  /** Directives at the start of the text. */
  readonly directives?: string;
  /** Declarations before the entry point, or what makes them where the text is new. */
  readonly functions?: Source;
  /**
   * Statements of a thread, which is number `local` of number `workgroup`. They may use
   * barriers.
   */
  readonly body: Source;
}

/** The widest pack into which arrays of these sizes divide. */
export function widthOf(...sizes: number[]): PackWidth {
  return sizes.every((size) => size % 4 === 0) ? 4 : 1;
}

/** The tensors that the running kernel made; one may call another. */
let made: tf.TensorInfo[] | undefined;

/** Makes a tensor that a program will write. */
export function makeOutput(
  backend: StrictWebGPUBackend,
  shape: number[],
  dtype: tf.DataType,
): tf.TensorInfo {
  // No program writes what is empty, so that it has its values from the start.
  const values = tf.util.sizeFromShape(shape) === 0 ? [] : undefined;
  const tensor = backend.makeTensorInfo(shape, dtype, values);
  made?.push(tensor);
  return tensor;
}

/** Like {@linkcode makeOutput}, for floats. */
export function makeFloats(
  backend: StrictWebGPUBackend,
  shape: number[],
): tf.TensorInfo {
  return makeOutput(backend, shape, "float32");
}

/** The element type of a tensor's buffer, whatever the tensor's dtype. */
export function elementOf(
  backend: StrictWebGPUBackend,
  { dataId }: tf.TensorInfo,
): "f32" | "i32" {
  return backend.tensorMap.get(dataId).dtype === "float32" ? "f32" : "i32";
}

/**
 * Runs a kernel; if it fails, for instance when a buffer is too large, disposes
 * of the tensors that it and those that it called have made.
 */
export function withOutputs<R>(
  backend: StrictWebGPUBackend,
  kernel: () => R,
): R {
  const outer = made, own: tf.TensorInfo[] = made = [];
  try {
    return kernel();
  } catch (error) {
    own.forEach(({ dataId }) => backend.disposeData(dataId));
    throw error;
  } finally {
    made = outer;
    outer?.push(...own);
  }
}

function given(tensors: Program["reads"]): Readonly<Record<string, Bound>> {
  const found: Record<string, Bound> = {};
  for (const name in tensors) {
    const tensor = tensors[name];
    if (tensor) found[name] = tensor;
  }
  return found;
}

/** Runs a program on the backend of its tensors. */
export function runProgram(
  backend: StrictWebGPUBackend,
  program: Program,
): void {
  const { writes, numbers } = program;
  const reads = given(program.reads);
  const isTensor = (bound: Bound): bound is tf.TensorInfo =>
    !(bound instanceof GPUBuffer);
  if (Object.values(reads).some((x) => isTensor(x) && sizeOf(x) === 0)) {
    // No binding can be empty, and a sum of nothing is zero.
    for (const output of Object.values(writes).filter(isTensor)) {
      const entry = backend.tensorMap.get(output.dataId);
      entry.values = tf.util.makeZerosTypedArray(
        sizeOf(output),
        output.dtype as "float32" | "int32",
      );
    }
    return;
  }
  const bound = [
    ...Object.values(reads),
    ...Object.values(writes),
    ...numbers ? [numbers.buffer] : [],
  ];
  const { shader, uniforms } = prepared(backend, program);
  launch(backend, shader, bound, uniforms);
}

/** What launches of a program have in common where only the tensors' values differ. */
export interface Prepared {
  readonly shader: Shader;
  readonly uniforms: ArrayBuffer;
}

/** Makes the shader and the uniforms of a program, for a launch on a backend. */
export function prepared(
  backend: StrictWebGPUBackend,
  program: Program,
): Prepared {
  const { types, values } = uniformsOf(program);
  return {
    shader: shaderOf(program, backend.launches.mostWorkgroups),
    uniforms: packUniforms(types, values),
  };
}

/**
 * Makes the shader of a program.
 *
 * @param most The largest number of workgroups along an axis of the device.
 */
export function shaderOf(program: Program, most: number): Shader {
  const { name, variants = [], constants = {}, width } = program;
  const { workgroups, layers = 1 } = program;
  const element = width === 4 ? "vec4f" : "f32";
  const bound = (access: Binding["access"]) => (name: string): Binding => (
    { name, element: program.elements?.[name] ?? element, access }
  );
  const bindings = [
    ...Object.keys(given(program.reads)).map(bound("read")),
    ...Object.keys(program.writes).map(bound("read_write")),
    ...program.numbers ? [bound("uniform")("numbers")] : [],
  ];
  return {
    key: keyOf(
      name,
      ...variants,
      ...Object.entries(constants).map(([name, value]) =>
        value === true ? name : value !== false && `${name}=${value}`
      ),
      width === 4 && "vec4",
      bindings.some(({ element }) => element === "vec4h") && "f16",
      `threads=${program.threads}`,
    ),
    bindings,
    dispatch: [...gridOf(workgroups, most), layers],
    code: () => textOf(program, bindings, element),
  };
}

/**
 * Workgroups along x and y. If there are too many for one axis, they are folded into rows,
 * the last of which may be longer than what is left.
 */
function gridOf(
  workgroups: Program["workgroups"],
  most: number,
): readonly [x: number, y: number] {
  if (typeof workgroups !== "number") return workgroups;
  const folds = Math.ceil(workgroups / most);
  return [Math.ceil(workgroups / folds), folds];
}

function textOf(
  program: Program,
  bindings: readonly Binding[],
  element: Binding["element"],
): string {
  const buffers = bindings.map(({ name, access }, i) => {
    const element = program.elements?.[name] ?? "Pack";
    const [space, type] = access === "uniform"
      ? [access, `array<vec4f, ${program.numbers!.vectors}>`]
      : [`storage, ${access}`, `array<${element}>`];
    return `@group(0) @binding(${i}) var<${space}> ${name}: ${type};`;
  });
  const half = bindings.some(({ element }) => element === "vec4h");
  const { directives = "", constants = {}, functions = "", body } = program;
  const text = (source: Source) =>
    typeof source === "string" ? source : [source()].flat().join("");
  return unroll(
    /* wgsl */ `${directives}${
      half ? "enable f16;\n" : ""
    }alias Pack = ${element};
${declareUniforms("Uniforms", uniformsOf(program).types)}${buffers.join("\n")}
@group(0) @binding(${bindings.length}) var<uniform> uniforms: Uniforms;
${declareConstants({ THREADS: program.threads, ...constants })}${
      text(functions)
    }
@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
) {
  // The same as the local index, which Mesa's software takes as long to make as to add tensors.
  let local = thread.x;
  let workgroup = group.y * groups.x + group.x;
  let layer = group.z;
  if (workgroup >= uniforms.workgroups) { return; }
${text(body)}
}
`,
  );
}

/** The bytes of a struct of uniforms, in whole vectors of 16. */
export function packUniforms<Types extends UniformTypes>(
  types: Types,
  values: { readonly [name in keyof Types]: number | readonly number[] },
): ArrayBuffer {
  const names = Object.keys(types);
  const words = names.reduce((sum, name) => sum + wordsOf(values[name]!), 0);
  const bytes = new ArrayBuffer(16 * Math.ceil(words / 4));
  // Every host of WebGPU has the least of a word's bytes first, as WGSL's memory does.
  const integers = new Uint32Array(bytes), floats = new Float32Array(bytes);
  let at = 0;
  for (const name of names) {
    const value = values[name]!;
    if (typeof value !== "number") integers.set(value, at);
    else (types[name] === "f32" ? floats : integers)[at] = value;
    at += wordsOf(value);
  }
  return bytes;
}

const wordsOf = (value: number | readonly number[]): number =>
  typeof value === "number" ? 1 : value.length;

/** The uniforms, from which both the text's struct and its bytes are made. */
function uniformsOf(
  { vectors = {}, integers, floats = {}, workgroups: grid }: Program,
): { types: UniformTypes; values: Record<string, number | readonly number[]> } {
  const workgroups = typeof grid === "number" ? grid : grid[0] * grid[1];
  const values: Record<string, number | readonly number[]> = {};
  const types: Record<string, UniformTypes[string]> = {};
  for (const name in vectors) {
    values[name] = vectors[name]!.flat();
    types[name] = `array<vec4u, ${vectors[name]!.length}>`;
  }
  const numbers = { workgroups, ...integers, ...floats };
  for (const [name, value] of Object.entries(numbers)) {
    values[name] = value;
    types[name] = name in floats ? "f32" : "u32";
  }
  return { types, values };
}
