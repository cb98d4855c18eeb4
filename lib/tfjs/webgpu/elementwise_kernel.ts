/** Kernels of functions of each element. @module */
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { type ElementwiseProgram, runElementwise } from "./elementwise.ts";
import type { FusedKernel } from "./fused_kernel.ts";
import { makeFloats } from "./program.ts";

/**
 * The kernel of a function of each element.
 *
 * @param inputs The names of the inputs.
 * @param outputs The names of the outputs, which have one shape.
 * @param program The program that computes the pack of the outputs at index `at`.
 * @param of Further uniforms of the program, and the outputs' shape, by the first input,
 * which otherwise has that shape.
 */
export function elementwiseKernel<Input extends string, Attributes = unknown>(
  inputs: readonly Input[],
  outputs: readonly string[],
  program:
    & Pick<ElementwiseProgram, "name" | "functions" | "body">
    & Partial<ElementwiseProgram>,
  of?: (x: TensorInfo, attributes: Attributes) =>
    & Partial<ElementwiseProgram>
    & { readonly shape?: number[] },
): FusedKernel<Input, Attributes> {
  return ({ backend, inputs: tensors, attributes }) => {
    const x = tensors[inputs[0]!];
    const { shape = x.shape, ...ofCall } = of?.(x, attributes) ?? {};
    const named = <T>(names: readonly T[], tensor: (name: T) => TensorInfo) =>
      Object.fromEntries(names.map((name) => [name, tensor(name)]));
    const reads = named(inputs, (name) => tensors[name]);
    const writes = named(outputs, () => makeFloats(backend, shape));
    runElementwise(backend, { ...program, ...ofCall, reads, writes });
    return Object.values(writes);
  };
}
