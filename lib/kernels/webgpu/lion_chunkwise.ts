/**
 * The chunkwise form as tfjs kernels for WebGPU: forward and gradient.
 *
 * Forward, three launches: the states that each chunk writes, their way from
 * chunk to chunk, and what each token reads; only the last if there is one
 * chunk. The gradient is made of the same three, run on other vectors.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../tfjs/webgpu/gpu_backend.ts";
import {
  type AttentionKernel,
  gradientKernel,
  type KernelAttributes,
  type KernelPlan,
  type KernelRequest,
  KERNELS,
  type Refusal,
} from "../../attention/kernel.ts";
import { attendShader, type Role, type Shape, shapeFor } from "./attend.ts";
import { carryStatesShader } from "./carry_states.ts";
import { chunkStatesShader } from "./chunk_states.ts";
import { COTANGENTS, cotangentsShader } from "./cotangents.ts";
import { decayGradientsShader } from "./decay_gradients.ts";
import {
  type Call,
  registerFusedKernel,
} from "../../tfjs/webgpu/fused_kernel.ts";
import { launch } from "../../tfjs/webgpu/launch.ts";
import { forwardMask, type MaskSource, transposedMask } from "./mask.ts";
import { packShader } from "./pack.ts";
import { clearPadding } from "./padding.ts";
import { makeFloats } from "../../tfjs/webgpu/program.ts";
import {
  type Launch,
  packProblem,
  type Shader,
} from "../../tfjs/webgpu/shader.ts";
import { directionsOf, recordQuads, type States } from "./states.ts";
import { type Columns, type Dims, quadsOf, type Vectors } from "./vectors.ts";

/** Largest headDim and valueDim: a workgroup's threads must cover a row. */
const LARGEST_DIM = 128;
/** Tokens a chunk, if nothing asks for fewer or forces more. */
const BEST_CHUNK = 64;
/** The same where there is no mask, and a chunk costs nothing but its state. */
const BEST_MASKLESS_CHUNK = 256;
/** Storage buffers of the shader that has most, that of dk and dv. */
const STORAGE_BUFFERS = 10;

/** Registers the kernels `LionChunkwise` and `LionChunkwiseGrad` for webgpu, once. */
export function registerChunkwise(): void {
  if (tf.getKernel(KERNELS.chunkwise, "webgpu")) return;
  const planning: Pick<AttentionKernel, "plan"> = {
    plan: (request) =>
      planFor(request, (tf.backend() as StrictWebGPUBackend).device),
  };
  registerFusedKernel<string, KernelAttributes>(
    KERNELS.chunkwise,
    (call) => forward(new Run(call)),
    planning,
  );
  registerFusedKernel<string, KernelAttributes>(
    gradientKernel("chunkwise"),
    (call) => gradient(new Run(call)),
  );
}

/**
 * Plans a problem for a device.
 *
 * @param request The problem.
 * @param device Its limits and features.
 * @returns What would run, or why nothing can.
 */
export function planFor(
  request: KernelRequest,
  device: Pick<GPUDevice, "limits" | "features">,
): KernelPlan | Refusal {
  const { batch, heads, length, headDim, valueDim, causal } = request;
  const { limits } = device;
  for (const [name, size] of Object.entries({ headDim, valueDim })) {
    if (size <= LARGEST_DIM) continue;
    return {
      refusal: `${name} is ${size}, and the webgpu kernel takes at most ` +
        `${LARGEST_DIM}`,
    };
  }
  const half = request.precision === "f16";
  if (half && !device.features.has("shader-f16")) {
    return { refusal: "the adapter has no feature shader-f16" };
  }
  if (limits.maxStorageBuffersPerShaderStage < STORAGE_BUFFERS) {
    return {
      refusal: `the adapter binds ${limits.maxStorageBuffersPerShaderStage} ` +
        `storage buffers (maxStorageBuffersPerShaderStage), and the webgpu ` +
        `kernel needs ${STORAGE_BUFFERS}`,
    };
  }
  const mask = maskOf(request.decays || causal, causal);
  const memory = limits.maxComputeWorkgroupStorageSize;
  const fits = (size: number) =>
    mask === null || shapeFor(size, request, memory) !== undefined;
  const chunksOf = (size: number) => Math.ceil(length / size);
  const ofSequence = (size: number) =>
    stateBytes(request, mask) * chunksOf(size);
  const largest = largestBuffer(limits);
  const most = limits.maxComputeWorkgroupsPerDimension;

  const best = mask ? BEST_CHUNK : BEST_MASKLESS_CHUNK;
  let chunkSize = Math.min(request.chunkSize ?? best, length);
  while (chunkSize > 1 && !fits(chunkSize)) chunkSize--;
  if (!fits(chunkSize)) {
    return {
      refusal: `the adapter's ${memory} bytes of workgroup memory ` +
        `(maxComputeWorkgroupStorageSize) hold no chunk`,
    };
  }
  // States of long sequences fit in one buffer if the chunks are longer.
  while (
    request.chunkSize === undefined && chunkSize < length &&
    fits(2 * chunkSize) &&
    (ofSequence(chunkSize) > largest || chunksOf(chunkSize) > most)
  ) chunkSize *= 2;
  const chunks = chunksOf(chunkSize);
  if (chunks > most) {
    return {
      refusal: `a sequence has ${chunks} chunks, more than the adapter's ` +
        `${most} workgroups (maxComputeWorkgroupsPerDimension)`,
    };
  }
  const alone = mask !== null && chunks === 1;
  if (!alone && ofSequence(chunkSize) > largest) {
    return {
      refusal: `the states of a sequence take ${ofSequence(chunkSize)} bytes ` +
        `in chunks of ${chunkSize}, more than the adapter's ${largest} ` +
        `(maxStorageBufferBindingSize)`,
    };
  }
  const tokens = batch * heads * length;
  const gradients = 16 * tokens * quadsOf("sum", request);
  if (gradients > largest) {
    return {
      refusal: `the gradients of the sums take ${gradients} bytes, more than ` +
        `the adapter's ${largest} (maxStorageBufferBindingSize)`,
    };
  }
  const bytes = alone ? 0 : ofSequence(chunkSize);
  const passes = passesOver(batch * heads, bytes, limits);
  const packed = (["key", "key", "value"] as const)
    .filter((columns) => isPacked(columns, request, half));
  const launches = passes.length *
    ((alone ? 1 : chunks > 1 ? 3 : 2) + packed.length);
  return {
    chunkSize,
    scratchBytes: packed.reduce(
      (sum, columns) =>
        sum + tokens * quadsOf(columns, request) * (half ? 8 : 16),
      passes[0]!.sequences * bytes,
    ),
    how: `webgpu, ${launches} ${launches === 1 ? "launch" : "launches"}`,
  };
}

function maskOf(masked: boolean, causal: boolean): MaskSource | null {
  return masked ? forwardMask(causal) : null;
}

/** Bytes of a chunk's states, in all directions. */
function stateBytes(dims: Dims, mask: MaskSource | null): number {
  return 16 * directionsOf(mask) * recordQuads(dims);
}

/** Whether vectors are copied to whole quads first. */
function isPacked(
  columns: "key" | "value",
  dims: Dims,
  half: boolean,
): boolean {
  const count = columns === "key" ? dims.headDim : dims.valueDim;
  return half || count % 4 !== 0;
}

function largestBuffer(limits: GPUSupportedLimits): number {
  return Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
}

/** Some of the sequences, those whose states fit in one buffer. */
interface Pass {
  readonly firstSequence: number;
  readonly sequences: number;
}

function passesOver(
  sequences: number,
  bytesOfSequence: number,
  limits: GPUSupportedLimits,
): Pass[] {
  const fitting = Math.min(
    Math.floor(largestBuffer(limits) / Math.max(1, bytesOfSequence)),
    limits.maxComputeWorkgroupsPerDimension,
    sequences,
  );
  const passes: Pass[] = [];
  for (let first = 0; first < sequences; first += fitting) {
    const rest = sequences - first;
    passes.push({ firstSequence: first, sequences: Math.min(fitting, rest) });
  }
  return passes;
}

/** The shape of shaders that have no mask, and need no room for one. */
const MASKLESS_CHUNK = 64;

/** A call of a kernel: its tensors by the names of their bindings, and its launches. */
class Run {
  readonly #backend: StrictWebGPUBackend;
  readonly #tensors: Record<string, tf.TensorInfo>;
  readonly #scratch: tf.TensorInfo[] = [];
  readonly #attributes: KernelAttributes;
  readonly #chunks: number;
  readonly #dims: Dims;
  readonly #shape: Shape;
  /** `[batch, heads, length]` */
  readonly perToken: number[];
  readonly mask: MaskSource | null;
  readonly transposed: MaskSource | null;
  readonly passes: readonly Pass[];
  /** Whether a mask has one chunk, and therefore no states. */
  readonly alone: boolean;

  constructor(
    { inputs, backend, attributes }: Call<string, KernelAttributes>,
  ) {
    this.#backend = backend;
    this.#tensors = { ...inputs };
    this.#attributes = attributes;
    const { q, v, f } = this.#tensors;
    const [batch, heads, length, headDim] = q!.shape as [
      number,
      number,
      number,
      number,
    ];
    const { causal, chunkSize } = this.#attributes;
    const { limits } = this.#backend.device;
    this.perToken = [batch, heads, length];
    this.#dims = { headDim, valueDim: v!.shape[3]! };
    this.#chunks = Math.ceil(length / chunkSize);
    this.mask = maskOf(f !== undefined, causal);
    this.transposed = this.mask && transposedMask(causal);
    this.alone = this.mask !== null && this.#chunks === 1;
    this.#shape = shapeFor(
      this.mask ? chunkSize : MASKLESS_CHUNK,
      this.#dims,
      limits.maxComputeWorkgroupStorageSize,
    )!;
    const bytes = this.alone
      ? 0
      : this.#chunks * stateBytes(this.#dims, this.mask);
    this.passes = passesOver(batch * heads, bytes, limits);
  }

  /** An input of the kernel. */
  input(name: string): tf.TensorInfo | undefined {
    return this.#tensors[name];
  }

  /** A tensor that the kernel returns. */
  output(name: string, shape: number[]): tf.TensorInfo {
    return this.#tensors[name] = makeFloats(this.#backend, shape);
  }

  /** Zeros at padding, if there is a mask. */
  clearPadding(outputs: readonly tf.TensorInfo[]): void {
    const mask = this.input("mask");
    if (!mask) return;
    for (const x of outputs) clearPadding(this.#backend, x, mask);
  }

  /** A tensor that is gone when the kernel returns; of so many numbers. */
  scratch(name: string, size: number): tf.TensorInfo {
    const tensor = this.output(name, [size]);
    this.#scratch.push(tensor);
    return tensor;
  }

  /** As {@linkcode scratch}, with so many columns for each token. */
  scratchVectors(name: string, columns: number): tf.TensorInfo {
    return this.scratch(name, tf.util.sizeFromShape(this.perToken) * columns);
  }

  /** A buffer for states of a pass. */
  scratchStates({ name }: States): void {
    const { sequences } = this.passes[0]!;
    const bytes = sequences * this.#chunks * stateBytes(this.#dims, this.mask);
    // Without states there is a buffer all the same, for the binding.
    this.scratch(name, this.alone ? 4 : bytes / 4);
  }

  /** An input, in whole quads. */
  vectors(name: string, columns: "key" | "value"): Vectors {
    const half = this.#attributes.precision === "f16";
    const vectors = { name, columns, half };
    if (!isPacked(columns, this.#dims, half)) return vectors;
    const x = this.input(name)!;
    // Four halves take the room of two floats.
    const perQuad = half ? 2 : 4;
    const packed = this.scratchVectors(name, perQuad * this.quads(columns));
    for (const pass of this.passes) {
      this.launch((launch) => packShader(vectors, launch), pass, { x, packed });
    }
    return vectors;
  }

  quads(columns: Columns): number {
    return quadsOf(columns, this.#dims);
  }

  launch(
    shaderOf: (launch: Launch) => Shader,
    pass: Pass,
    tensors: Record<string, tf.TensorInfo> = this.#tensors,
  ): void {
    const problem: Launch = {
      ...this.#attributes,
      ...this.#dims,
      ...pass,
      length: this.perToken[2]!,
      chunks: this.#chunks,
    };
    const shader = shaderOf(problem);
    launch(
      this.#backend,
      shader,
      shader.bindings.map(({ name }) => tensors[name]!),
      packProblem(problem),
    );
  }

  /** The states that reach each chunk. */
  makeStates(states: readonly States[], pass: Pass): void {
    if (this.alone) return;
    const { largestChunk } = this.#shape;
    this.launch(
      (launch) => chunkStatesShader({ states, largestChunk }, launch),
      pass,
    );
    if (this.#chunks === 1) return;
    this.launch((launch) => carryStatesShader(states, launch), pass);
  }

  attend(roles: readonly Role[], mask: MaskSource | null, pass: Pass): void {
    const spec = { roles, mask, shape: this.#shape };
    this.launch((launch) => attendShader(spec, launch), pass);
  }

  /** The gradients of the log decays, from the shares that came with dq and dk. */
  decayGradients(states: readonly [string, string], pass: Pass): void {
    const { alone } = this;
    const { causal } = this.#attributes;
    const { largestChunk } = this.#shape;
    const spec = { causal, alone, largestChunk, states };
    this.launch((launch) => decayGradientsShader(spec, launch), pass);
  }

  dispose(): void {
    this.#scratch.forEach(({ dataId }) => this.#backend.disposeData(dataId));
  }
}

function forward(run: Run): tf.TensorInfo[] {
  const y = run.output("y", run.input("v")!.shape);
  const rowSums = run.output("rowSums", run.perToken);
  const q = run.vectors("q", "key");
  const k = run.vectors("k", "key");
  const v = run.vectors("v", "value");
  const { mask } = run;
  const states: States = { name: "states", rows: k, columns: v, mask };
  run.scratchStates(states);
  const attention: Role = {
    rows: q,
    others: k,
    values: v,
    states,
    output: { name: "y", columns: "value" },
    finish: { kind: "attention" },
  };
  for (const pass of run.passes) {
    run.makeStates([states], pass);
    run.attend([attention], mask, pass);
  }
  run.clearPadding([y]);
  run.dispose();
  return [y, rowSums];
}

function gradient(run: Run): tf.TensorInfo[] {
  const outputs = ["q", "k", "v", "f", "b"]
    .filter((name) => run.input(name) !== undefined)
    .map((name) => run.output(`d${name}`, run.input(name)!.shape));
  const q = run.vectors("q", "key");
  const k = run.vectors("k", "key");
  const v = run.vectors("v", "value");
  const g = COTANGENTS;
  run.scratchVectors(g.name, 4 * run.quads(g.columns));
  const { mask, transposed } = run;
  const states: States = { name: "states", rows: k, columns: v, mask };
  const cotangentStates: States = {
    name: "cotangentStates",
    rows: q,
    columns: g,
    mask: transposed,
  };
  run.scratchStates(states);
  run.scratchStates(cotangentStates);
  const shares = (own: Vectors, name: string): Role["finish"] => {
    if (mask === null) return { kind: "none" };
    run.scratchVectors(name, 4);
    return { kind: "shares", own, name };
  };
  const dq: Role = {
    rows: g,
    others: v,
    values: k,
    states,
    output: { name: "dq", columns: "key" },
    finish: shares(q, "queryShares"),
  };
  const dk: Role = {
    rows: v,
    others: g,
    values: q,
    states: cotangentStates,
    output: { name: "dk", columns: "key" },
    finish: shares(k, "keyShares"),
  };
  const dv: Role = {
    rows: k,
    others: q,
    values: g,
    states: cotangentStates,
    output: { name: "dv", columns: "value" },
    finish: { kind: "none" },
  };
  for (const pass of run.passes) {
    run.launch(cotangentsShader, pass);
    run.makeStates([states, cotangentStates], pass);
    run.attend([dq], mask, pass);
    run.attend([dk, dv], transposed, pass);
    if (mask) run.decayGradients([states.name, cotangentStates.name], pass);
  }
  run.clearPadding(outputs.slice(0, 3));
  run.dispose();
  return outputs;
}
