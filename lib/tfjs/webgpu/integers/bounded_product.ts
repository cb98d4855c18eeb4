/** A fix of tfjs's matrix products, which read beyond the end of a matrix. @module */
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";

/** A shader program of tfjs. */
type StockProgram = Parameters<WebGPUBackend["runWebGPUProgram"]>[0];

/** The head of the function by which tfjs's products read the second matrix. */
const READ = /fn mm_readB\([^)]*\)[^{]*\{\s*var value = [^;]*;/;

/**
 * Makes a matrix product of tfjs read zeros beyond the inner dimension; other
 * programs are unchanged.
 *
 * tfjs's tiles read the next matrix there, and multiply it by zeros of the first
 * operand (`matMulReadFnSource` in tfjs-backend-webgpu/src/
 * matmul_packed_webgpu.ts). A NaN times zero is NaN: so that of one head, or one
 * text, spread to its neighbour.
 */
export function bounded(program: StockProgram): StockProgram {
  const isProduct = program.shaderKey.startsWith("matMul");
  // An inner dimension of whole tiles has nothing beyond it.
  if (!isProduct || (program as { fitInner?: boolean }).fitInner) {
    return program;
  }
  const getUserCode = program.getUserCode.bind(program);
  program.getUserCode = () =>
    getUserCode().replace(
      READ,
      "$&\n    if (row >= uniforms.dimInner) { return value; }",
    );
  return program;
}
