/** Matrix products of tfjs's that stay within a matrix. @module */
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";

/** A program of tfjs's. */
type StockProgram = Parameters<WebGPUBackend["runWebGPUProgram"]>[0];

/** The head of the function by which tfjs's products read the second matrix. */
const READ = /fn mm_readB\([^)]*\)[^{]*\{\s*var value = [^;]*;/;

/**
 * Has a product of tfjs's read zeros beyond the inner dimension, if it is one.
 *
 * tfjs's tiles read the next matrix there, multiplied by zeros of the first
 * operand (`matMulReadFnSource` in tfjs-backend-webgpu/src/
 * matmul_packed_webgpu.ts). Times zero, a NaN is one: of one head, or one text,
 * it was one of its neighbour too.
 */
export function bounded(program: StockProgram): StockProgram {
  const isProduct = program.shaderKey.startsWith("matMul");
  // Of an inner dimension of whole tiles nothing is beyond.
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
