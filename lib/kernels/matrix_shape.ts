import type { TensorInfo } from "@tensorflow/tfjs-core";

/** Rows and columns of the matrices of a tensor, transposed or as they lie. */
export function matrixShape(
  { shape }: TensorInfo,
  transposed: boolean,
): [rows: number, columns: number] {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}
