/** Matrix products of integers on WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { matrixShape } from "../../matrix_shape.ts";
import { axesOf } from "../../broadcast_axes.ts";
import { placesIn } from "../broadcast/places.ts";
import { PLACES_OF } from "../broadcast/places.wgsl.ts";
import { runElementwise } from "../elementwise.ts";
import type { IntegerKernel } from "./integer_kernel.ts";
import { sizeOf } from "../../kernel_call.ts";
import { makeOutput } from "../program.ts";

/** The kernel `BatchMatMul` of integers, with a thread for each element. */
export const matmul: IntegerKernel = (webgpu, { inputs, attrs }) => {
  const { a, b } = inputs as Record<"a" | "b", tf.TensorInfo>;
  const { transposeA, transposeB } = attrs as unknown as tf.BatchMatMulAttrs;
  const [rows, inner] = matrixShape("a", a, transposeA);
  const [innerB, columns] = matrixShape("b", b, transposeB);
  tf.util.assert(
    inner === innerB,
    () =>
      `matMul's inner sizes should be equal, got ${inner} of a and ${innerB} of b`,
  );
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const matrices = axesOf([{ shape: batchA }, { shape: batchB }]);
  const y = makeOutput(webgpu, [...matrices.shape, rows, columns], a.dtype);
  if (sizeOf(y) === 0) return y;
  runElementwise(webgpu, {
    name: "integer BatchMatMul",
    ...placesIn(matrices),
    width: 1,
    elements: { a: "i32", b: "i32", y: "i32" },
    reads: { a, b },
    writes: { y },
    integers: {
      rows,
      columns,
      inner,
      rowA: transposeA ? 1 : inner,
      stepA: transposeA ? rows : 1,
      columnB: transposeB ? inner : 1,
      stepB: transposeB ? 1 : columns,
    },
    functions: PLACES_OF,
    body: /* wgsl */ `  let column = at % uniforms.columns;
  let row = at / uniforms.columns % uniforms.rows;
  let matrices = places_of(at / uniforms.columns / uniforms.rows);
  let matrix_a = matrices.x * uniforms.rows * uniforms.inner;
  let matrix_b = matrices.y * uniforms.inner * uniforms.columns;
  var total = 0;
  for (var i = 0u; i < uniforms.inner; i++) {
    total += a[matrix_a + row * uniforms.rowA + i * uniforms.stepA] *
      b[matrix_b + i * uniforms.stepB + column * uniforms.columnB];
  }
  y[at] = total;`,
  });
  return y;
};
