/** Matrix products for software adapters. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { matrixShape } from "../matrix_shape.ts";
import { holdsFloats } from "./fused_kernel.ts";
import { makeFloats, runProgram, widthOf, withOutputs } from "./program.ts";
import { repeat } from "./shader.ts";

/** Threads of a workgroup along rows, and along columns; each has a 4 × 4 tile. */
const ACROSS = 8;

/**
 * The kernels `BatchMatMul` and `_FusedMatMul`.
 *
 * @param stock The previous kernel, for shapes that this one does not support.
 */
export function matmulKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) =>
    withOutputs(call.backend as StrictWebGPUBackend, () => matmulOf(call)) ??
      stock(call);
}

/** The product, or `undefined` if its rows are not whole vectors or its batches differ. */
function matmulOf(
  { inputs, backend, attrs }: Parameters<tf.KernelFunc>[0],
): tf.TensorInfo | undefined {
  const webgpu = backend as StrictWebGPUBackend;
  const { a, b, bias } = inputs as
    & Record<"a" | "b", tf.TensorInfo>
    & Partial<Record<"bias", tf.TensorInfo>>;
  const { transposeA, transposeB, activation } =
    attrs as unknown as tf._FusedMatMulAttrs;
  const [rows, inner] = matrixShape("a", a, transposeA);
  const [innerB, columns] = matrixShape("b", b, transposeB);
  const batch = a.shape.slice(0, -2);
  const fits = inner === innerB && inner > 0 &&
    [inner, columns, a.shape.at(-1)!, b.shape.at(-1)!]
      .every((size) => widthOf(size) === 4) &&
    tf.util.arraysEqual(batch, b.shape.slice(0, -2)) &&
    (!activation || activation === "linear") &&
    (!bias || tf.util.sizeFromShape(bias.shape) === columns) &&
    [a, b, ...(bias ? [bias] : [])].every((x) => holdsFloats(webgpu, x));
  if (!fits) return undefined;
  const c = makeFloats(webgpu, [...batch, rows, columns]);
  const packs = columns / 4;
  const columnTiles = Math.ceil(packs / ACROSS);
  runProgram(webgpu, {
    name: "matmul",
    variants: [
      `${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}`,
      ...(bias ? ["bias"] : []),
    ],
    width: 4,
    reads: { a, b, ...(bias ? { bias } : {}) },
    writes: { c },
    integers: { rows, packs, innerPacks: inner / 4, columnTiles },
    threads: ACROSS ** 2,
    workgroups: Math.ceil(rows / (4 * ACROSS)) * columnTiles,
    layers: tf.util.sizeFromShape(batch),
    functions: blockFunctions(transposeA, transposeB),
    body: /* wgsl */ `
  let row = 4u * (workgroup / uniforms.columnTiles * ${ACROSS}u + local / ${ACROSS}u);
  let column = workgroup % uniforms.columnTiles * ${ACROSS}u + local % ${ACROSS}u;
  if (row >= uniforms.rows || column >= uniforms.packs) { return; }
  let rows = min(vec4u(row) + vec4u(0, 1, 2, 3), vec4u(uniforms.rows - 1u));
  let first_a = layer * uniforms.rows * uniforms.innerPacks;
  let first_b = layer * uniforms.packs * uniforms.innerPacks * 4u;
  let start = ${bias ? "bias[column]" : "vec4f()"};
  ${repeat(4, (i) => `var sum${i} = start;`, " ")}
  for (var k = 0u; k < uniforms.innerPacks; k++) {
    let left = block_of_a(first_a, rows, k);
    let right = block_of_b(first_b, column, k);
    ${repeat(4, (i) => `sum${i} += right * left[${i}];`, " ")}
  }
  let to = (layer * uniforms.rows + row) * uniforms.packs + column;
  ${
      repeat(4, (i) => (
        `if (row + ${i}u < uniforms.rows) { c[to + ${i}u * uniforms.packs] = sum${i}; }`
      ), "\n  ")
    }`,
  });
  return c;
}

/** WGSL functions that read four rows of A along the k-th pack of the inner dimension, and four columns of B by inner index. */
function blockFunctions(transposeA: boolean, transposeB: boolean): string {
  const matrix = (loads: string[], transposed: boolean) => {
    const block = `mat4x4f(${loads.join(", ")})`;
    return transposed ? `transpose(${block})` : block;
  };
  const indices = [0, 1, 2, 3];
  // The rows of a transposed A come in whole packs, so that none needs a bound.
  const loadsOfA = indices.map((i) =>
    transposeA
      ? `a[first + (4u * k + ${i}u) * (uniforms.rows / 4u) + rows.x / 4u]`
      : `a[first + rows[${i}] * uniforms.innerPacks + k]`
  );
  const loadsOfB = indices.map((i) =>
    transposeB
      ? `b[first + (4u * column + ${i}u) * uniforms.innerPacks + k]`
      : `b[first + (4u * k + ${i}u) * uniforms.packs + column]`
  );
  return /* wgsl */ `
fn block_of_a(first: u32, rows: vec4u, k: u32) -> mat4x4f {
  return ${matrix(loadsOfA, transposeA)};
}
fn block_of_b(first: u32, column: u32, k: u32) -> mat4x4f {
  return ${matrix(loadsOfB, transposeB)};
}
`;
}
