/** The shapes of matrices in products. @module */
import type { TensorInfo } from "@tensorflow/tfjs-core";

/**
 * The rows and columns of a tensor's matrices, transposed or not.
 *
 * @param name The tensor's name for a caller of matMul.
 * @param transposed Whether to swap its last two dimensions.
 * @throws {TypeError} If it has no matrices.
 */
export function matrixShape(
  name: "a" | "b",
  { shape }: TensorInfo,
  transposed: boolean,
): [rows: number, columns: number] {
  const [columns, rows] = [shape.at(-1), shape.at(-2)];
  if (rows === undefined || columns === undefined) {
    throw new TypeError(
      `matMul's ${name} should have at least two dimensions, got [${shape}]; ` +
        `give a vector a second one of size 1`,
    );
  }
  return transposed ? [columns, rows] : [rows, columns];
}
