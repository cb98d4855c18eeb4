/** Sums of the columns of matrices, as the gradient of a bias is one. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { holdsFloats } from "./fused_kernel.ts";
import { sizeOf } from "../kernel_call.ts";
import { makeFloats, runProgram, widthOf, withOutputs } from "./program.ts";

const THREADS = 256;
/** Most threads that share a column. */
const MOST_LANES = 32;
/** Most rows of a workgroup; of longer columns, each workgroup writes a part of the sum. */
const BLOCK_ROWS = 2048;

/**
 * Adds up the rows of matrices of the same shape: one launch, or two where a
 * single workgroup a column would keep the device waiting.
 *
 * @param matrices Tensors of `rows · columns` numbers.
 * @returns For each matrix, a tensor `[columns]`.
 */
export function columnSums(
  backend: StrictWebGPUBackend,
  matrices: readonly tf.TensorInfo[],
  { rows, columns }: { rows: number; columns: number },
): tf.TensorInfo[] {
  const most = backend.launches.mostWorkgroups;
  const blockRows = Math.max(BLOCK_ROWS, Math.ceil(rows / most));
  const blocks = Math.ceil(rows / blockRows);
  if (blocks > 1) {
    const shape = [blocks, columns];
    const parts = matrices.map(() => makeFloats(backend, shape));
    runColumnSums(backend, matrices, parts, { rows, columns, blockRows });
    const sums = columnSums(backend, parts, { rows: blocks, columns });
    parts.forEach(({ dataId }) => backend.disposeData(dataId));
    return sums;
  }
  const sums = matrices.map(() => makeFloats(backend, [columns]));
  runColumnSums(backend, matrices, sums, { rows, columns, blockRows });
  return sums;
}

/** Writes the sums of each block of rows. */
function runColumnSums(
  backend: StrictWebGPUBackend,
  matrices: readonly tf.TensorInfo[],
  sums: readonly tf.TensorInfo[],
  sizes: { rows: number; columns: number; blockRows: number },
): void {
  const { rows, columns, blockRows } = sizes;
  const width = widthOf(columns);
  const packs = columns / width;
  let lanes = 1;
  while (lanes < Math.min(rows, MOST_LANES)) lanes *= 2;
  const named = (name: string, tensors: readonly tf.TensorInfo[]) =>
    Object.fromEntries(tensors.map((tensor, i) => [`${name}${i}`, tensor]));
  const sumOf = (i: number) => /* wgsl */ `
  var sum${i} = Pack();
  for (var row = first; row < end; row += uniforms.lanes) {
    sum${i} += matrix${i}[row * uniforms.packs + column];
  }
  // All threads have read the parts of the sum before.
  workgroupBarrier();
  parts[local] = sum${i};
  workgroupBarrier();
  if (lane == 0u && is_column) {
    for (var other = 1u; other < uniforms.lanes; other++) {
      sum${i} += parts[other * across + local];
    }
    sums${i}[layer * uniforms.packs + column] = sum${i};
  }`;
  runProgram(backend, {
    name: "column_sums",
    variants: [`${matrices.length}`],
    width,
    reads: named("matrix", matrices),
    writes: named("sums", sums),
    integers: { rows, packs, lanes, blockRows },
    threads: THREADS,
    workgroups: Math.ceil(packs / (THREADS / lanes)),
    layers: Math.max(1, Math.ceil(rows / blockRows)),
    functions: /* wgsl */ `
var<workgroup> parts: array<Pack, ${THREADS}>;
`,
    body:
      /* wgsl */ `  // Neighbours read neighbours; from a thread of a column to its next are \`across\` threads.
  let across = ${THREADS}u / uniforms.lanes;
  let lane = local / across;
  let column = workgroup * across + local % across;
  let is_column = column < uniforms.packs;
  let first = layer * uniforms.blockRows + lane;
  let end = select(
    0u,
    min(uniforms.rows, (layer + 1u) * uniforms.blockRows),
    is_column,
  );
${matrices.map((_, i) => sumOf(i)).join("\n")}`,
  });
}

/**
 * The kernel `Sum`, for sums of columns.
 *
 * @param stock tfjs's own kernel, for other sums.
 */
export function sumKernel(stock: tf.KernelFunc): tf.KernelFunc {
  return (call) => columnSumOf(call) ?? stock(call);
}

/** The sum over the first axes, or `undefined` if this is another sum. */
function columnSumOf(
  { inputs, backend, attrs }: Parameters<tf.KernelFunc>[0],
): tf.TensorInfo | undefined {
  const webgpu = backend as StrictWebGPUBackend;
  const x = inputs["x"] as tf.TensorInfo;
  const { axis, keepDims } = attrs as unknown as tf.SumAttrs;
  const axes = tf.util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
  const isLeading = axes.length > 0 && axes.length < x.shape.length &&
    axes.every((axis, i) => axis === i);
  if (!isLeading || !holdsFloats(webgpu, x)) return undefined;
  const kept = x.shape.slice(axes.length);
  const columns = tf.util.sizeFromShape(kept);
  const rows = sizeOf(x) / Math.max(1, columns);
  const [sum] = withOutputs(
    webgpu,
    () => columnSums(webgpu, [x], { rows, columns }),
  );
  const shape = keepDims ? [...axes.map(() => 1), ...kept] : kept;
  return { ...sum!, shape };
}
