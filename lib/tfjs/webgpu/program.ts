/**
 * A shader together with the tensors and numbers of one call, from which its
 * declarations, its uniform buffer and its grid are made.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { launch } from "./launch.ts";
import { type Binding, keyOf, type Shader } from "./shader.ts";
import {
  declareUniforms,
  packUniforms,
  type UniformTypes,
} from "./uniforms.ts";

/**
 * Numbers of a pack, the element of all buffers of a program: 4, if the sizes
 * allow, so that memory is read 16 bytes at a time.
 */
export type PackWidth = 1 | 4;

/** Tensors by their names in the text. */
export type Tensors = Readonly<Record<string, tf.TensorInfo>>;

/** What runs. */
export interface Program {
  /** Names the text, with `variants`. */
  readonly name: string;
  /** All else that the text depends on. */
  readonly variants?: readonly string[];
  /** Numbers of a pack; the text knows their type as `Pack`. */
  readonly width: PackWidth;
  /** Elements of tensors that are no packs, by name. */
  readonly elements?: Readonly<Record<string, Binding["element"]>>;
  /** Tensors that are read. */
  readonly reads: Tensors;
  /** Tensors that are written; zeros if a tensor to be read is empty. */
  readonly writes: Tensors;
  /** `uniforms.<name>: u32` of the text. */
  readonly integers: Readonly<Record<string, number>>;
  /** `uniforms.<name>: f32` of the text. */
  readonly floats?: Readonly<Record<string, number>>;
  /** Threads of a workgroup. */
  readonly threads: number;
  /** Workgroups: the text's `workgroup` counts them. */
  readonly workgroups: number;
  /** How often the workgroups are repeated: the text's `layer`. @default 1 */
  readonly layers?: number;
  /** What the text begins with: directives. */
  readonly directives?: string;
  /** Declarations before the entry point. */
  readonly functions?: string;
  /**
   * Statements of a thread, which is number `local` of number `workgroup`. They
   * may use barriers.
   */
  readonly body: string;
}

/** The widest pack of which arrays of this size are made. */
export function widthOf(size: number): PackWidth {
  return size % 4 === 0 ? 4 : 1;
}

/** Numbers of a tensor. */
export function sizeOf({ shape }: tf.TensorInfo): number {
  return tf.util.sizeFromShape(shape);
}

/** What the running kernel made; they run one at a time, each to its end. */
let made: tf.TensorInfo[] | undefined;

/** A tensor that a program will write. */
export function makeOutput(
  backend: StrictWebGPUBackend,
  shape: number[],
  dtype: tf.DataType,
): tf.TensorInfo {
  const tensor = backend.makeTensorInfo(shape, dtype);
  made?.push(tensor);
  return tensor;
}

/** As {@linkcode makeOutput}, of floats. */
export function makeFloats(
  backend: StrictWebGPUBackend,
  shape: number[],
): tf.TensorInfo {
  return makeOutput(backend, shape, "float32");
}

/** What a tensor's buffer holds, whatever the tensor calls it. */
export function elementOf(
  backend: StrictWebGPUBackend,
  { dataId }: tf.TensorInfo,
): "f32" | "i32" {
  return backend.tensorMap.get(dataId).dtype === "float32" ? "f32" : "i32";
}

/**
 * Runs a kernel; if it fails, as where a buffer is too large, what it made by
 * then is freed, of which nobody else knows.
 */
export function withOutputs<R>(
  backend: StrictWebGPUBackend,
  kernel: () => R,
): R {
  const own: tf.TensorInfo[] = made = [];
  try {
    return kernel();
  } catch (error) {
    own.forEach(({ dataId }) => backend.disposeData(dataId));
    throw error;
  } finally {
    made = undefined;
  }
}

/** Runs a program. */
export function runProgram(
  backend: StrictWebGPUBackend,
  program: Program,
): void {
  const { reads, writes } = program;
  if (Object.values(reads).some((tensor) => sizeOf(tensor) === 0)) {
    // No binding can be empty, and a sum of nothing is zero.
    for (const output of Object.values(writes)) {
      const entry = backend.tensorMap.get(output.dataId);
      entry.values = tf.util.makeZerosTypedArray(
        sizeOf(output),
        output.dtype as "float32" | "int32",
      );
    }
    return;
  }
  const { types, values } = uniformsOf(program);
  launch(
    backend,
    shaderOf(program, backend.device.limits.maxComputeWorkgroupsPerDimension),
    [...Object.values(reads), ...Object.values(writes)],
    packUniforms(types, values),
  );
}

/**
 * The shader of a program.
 *
 * @param most Workgroups that the device dispatches along an axis.
 */
export function shaderOf(program: Program, most: number): Shader {
  const { name, variants = [], width, workgroups, layers = 1 } = program;
  const element = width === 4 ? "vec4f" : "f32";
  const bound = (access: Binding["access"]) => (name: string): Binding => (
    { name, element: program.elements?.[name] ?? element, access }
  );
  const bindings = [
    ...Object.keys(program.reads).map(bound("read")),
    ...Object.keys(program.writes).map(bound("read_write")),
  ];
  // A grid too long for one axis is folded into rows, the last of which may
  // be longer than what is left.
  const folds = Math.ceil(workgroups / most);
  return {
    key: keyOf(name, ...variants, width === 4 && "vec4"),
    bindings,
    dispatch: [Math.ceil(workgroups / folds), folds, layers],
    code: () => textOf(program, bindings, element),
  };
}

function textOf(
  program: Program,
  bindings: readonly Binding[],
  element: Binding["element"],
): string {
  const buffers = bindings.map(({ name, access }, i) => {
    const element = program.elements?.[name] ?? "Pack";
    return `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${element}>;`;
  });
  return /* wgsl */ `${program.directives ?? ""}alias Pack = ${element};
${declareUniforms("Uniforms", uniformsOf(program).types)}${buffers.join("\n")}
@group(0) @binding(${bindings.length}) var<uniform> uniforms: Uniforms;
${program.functions ?? ""}
@compute @workgroup_size(${program.threads})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let workgroup = group.y * groups.x + group.x;
  let layer = group.z;
  if (workgroup >= uniforms.workgroups) { return; }
${program.body}
}
`;
}

/** Of these both the struct of the text and its bytes are made. */
function uniformsOf(
  { integers, floats = {}, workgroups }: Program,
): { types: UniformTypes; values: Record<string, number> } {
  const values = { workgroups, ...integers, ...floats };
  const types = Object.fromEntries(
    Object.keys(values).map((name) => [name, name in floats ? "f32" : "u32"]),
  ) as UniformTypes;
  return { types, values };
}
