/** Cumulative sums and products as kernels of WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { sizeOf } from "../kernel_call.ts";
import { elementOf, makeOutput, runProgram, withOutputs } from "./program.ts";

const THREADS = 64;

/** The operator and neutral element of each cumulative kernel. */
const OPERATIONS: Record<string, { operator: string; neutral: number }> = {
  Cumsum: { operator: "+", neutral: 0 },
  Cumprod: { operator: "*", neutral: 1 },
};

/** The kernel `Cumsum` or `Cumprod`, for any rank: each thread goes along one line. */
export function cumulativeKernel(name: string): tf.KernelFunc {
  const { operator, neutral } = OPERATIONS[name]!;
  return ({ inputs, backend, attrs }) => {
    const webgpu = backend as StrictWebGPUBackend;
    const x = inputs["x"] as tf.TensorInfo;
    const { axis, exclusive, reverse } = attrs as unknown as tf.CumsumAttrs;
    const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
    const count = x.shape[along] ?? 1;
    const stride = tf.util.sizeFromShape(x.shape.slice(along + 1));
    const lines = sizeOf(x) / Math.max(1, count);
    const dtype = x.dtype === "float32" ? "float32" : "int32";
    const type = dtype === "float32" ? "f32" : "i32";
    return withOutputs(webgpu, () => {
      const y = makeOutput(webgpu, x.shape, dtype);
      const elements = { x: elementOf(webgpu, x), y: type } as const;
      runProgram(webgpu, {
        name,
        variants: [`${elements.x} ${type}`],
        constants: { EXCLUSIVE: !!exclusive, REVERSE: !!reverse },
        width: 1,
        elements,
        reads: { x },
        writes: { y },
        integers: { count, stride, lines },
        threads: THREADS,
        workgroups: Math.ceil(lines / THREADS),
        functions: /* wgsl */ `
const NEUTRAL = ${type}(${neutral});
fn combined(total: ${type}, at: u32) -> ${type} { return total ${operator} ${type}(x[at]); }
`,
        body: CUMULATE,
      });
      return y;
    });
  };
}

const CUMULATE = /* wgsl */ `
  let line = workgroup * THREADS + local;
  if (line >= uniforms.lines) { return; }
  let first = line / uniforms.stride * uniforms.stride * uniforms.count + line % uniforms.stride;
  var total = NEUTRAL;
  for (var step = 0u; step < uniforms.count; step++) {
    let at = first + select(step, uniforms.count - 1u - step, REVERSE) * uniforms.stride;
    let next = combined(total, at);
    y[at] = select(next, total, EXCLUSIVE);
    total = next;
  }`;
