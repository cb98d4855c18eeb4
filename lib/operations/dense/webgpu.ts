/** Dense layers, x W + b, with GELU or without, and their gradients, for WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { DENSE, DENSE_GELU, type DenseGeluAttributes } from "./dense.ts";
import {
  elementwiseKernel,
  makeFloats,
  registerFusedKernel,
  runProgram,
  type StrictWebGPUBackend,
  widthOf,
} from "@lionjs/tfjs/webgpu";
import { sizeOf } from "@lionjs/tfjs/kernel";
import { GELU_TERMS } from "../gelu/webgpu.ts";
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
 * @param isSoftware Whether the adapter computes on the processor, where workgroups do not
 * stage what they read in memory of their own.
 */
export function register(
  { isSoftware }: { readonly isSoftware: boolean },
): void {
  const staged = !isSoftware;
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
      forward(backend, inputs, staged, {
        GELU: true,
        DERIVATIVES: keepsHidden,
      }),
    gradient: ({ backend, inputs: { hidden: derivatives, ...inputs } }) => {
      if (staged) return gradient(backend, { ...inputs, derivatives }, staged);
      const [dy] = timesDerivatives({
        ...{ backend, attributes: {} },
        inputs: { dy: inputs.dy, derivatives },
      }) as [tf.TensorInfo];
      const gradients = gradient(backend, { ...inputs, dy }, staged);
      backend.disposeData(dy.dataId);
      return gradients;
    },
  });
}

/**
 * The product of dy and GELU's derivatives: threads would compute it again wherever
 * they read dy.
 */
const timesDerivatives = elementwiseKernel(["dy", "derivatives"], ["product"], {
  name: "times_derivatives",
  body: "  product[at] = dy[at] * derivatives[at];",
});

type DenseInput = "x" | "weight" | "bias";
type Inputs<Name extends string> = Readonly<Record<Name, tf.TensorInfo>>;

/** y = x W + b. */
const OUTPUTS = /* wgsl */ `
const LEFT_INNER = true;
const RIGHT_INNER = false;
const SUMS_COLUMNS = false;
fn row_count() -> u32 { return uniforms.rows; }
fn column_count() -> u32 { return uniforms.outputs; }
fn inner_count() -> u32 { return uniforms.inputs; }
fn left_block(outer: u32, inner: u32) -> mat4x4f { return transpose(rows_of_x(outer, inner)); }
fn right_block(outer: u32, inner: u32) -> mat4x4f { return rows_of_weight(inner, outer); }
fn finish_columns(column: u32, sum: vec4f) {}
// The gradient reads GELU's derivative for many tiles, and would compute it for each.
fn finish_row(row: u32, column: u32, sum: vec4f) {
  let hidden = sum + read_bias(0u, column);
  if (GELU) {
    let height = bell(hidden);
    let share = normal(hidden, height);
    write_y(row, column, hidden * share);
    if (DERIVATIVES) { write_derivatives(row, column, derivative(hidden, height, share)); }
  } else {
    write_y(row, column, hidden);
  }
}
`;

/** dW = xᵀ g, and db, the sum of g's rows. */
const WEIGHT_GRADIENT = /* wgsl */ `
const LEFT_INNER = false;
const RIGHT_INNER = false;
const SUMS_COLUMNS = true;
fn row_count() -> u32 { return uniforms.inputs; }
fn column_count() -> u32 { return uniforms.outputs; }
fn inner_count() -> u32 { return uniforms.rows; }
fn left_block(outer: u32, inner: u32) -> mat4x4f { return rows_of_x(inner, outer); }
fn right_block(outer: u32, inner: u32) -> mat4x4f { return rows_of_dy(inner, outer); }
fn finish_row(row: u32, column: u32, sum: vec4f) { write_dweight(row, column, sum); }
fn finish_columns(column: u32, sum: vec4f) { write_dbias(0u, column, sum); }
`;

/** dx = g Wᵀ. */
const INPUT_GRADIENT = /* wgsl */ `
const LEFT_INNER = true;
const RIGHT_INNER = true;
const SUMS_COLUMNS = false;
fn row_count() -> u32 { return uniforms.rows; }
fn column_count() -> u32 { return uniforms.inputs; }
fn inner_count() -> u32 { return uniforms.outputs; }
fn left_block(outer: u32, inner: u32) -> mat4x4f { return transpose(rows_of_dy(outer, inner)); }
fn right_block(outer: u32, inner: u32) -> mat4x4f { return transpose(rows_of_weight(outer, inner)); }
fn finish_row(row: u32, column: u32, sum: vec4f) { write_dx(row, column, sum); }
fn finish_columns(column: u32, sum: vec4f) {}
`;

/**
 * y = x W + b or GELU of that, and then GELU's derivatives, which are kept instead of
 * the sums before GELU.
 */
function forward(
  backend: StrictWebGPUBackend,
  { x, weight, bias }: Inputs<DenseInput>,
  staged: boolean,
  activation = { GELU: false, DERIVATIVES: false },
): tf.TensorInfo[] {
  const { program, ofOutputs, ofInputs } = layerOf(x, weight);
  const { rows, outputs } = program.integers;
  const shape = [...x.shape.slice(0, -1), outputs];
  const y = makeFloats(backend, shape);
  const derivatives = activation.DERIVATIVES
    ? makeFloats(backend, shape)
    : undefined;
  const size = { rows, columns: outputs };
  const tiling = tilingOf([size], staged);
  runProgram(backend, {
    ...program,
    name: "dense",
    constants: { ...activation, ...productConstants(tiling) },
    reads: { x, weight, bias },
    writes: { y, ...(derivatives && { derivatives }) },
    workgroups: tilesOf(size, tiling),
    functions: () => [
      readerOf(ofInputs("x", "uniforms.rows")),
      readerOf(ofOutputs("weight", "uniforms.inputs")),
      readerOf(ofOutputs("bias", "1u")),
      writerOf(ofOutputs("y", "uniforms.rows")),
      derivatives
        ? writerOf(ofOutputs("derivatives", "uniforms.rows"))
        : NO_DERIVATIVES,
      ...[GELU_TERMS, productFunctions({ y: OUTPUTS }, tiling)],
    ],
    body: "  product_y(workgroup, local);",
  });
  return derivatives ? [y, derivatives] : [y];
}

const NO_DERIVATIVES =
  "fn write_derivatives(row: u32, column: u32, derivatives: vec4f) {}\n";

/**
 * The gradients in x, weight and bias, in one launch: with g = dy, times GELU's derivatives
 * if there are some, dx = g Wᵀ, dW = xᵀ g, and db the sum of g's rows, which the workgroups
 * that compute the first rows of dW have at hand.
 */
function gradient(
  backend: StrictWebGPUBackend,
  { x, weight, bias, dy, derivatives }: Inputs<DenseInput | "dy"> & {
    readonly derivatives?: tf.TensorInfo | undefined;
  },
  staged: boolean,
): tf.TensorInfo[] {
  const { program, ofOutputs, ofInputs } = layerOf(x, weight);
  const { rows, inputs, outputs } = program.integers;
  const [dx, dweight, dbias] = [x, weight, bias].map(({ shape }) =>
    makeFloats(backend, shape)
  ) as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
  const ofX = { rows, columns: inputs };
  const ofWeight = { rows: inputs, columns: outputs };
  const tiling = tilingOf([ofWeight, ofX], staged);
  const tilesOfWeight = tilesOf(ofWeight, tiling);
  runProgram(backend, {
    ...program,
    name: "dense_gradient",
    variants: [derivatives ? "derivatives" : "linear", ...program.variants],
    constants: productConstants(tiling),
    reads: { x, weight, dy, derivatives },
    writes: { dx, dweight, dbias },
    integers: { ...program.integers, tilesOfWeight },
    workgroups: tilesOfWeight + tilesOf(ofX, tiling),
    functions: () => [
      readerOf(ofInputs("x", "uniforms.rows")),
      readerOf(ofOutputs("weight", "uniforms.inputs")),
      readerOf({
        ...ofOutputs("dy", "uniforms.rows"),
        times: derivatives && "derivatives",
      }),
      writerOf(ofInputs("dx", "uniforms.rows")),
      writerOf(ofOutputs("dweight", "uniforms.inputs")),
      writerOf(ofOutputs("dbias", "1u")),
      productFunctions(
        { weight: WEIGHT_GRADIENT, x: INPUT_GRADIENT },
        tiling,
      ),
    ],
    body: /* wgsl */ `  if (workgroup < uniforms.tilesOfWeight) {
    product_weight(workgroup, local);
  } else {
    product_x(workgroup - uniforms.tilesOfWeight, local);
  }`,
  });
  return [dx, dweight, dbias];
}

/** The common part of a layer's programs, and the layer's matrices as shaders know them. */
function layerOf(x: tf.TensorInfo, weight: tf.TensorInfo) {
  const [inputs, outputs] = weight.shape as [number, number];
  const rows = inputs === 0 ? 0 : sizeOf(x) / inputs;
  const [inputWidth, outputWidth] = [widthOf(inputs), widthOf(outputs)];
  const single = [
    ...inputWidth === 1 ? ["x", "dx"] : [],
    ...outputWidth === 1
      ? ["weight", "bias", "y", "derivatives", "dweight", "dbias", "dy"]
      : [],
  ];
  return {
    program: {
      width: 4,
      variants: [`widths=${inputWidth},${outputWidth}`],
      elements: Object.fromEntries(
        single.map((name) => [name, "f32" as const]),
      ),
      integers: { rows, inputs, outputs },
      threads: PRODUCT_THREADS,
    },
    ofInputs: (name: string, rows: string): Matrix => (
      { name, rows, columns: "uniforms.inputs", width: inputWidth }
    ),
    ofOutputs: (name: string, rows: string): Matrix => (
      { name, rows, columns: "uniforms.outputs", width: outputWidth }
    ),
  } as const;
}
