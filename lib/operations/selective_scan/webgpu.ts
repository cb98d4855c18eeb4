/**
 * Mamba's selective scan for WebGPU: first the state that each chunk makes from
 * zeros, then the states carried from chunk to chunk, then the outputs of all chunks
 * at once. The gradient takes the same steps backwards. No launch binds more than
 * eight buffers, the number that all devices allow.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { type KernelPlan, type Refusal, sizeOf } from "@lionjs/tfjs/kernel";
import {
  SELECTIVE_SCAN,
  type SelectiveScanAttributes,
  type SelectiveScanRequest,
} from "./selective_scan.ts";
import {
  columnSums,
  type FusedKernel,
  makeFloats,
  registerFusedKernel,
  runElementwise,
  runProgram,
  SIGMOID,
  type StrictWebGPUBackend,
  widthOf,
} from "@lionjs/tfjs/webgpu";
import { tooLarge } from "@lionjs/tfjs/kernel";
import { reading } from "@lionjs/tfjs/webgpu";
import {
  carryProgram,
  CHUNK,
  outputsProgram,
  type ScanInputs,
  type ScanSizes,
  sizesOf,
  statesShape,
  summaryProgram,
} from "./shaders/scan.ts";
import {
  gradientsProgram,
  gradientSummaryProgram,
} from "./shaders/scan_gradient.ts";

/** The inputs of a scan, with the skip connection d and the gate z, if its output has them. */
type Inputs = ScanInputs & Readonly<Partial<Record<"d" | "z", tf.TensorInfo>>>;

/** Registers the forward and the gradient kernel of the selective scan. */
export function register(): void {
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
  const parts = 32 * sizes.blocks * batch * length * sizes.vecs;
  const bytes = Math.max(states, rows, parts);
  const large = tooLarge("the gradient's largest buffer takes", bytes, limits);
  if (large) return large;
  return { chunkSize: CHUNK, scratchBytes: states, how: "webgpu, 4 launches" };
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
    runElementwise(backend, {
      ...alongChannels(x, d),
      name: "scan_gates",
      variants: [d !== undefined && "d", z !== undefined && "z"],
      reads: { scanned, x, d, z },
      writes: { y },
      body: /* wgsl */ `  let whole = whole_at(at);
  y[at] = ${z ? "whole * z[at] * sigmoid(z[at])" : "whole"};`,
    });
    backend.disposeData(scanned.dataId);
  }
  backend.disposeData(steps.dataId);
  if (attributes.keepStates) return [y, states];
  backend.disposeData(states.dataId);
  return [y];
};

/** The fields common to the programs of gates, in packs along the channels. */
function alongChannels({ shape }: tf.TensorInfo, d: tf.TensorInfo | undefined) {
  const width = widthOf(shape[2]!);
  return {
    width,
    integers: { row: shape[2]! / width },
    functions: /* wgsl */ `${SIGMOID}
fn whole_at(at: u32) -> Pack { return ${
      d ? "scanned[at] + d[at % uniforms.row] * x[at]" : "scanned[at]"
    }; }
`,
  };
}

const gradient: FusedKernel<string, SelectiveScanAttributes> = (
  { backend, inputs, attributes },
) => {
  const given = inputs as unknown as
    & Inputs
    & Readonly<Record<"dy" | "states", tf.TensorInfo>>;
  const { x, a, d, z, states } = given;
  const sizes = sizesOf(x, a, attributes.reverse);
  const { batch, length, chunks, channels, vecs, blocks } = sizes;
  const make = (...shape: number[]) => makeFloats(backend, shape);
  const dispose = (...tensors: tf.TensorInfo[]) =>
    tensors.forEach(({ dataId }) => backend.disposeData(dataId));
  let dy = given.dy;
  let dz: tf.TensorInfo | undefined;
  if (z) {
    const scanned = make(...x.shape);
    runProgram(backend, outputsProgram(given, states, scanned, sizes));
    // The gradient of the scan's result before the gate.
    const dscanned = make(...x.shape);
    dz = make(...x.shape);
    runElementwise(backend, {
      ...alongChannels(x, d),
      name: "scan_gate_gradients",
      variants: d ? ["d"] : [],
      reads: { scanned, x, z, dy, d },
      writes: { dscanned, dz },
      body: /* wgsl */ `  let whole = whole_at(at);
  let gate = sigmoid(z[at]);
  let silu = z[at] * gate;
  dscanned[at] = dy[at] * silu;
  dz[at] = dy[at] * whole * (gate + silu * (1.0 - gate));`,
    });
    dispose(scanned);
    dy = dscanned;
  }
  const operands = { ...operandsOf(backend, given, dy, sizes), a };
  const carried = make(...statesShape(sizes));
  const steps = make(batch, chunks, channels);
  runProgram(
    backend,
    gradientSummaryProgram(operands, { carried, steps }, sizes),
  );
  const back = { a, steps, states: carried };
  runProgram(backend, carryProgram(back, sizes, true));
  const [dx, ddt] = [make(...x.shape), make(...x.shape)];
  const parts = make(blocks, batch * length * 8 * vecs);
  const writes = { dx, ddt, parts, carried };
  runProgram(backend, gradientsProgram({ ...operands, states }, writes, sizes));
  const sums = sumsOf(backend, given, { parts, carried }, sizes);
  const dd = d && skipGradient(backend, x, dy);
  dispose(operands.rows, operands.tokens, carried, steps, parts);
  if (z) dispose(dy);
  return [dx, ddt, ...sums, ...(dd ? [dd] : []), ...(dz ? [dz] : [])];
};

/** The tensors `rows` and `tokens` (`scan_gradient.ts`). */
function operandsOf(
  backend: StrictWebGPUBackend,
  { x, dt, b, c, d, begins }: Inputs,
  dy: tf.TensorInfo,
  { batch, length, vecs, stateDim }: ScanSizes,
): Readonly<Record<"rows" | "tokens", tf.TensorInfo>> {
  const rows = makeFloats(backend, [...x.shape, 4]);
  runElementwise(backend, {
    name: "scan_rows",
    variants: d ? ["d"] : [],
    width: 1,
    elements: { rows: "vec4f" },
    reads: { x, dt, dy, d },
    writes: { rows },
    integers: { packs: sizeOf(x), row: x.shape[2]! },
    body: /* wgsl */ `  rows[at] = vec4f(x[at], dt[at], dy[at], ${
      d ? "d[at % uniforms.row] * dy[at]" : "0.0"
    });`,
  });
  const tokens = makeFloats(backend, [batch, length, 2 * vecs + 1, 4]);
  runElementwise(backend, {
    name: "scan_tokens",
    variants: begins ? ["begins"] : [],
    width: 1,
    elements: { tokens: "vec4f" },
    reads: { b, c, begins },
    writes: { tokens },
    integers: { packs: sizeOf(tokens) / 4, vecs, stateDim },
    functions: reading("b", "stateDim", 1) + reading("c", "stateDim", 1),
    body: /* wgsl */ `
  let token = at / (2u * uniforms.vecs + 1u);
  let part = at % (2u * uniforms.vecs + 1u);
  if (part < uniforms.vecs) {
    tokens[at] = read_b(token, part);
  } else if (part < 2u * uniforms.vecs) {
    tokens[at] = read_c(token, part - uniforms.vecs);
  } else {
    tokens[at] = vec4f(${begins ? "begins[token]" : "0.0"});
  }`,
  });
  return { rows, tokens };
}

/** The gradients da, db and dc, summed over the parts that chunks and blocks have written. */
function sumsOf(
  backend: StrictWebGPUBackend,
  { a, b, c }: Inputs,
  { parts, carried }: Readonly<Record<"parts" | "carried", tf.TensorInfo>>,
  { batch, length, chunks, channels, vecs, blocks, stateDim }: ScanSizes,
): tf.TensorInfo[] {
  const [rates] = columnSums(backend, [carried], {
    rows: batch * chunks,
    columns: 4 * vecs * channels,
  });
  const [ofTokens] = columnSums(backend, [parts], {
    rows: blocks,
    columns: batch * length * 8 * vecs,
  });
  // The sums have the states in fours, `[stateDim / 4, channels, 4]`, and da has not.
  const da = makeFloats(backend, a.shape);
  runElementwise(backend, {
    name: "scan_unpack_rates",
    width: 1,
    reads: { rates },
    writes: { da },
    integers: { channels, stateDim },
    body: /* wgsl */ `
  let channel = at / uniforms.stateDim;
  let n = at % uniforms.stateDim;
  da[at] = rates[(n / 4u * uniforms.channels + channel) * 4u + n % 4u];`,
  });
  const [db, dc] = [makeFloats(backend, b.shape), makeFloats(backend, c.shape)];
  runElementwise(backend, {
    name: "scan_unpack_tokens",
    width: 1,
    reads: { ofTokens },
    writes: { db, dc },
    integers: { vecs, stateDim },
    body: /* wgsl */ `
  let first = at / uniforms.stateDim * 8u * uniforms.vecs;
  let n = at % uniforms.stateDim;
  db[at] = ofTokens[first + n];
  dc[at] = ofTokens[first + 4u * uniforms.vecs + n];`,
  });
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
  runElementwise(backend, {
    name: "scan_skips",
    reads: { x, dy },
    writes: { products },
    body: "  products[at] = x[at] * dy[at];",
  });
  const [dd] = columnSums(backend, [products], {
    rows: batch * length,
    columns: channels,
  });
  backend.disposeData(products.dataId);
  return dd!;
}
