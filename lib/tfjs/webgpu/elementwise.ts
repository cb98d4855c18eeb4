/** Programs with a thread for each pack of elements. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { sizeOf } from "../kernel_call.ts";
import { type Program, runProgram, type Tensors, widthOf } from "./program.ts";

const THREADS = 64;

/** A program with a thread for each pack of its first output. */
export type ElementwiseProgram =
  & Pick<Program, "name" | "reads" | "floats" | "functions">
  & { readonly writes: Tensors }
  & { readonly body: string }
  & Partial<
    Pick<
      Program,
      "variants" | "constants" | "width" | "elements" | "vectors" | "integers"
    >
  >;

/**
 * Runs a program whose body computes the packs at index `at`; a pack has four
 * numbers if the size allows and `width` does not say otherwise.
 */
export function runElementwise(
  backend: StrictWebGPUBackend,
  program: ElementwiseProgram,
): void {
  runProgram(backend, elementwise(program));
}

/** The program that {@linkcode runElementwise} runs. */
export function elementwise(program: ElementwiseProgram): Program {
  const [first] = Object.values(program.writes);
  const size = sizeOf(first!);
  const { width = widthOf(size) } = program;
  const packs = size / width;
  return {
    ...program,
    width,
    integers: { packs, ...program.integers },
    threads: THREADS,
    workgroups: Math.ceil(packs / THREADS),
    body: /* wgsl */ `  let at = workgroup * THREADS + local;
  if (at >= uniforms.packs) { return; }
${program.body}`,
  };
}

/**
 * The kernel `AddN`, of as many tensors at once as a device binds.
 *
 * @param stock tfjs's own kernel, which binds all.
 */
export function addNKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => {
    const webgpu = call.backend as StrictWebGPUBackend;
    const [first, ...others] = Object.values(call.inputs) as tf.TensorInfo[];
    const most = webgpu.launches.mostBuffers - 2;
    let sum = first!;
    for (let i = 0; i < others.length; i += most) {
      const added = [sum, ...others.slice(i, i + most)];
      const inputs = added as unknown as tf.NamedTensorInfoMap;
      const next = stock({ ...call, inputs }) as tf.TensorInfo;
      if (sum !== first) webgpu.disposeData(sum.dataId);
      sum = next;
    }
    return sum === first ? stock(call) : sum;
  };
}
