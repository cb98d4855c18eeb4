/** Matrix products of integers on WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { matrixShape } from "../../matrix_shape.ts";
import { broadcast } from "../broadcast.ts";
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
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
  const y = makeOutput(webgpu, [...batch, rows, columns], a.dtype);
  if (sizeOf(y) === 0) return y;
  const matrices = broadcast(batchA, batchB, batch);
  runElementwise(webgpu, {
    name: "integer BatchMatMul",
    width: 1,
    variants: [`rank ${batch.length}`],
    elements: { a: "i32", b: "i32", y: "i32" },
    reads: { a, b },
    writes: { y },
    integers: {
      rows,
      columns,
      inner,
      ...matrices.integers,
      rowA: transposeA ? 1 : inner,
      stepA: transposeA ? rows : 1,
      columnB: transposeB ? inner : 1,
      stepB: transposeB ? 1 : columns,
    },
    body: /* wgsl */ `  let column = at % uniforms.columns;
  let row = at / uniforms.columns % uniforms.rows;
  let at_both = at / uniforms.columns / uniforms.rows;
${matrices.text}
  let matrix_a = at_a * uniforms.rows * uniforms.inner;
  let matrix_b = at_b * uniforms.inner * uniforms.columns;
  var total = 0;
  for (var i = 0u; i < uniforms.inner; i++) {
    total += a[matrix_a + row * uniforms.rowA + i * uniforms.stepA] *
      b[matrix_b + i * uniforms.stepB + column * uniforms.columnB];
  }
  y[at] = total;`,
  });
  return y;
};
