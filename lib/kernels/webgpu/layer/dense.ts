/** Dense layers, x W + b, with GELU or without, and their gradients. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  DENSE,
  DENSE_GELU,
  type DenseGeluAttributes,
} from "../../../operations/dense.ts";
import { registerFusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import { sizeOf } from "../../../tfjs/kernel_call.ts";
import {
  makeFloats,
  runProgram,
  widthOf,
} from "../../../tfjs/webgpu/program.ts";
import { elementwiseKernel } from "./elementwise_kernel.ts";
import { GELU_TERMS } from "./gelu.ts";
import {
  type Matrix,
  PRODUCT_THREADS,
  productConstants,
  productFunctions,
  readerOf,
  tilesOf,
  tilingOf,
  writerOf,
} from "./tiled_product.ts";

/**
 * Registers the kernels.
 *
 * @param staged Whether workgroups stage what they read in their memory.
 */
export function registerDense(staged: boolean): void {
  registerFusedKernel<DenseInput, DenseInput | "dy", unknown, never>(DENSE, {
    forward: ({ backend, inputs }) => forward(backend, inputs, staged),
    gradient: ({ backend, inputs }) => gradient(backend, inputs, staged),
  });
  registerFusedKernel<
    DenseInput,
    DenseInput | "hidden" | "dy",
    DenseGeluAttributes,
    never
  >(DENSE_GELU, {
    forward: ({ backend, inputs, attributes: { keepsHidden } }) =>
      forward(backend, inputs, staged, { GELU: true, SLOPES: keepsHidden }),
    gradient: ({ backend, inputs: { hidden: slopes, ...inputs } }) => {
      if (staged) return gradient(backend, { ...inputs, slopes }, staged);
      const [dy] = timesSlopes({
        ...{ backend, attributes: {} },
        inputs: { dy: inputs.dy, slopes },
      }) as [tf.TensorInfo];
      const gradients = gradient(backend, { ...inputs, dy }, staged);
      backend.disposeData(dy.dataId);
      return gradients;
    },
  });
}

/** What threads would compute again wherever they read dy from its buffer. */
const timesSlopes = elementwiseKernel(["dy", "slopes"], ["product"], {
  name: "times_slopes",
  body: "  product[at] = dy[at] * slopes[at];",
});

type DenseInput = "x" | "weight" | "bias";
type Inputs<Name extends string> = Readonly<Record<Name, tf.TensorInfo>>;

/** What is made of the sums: the gradient reads a slope for many tiles, and would compute it for each. */
const FINISH = /* wgsl */ `
fn finish(row: u32, column: u32, sum: vec4f) {
  let hidden = sum + read_bias(0u, column);
  if (GELU) {
    let height = bell(hidden);
    let share = normal(hidden, height);
    write_y(row, column, hidden * share);
    if (SLOPES) { write_slopes(row, column, slope(hidden, height, share)); }
  } else {
    write_y(row, column, hidden);
  }
}
`;

const NO_SLOPES = "fn write_slopes(row: u32, column: u32, slopes: vec4f) {}\n";

/**
 * y = x W + b or GELU of that, and then GELU's slopes, which are kept in the place of
 * the sums before it.
 */
function forward(
  backend: StrictWebGPUBackend,
  { x, weight, bias }: Inputs<DenseInput>,
  staged: boolean,
  activation = { GELU: false, SLOPES: false },
): tf.TensorInfo[] {
  const { rows, inputs, outputs, matrices, variants } = layerOf(x, weight);
  const shape = [...x.shape.slice(0, -1), outputs];
  const y = makeFloats(backend, shape);
  const slopes = activation.SLOPES ? makeFloats(backend, shape) : undefined;
  const size = { rows, columns: outputs };
  const tiling = tilingOf([size], staged);
  runProgram(backend, {
    name: "dense",
    variants,
    constants: { ...activation, ...productConstants(tiling) },
    width: 4,
    elements: elementsOf(matrices),
    reads: { x, weight, bias },
    writes: { y, ...(slopes && { slopes }) },
    integers: { rows, inputs, outputs },
    threads: PRODUCT_THREADS,
    workgroups: tilesOf(size, tiling),
    functions: () =>
      [
        ...[matrices.x, matrices.weight, matrices.bias].map(readerOf),
        ...[matrices.y, ...(slopes ? [matrices.slopes] : [])].map(writerOf),
        slopes ? "" : NO_SLOPES,
        GELU_TERMS + FINISH,
        productFunctions([{
          ...{ name: "y", finish: "finish" },
          left: { name: "x", along: "inner" },
          right: { name: "weight", along: "outer" },
          rows: "uniforms.rows",
          columns: "uniforms.outputs",
          inner: "uniforms.inputs",
        }], tiling),
      ].join(""),
    body: "  product_y(workgroup, local);",
  });
  return slopes ? [y, slopes] : [y];
}

/**
 * The gradients in x, weight and bias, in one launch: with g = dy, times the slopes if
 * there are some, dx = g Wᵀ, dW = xᵀ g, and db the sum of g's rows, which those have
 * at hand who compute the first rows of dW.
 */
function gradient(
  backend: StrictWebGPUBackend,
  { x, weight, bias, dy, slopes }: Inputs<DenseInput | "dy"> & {
    readonly slopes?: tf.TensorInfo | undefined;
  },
  staged: boolean,
): tf.TensorInfo[] {
  const { rows, inputs, outputs, matrices, variants } = layerOf(x, weight);
  const [dx, dweight, dbias] = [x, weight, bias].map(({ shape }) =>
    makeFloats(backend, shape)
  ) as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
  const ofX = { rows, columns: inputs };
  const ofWeight = { rows: inputs, columns: outputs };
  const tiling = tilingOf([ofWeight, ofX], staged);
  const tilesOfWeight = tilesOf(ofWeight, tiling);
  const slopesOf = { ...matrices.dy, times: slopes && "slopes" };
  runProgram(backend, {
    name: "dense_gradient",
    variants: [slopes ? "slopes" : "linear", ...variants],
    constants: productConstants(tiling),
    width: 4,
    elements: elementsOf(matrices),
    reads: { x, weight, dy, slopes },
    writes: { dx, dweight, dbias },
    integers: { rows, inputs, outputs, tilesOfWeight },
    threads: PRODUCT_THREADS,
    workgroups: tilesOfWeight + tilesOf(ofX, tiling),
    functions: () =>
      [
        ...[matrices.x, matrices.weight, slopesOf].map(readerOf),
        ...[matrices.dx, matrices.dweight, matrices.dbias].map(writerOf),
        productFunctions([{
          ...{ name: "weight", finish: "write_dweight" },
          left: { name: "x", along: "outer" },
          right: { name: "dy", along: "outer" },
          rows: "uniforms.inputs",
          columns: "uniforms.outputs",
          inner: "uniforms.rows",
          finishColumnSums: "write_dbias",
        }, {
          ...{ name: "x", finish: "write_dx" },
          left: { name: "dy", along: "inner" },
          right: { name: "weight", along: "inner" },
          rows: "uniforms.rows",
          columns: "uniforms.inputs",
          inner: "uniforms.outputs",
        }], tiling),
      ].join(""),
    body: /* wgsl */ `  if (workgroup < uniforms.tilesOfWeight) {
    product_weight(workgroup, local);
  } else {
    product_x(workgroup - uniforms.tilesOfWeight, local);
  }`,
  });
  return [dx, dweight, dbias];
}

/** The sizes of a layer, its matrices as shaders know them, and what their text depends on. */
function layerOf(x: tf.TensorInfo, weight: tf.TensorInfo) {
  const [inputs, outputs] = weight.shape as [number, number];
  const rows = inputs === 0 ? 0 : sizeOf(x) / inputs;
  const ofColumns =
    (columns: string, size: number) => (name: string, rows: string): Matrix => (
      { name, rows, columns, width: widthOf(size) }
    );
  const ofInputs = ofColumns("uniforms.inputs", inputs);
  const ofOutputs = ofColumns("uniforms.outputs", outputs);
  return {
    ...{ rows, inputs, outputs },
    matrices: {
      x: ofInputs("x", "uniforms.rows"),
      dx: ofInputs("dx", "uniforms.rows"),
      y: ofOutputs("y", "uniforms.rows"),
      dy: ofOutputs("dy", "uniforms.rows"),
      slopes: ofOutputs("slopes", "uniforms.rows"),
      weight: ofOutputs("weight", "uniforms.inputs"),
      dweight: ofOutputs("dweight", "uniforms.inputs"),
      bias: ofOutputs("bias", "1u"),
      dbias: ofOutputs("dbias", "1u"),
    },
    variants: [`widths=${widthOf(inputs)},${widthOf(outputs)}`],
  };
}

/** The types of buffers that are not packs. */
function elementsOf(
  matrices: Readonly<Record<string, Matrix>>,
): Record<string, "f32"> {
  const single = Object.values(matrices).filter(({ width }) => width === 1);
  return Object.fromEntries(single.map(({ name }) => [name, "f32"]));
}
