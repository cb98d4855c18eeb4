import type { TensorInfo } from "@tensorflow/tfjs-core";

/**
 * Rows and columns of the matrices of a tensor, transposed or as they lie.
 *
 * @param name What a caller of matMul knows the tensor as.
 * @param x The tensor.
 * @param transposed Whether its last two dimensions change places.
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
