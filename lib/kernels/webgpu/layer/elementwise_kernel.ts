/** Kernels of functions of each element. @module */
import {
  type ElementwiseProgram,
  runElementwise,
} from "../../../tfjs/webgpu/elementwise.ts";
import type { FusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import { makeFloats } from "../../../tfjs/webgpu/program.ts";

/**
 * The kernel of a function of each element.
 *
 * @param inputs Its inputs, all of one shape.
 * @param output Its output, of the same shape.
 * @param program What computes the pack of the output at index `at`.
 */
export function elementwiseKernel<Input extends string>(
  inputs: readonly Input[],
  output: string,
  program:
    & Pick<ElementwiseProgram, "name" | "functions" | "body">
    & Partial<ElementwiseProgram>,
): FusedKernel<Input> {
  return ({ backend, inputs: tensors }) => {
    const y = makeFloats(backend, tensors[inputs[0]!].shape);
    const reads = Object.fromEntries(
      inputs.map((name) => [name, tensors[name]]),
    );
    runElementwise(backend, { ...program, reads, writes: { [output]: y } });
    return [y];
  };
}
