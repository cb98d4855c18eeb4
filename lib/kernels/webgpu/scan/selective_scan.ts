/**
 * Mamba's selective scan for WebGPU: first the state that each chunk makes from
 * zeros, then the states carried from chunk to chunk, then the outputs of all chunks
 * at once. The gradient takes the same steps backwards. No launch binds more than
 * eight buffers, the number that all devices allow.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { KernelPlan, Refusal } from "../../../tfjs/kernel/kernel.ts";
import {
  SELECTIVE_SCAN,
  type SelectiveScanAttributes,
  type SelectiveScanRequest,
} from "../../../operations/selective_scan.ts";
import { columnSums } from "../../../tfjs/webgpu/column_sum.ts";
import { runElementwise } from "../../../tfjs/webgpu/elementwise.ts";
import {
  type FusedKernel,
  registerFusedKernel,
} from "../../../tfjs/webgpu/fused_kernel.ts";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import { makeFloats, runProgram } from "../../../tfjs/webgpu/program.ts";
import { inLaunches, tooLarge } from "../frame/planning.ts";
import {
  carryProgram,
  CHUNK,
  type ScanSizes,
  sizesOf,
  statesShape,
} from "./scan.ts";
import {
  gatesProgram,
  outputsProgram,
  type ScanGates,
  type ScanInputs,
  summaryProgram,
} from "./scan_forward.ts";
import {
  gateGradientsProgram,
  gradientsProgram,
  gradientSummaryProgram,
  scanRowsProgram,
  skipsProgram,
  tokensProgram,
  unpackRatesProgram,
  unpackTokensProgram,
} from "./scan_gradient.ts";

type Inputs = ScanInputs & ScanGates;

/** Registers the forward and the gradient kernel of the selective scan. */
export function registerSelectiveScan(): void {
  registerFusedKernel(SELECTIVE_SCAN, {
    forward,
    gradient,
    plan: (request: SelectiveScanRequest, { limits }) =>
      planFor(request, limits),
  });
}

/** Plans a selective scan, whose largest buffers are the gradient's. */
function planFor(
  { batch, length, channels, stateDim }: SelectiveScanRequest,
  limits: GPUSupportedLimits,
): KernelPlan | Refusal {
  const x = { shape: [batch, length, channels] };
  const sizes = sizesOf(x, { shape: [channels, stateDim] }, false);
  const states = 4 * tf.util.sizeFromShape(statesShape(sizes));
  const rows = 16 * batch * length * channels;
  const parts = 32 * sizes.blocks * batch * length * sizes.quads;
  const bytes = Math.max(states, rows, parts);
  const large = tooLarge("the gradient's largest buffer takes", bytes, limits);
  if (large) return large;
  return { chunkSize: CHUNK, scratchBytes: states, how: inLaunches(4) };
}

const forward: FusedKernel<string, SelectiveScanAttributes> = (
  { backend, inputs, attributes },
) => {
  const given = inputs as unknown as Inputs;
  const { x, a, d, z } = given;
  const sizes = sizesOf(x, a, attributes.reverse);
  const perChunk = [sizes.batch, sizes.chunks, sizes.channels];
  const states = makeFloats(backend, statesShape(sizes));
  const steps = makeFloats(backend, perChunk);
  runProgram(backend, summaryProgram(given, { states, steps }, sizes));
  runProgram(backend, carryProgram({ a, steps, states }, sizes, false));
  const scanned = makeFloats(backend, x.shape);
  runProgram(backend, outputsProgram(given, states, scanned, sizes));
  let y = scanned;
  if (d || z) {
    y = makeFloats(backend, x.shape);
    runElementwise(backend, gatesProgram({ scanned, x, d, z }, y));
    backend.disposeData(scanned.dataId);
  }
  backend.disposeData(steps.dataId);
  if (attributes.keepStates) return [y, states];
  backend.disposeData(states.dataId);
  return [y];
};

const gradient: FusedKernel<string, SelectiveScanAttributes> = (
  { backend, inputs, attributes },
) => {
  const given = inputs as unknown as
    & Inputs
    & Readonly<Record<"dy" | "states", tf.TensorInfo>>;
  const { x, dt, a, d, z, states } = given;
  const sizes = sizesOf(x, a, attributes.reverse);
  const dispose = (...tensors: tf.TensorInfo[]) =>
    tensors.forEach(({ dataId }) => backend.disposeData(dataId));
  let slope = given.dy;
  let dz: tf.TensorInfo | undefined;
  if (z) {
    const scanned = makeFloats(backend, x.shape);
    slope = makeFloats(backend, x.shape);
    dz = makeFloats(backend, x.shape);
    runProgram(backend, outputsProgram(given, states, scanned, sizes));
    const gates = { scanned, x, z, dy: given.dy, d };
    runElementwise(backend, gateGradientsProgram(gates, { slope, dz }));
    dispose(scanned);
  }
  const rows = makeFloats(backend, [...x.shape, 4]);
  runElementwise(backend, scanRowsProgram({ x, dt, dy: slope, d }, rows));
  const { batch, length, chunks, channels, quads, blocks } = sizes;
  const tokens = makeFloats(backend, [batch, length, 2 * quads + 1, 4]);
  runElementwise(backend, tokensProgram(given, tokens, sizes));
  const carried = makeFloats(backend, statesShape(sizes));
  const steps = makeFloats(backend, [batch, chunks, channels]);
  const packed = { rows, tokens, a };
  runProgram(
    backend,
    gradientSummaryProgram(packed, { carried, steps }, sizes),
  );
  const back = { a, steps, states: carried };
  runProgram(backend, carryProgram(back, sizes, true));
  const [dx, ddt] = [
    makeFloats(backend, x.shape),
    makeFloats(backend, x.shape),
  ];
  const parts = makeFloats(backend, [blocks, batch * length * 8 * quads]);
  runProgram(
    backend,
    gradientsProgram(
      { ...packed, states },
      { dx, ddt, parts, carried },
      sizes,
    ),
  );
  const sums = sumsOf(backend, given, { parts, carried }, sizes);
  const dd = d && skipGradient(backend, x, slope);
  dispose(rows, tokens, carried, steps, parts);
  if (z) dispose(slope);
  return [dx, ddt, ...sums, ...(dd ? [dd] : []), ...(dz ? [dz] : [])];
};

/** The gradients da, db and dc, summed over the parts that chunks and blocks have written. */
function sumsOf(
  backend: StrictWebGPUBackend,
  { a, b, c }: Inputs,
  { parts, carried }: Readonly<Record<"parts" | "carried", tf.TensorInfo>>,
  sizes: ScanSizes,
): tf.TensorInfo[] {
  const { batch, length, chunks, channels, quads, blocks } = sizes;
  const [rates] = columnSums(backend, [carried], {
    rows: batch * chunks,
    columns: 4 * quads * channels,
  });
  const [ofTokens] = columnSums(backend, [parts], {
    rows: blocks,
    columns: batch * length * 8 * quads,
  });
  const da = makeFloats(backend, a.shape);
  runElementwise(backend, unpackRatesProgram(rates!, da, sizes));
  const [db, dc] = [makeFloats(backend, b.shape), makeFloats(backend, c.shape)];
  runElementwise(backend, unpackTokensProgram(ofTokens!, { db, dc }, sizes));
  for (const { dataId } of [rates!, ofTokens!]) backend.disposeData(dataId);
  return [da, db, dc];
}

/** The gradient of the skip connection, dd = Σ x dy. */
function skipGradient(
  backend: StrictWebGPUBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
): tf.TensorInfo {
  const [batch, length, channels] = x.shape as tf.Tensor3D["shape"];
  const products = makeFloats(backend, x.shape);
  runElementwise(backend, skipsProgram({ x, dy }, products));
  const [dd] = columnSums(backend, [products], {
    rows: batch * length,
    columns: channels,
  });
  backend.disposeData(products.dataId);
  return dd!;
}
