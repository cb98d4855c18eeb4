/** A call of an attention kernel for WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { KernelAttributes } from "../../../attention/planning/kernel.ts";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import type { Call } from "../../../tfjs/webgpu/fused_kernel.ts";
import {
  makeFloats,
  type Program,
  runProgram,
  type Tensors,
} from "../../../tfjs/webgpu/program.ts";
import type { Launch } from "../frame/problem.ts";
import { attendProgram } from "./attend.ts";
import type { ProblemSize } from "../../numbers.ts";
import { type AttendShape, shapeFor } from "./attend.ts";
import { carryStatesProgram, type SequenceBorders } from "./carry_states.ts";
import { chunkStatesProgram } from "./chunk_states.ts";
import { packProgram } from "../frame/pack.ts";
import { clearPadding } from "../layer/padding.ts";
import {
  isPacked,
  type SequenceBatch,
  sequenceBatches,
} from "../frame/sequence_batches.ts";
import { decayGradientsProgram } from "./decay_gradients.ts";
import { maskFor, type MaskSource } from "./mask.ts";
import type { Role } from "./roles.ts";
import { stateBytes, type States, statesAreApart } from "./states.ts";
import {
  type Columns,
  type Dims,
  quadsOf,
  type Vectors,
} from "../frame/vectors.ts";

/** The shape of shaders that have no mask, and need no room for one. */
const MASKLESS_CHUNK = 64;

/** The tensors and attributes that the kernel of a form is given. */
export type AttentionArguments = Call<string, KernelAttributes>;

/** The size of a call's problem, on which the numbers of its kernels depend. */
export function sizeOfProblem(
  { inputs: { q, v } }: AttentionArguments,
): ProblemSize {
  const [length, headDim] = q!.shape.slice(2) as [number, number];
  return { length, headDim, valueDim: v!.shape[3]! };
}

/** A call of a kernel: its tensors by the names of their bindings, and its launches. */
export class KernelCall {
  readonly #backend: StrictWebGPUBackend;
  readonly #tensors: Record<string, tf.TensorInfo>;
  readonly #scratch: tf.TensorInfo[] = [];
  readonly #attributes: KernelAttributes;
  /** Chunks of a sequence. */
  readonly chunks: number;
  /** Columns of a head. */
  readonly dims: Dims;
  /** `[batch, heads, length]` */
  readonly perToken: number[];
  /** The mask of the decays, or `null` if there are none. */
  readonly decays: MaskSource | null;
  readonly batches: readonly SequenceBatch[];
  /** Whether there are states: with decays, if there is more than one chunk, or a piece. */
  readonly hasStates: boolean;
  /**
   * Whether the states of decays are read as each chunk wrote them, without a launch in
   * which they travel.
   */
  readonly areApart: boolean;
  /** What comes to the sequence and leaves it, if it is a piece of a longer one. */
  readonly borders: SequenceBorders | undefined;

  /**
   * @param call The kernel's tensors and attributes.
   * @param withStates Whether the kernel makes states, if there are any.
   * @param more `bytesOfSequence`: what else a sequence takes of one buffer;
   * `chunksApart`: the most chunks whose states do not travel.
   */
  constructor(
    { inputs, backend, attributes }: AttentionArguments,
    withStates: boolean,
    { bytesOfSequence = 0, chunksApart = 2 }: {
      readonly bytesOfSequence?: number;
      readonly chunksApart?: number;
    },
  ) {
    this.#backend = backend;
    this.#tensors = { ...inputs };
    this.#attributes = attributes;
    const { q, v } = this.#tensors;
    const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
    const { causal, chunkSize, states = false } = this.#attributes;
    const { limits } = this.#backend.device;
    this.perToken = [batch, heads, length];
    this.dims = { headDim, valueDim: v!.shape[3]! };
    this.chunks = Math.ceil(length / chunkSize);
    this.decays = maskFor(this.input("f") !== undefined, causal);
    this.hasStates = withStates &&
      (!this.decays || this.chunks > 1 || states);
    this.borders = states
      ? {
        before: this.input("before") !== undefined,
        after: !causal && this.input("after") !== undefined,
        backward: !causal,
      }
      : undefined;
    this.areApart = this.hasStates && this.decays !== null && !states &&
      statesAreApart(this.chunks, batch * heads, chunksApart);
    const bytes = this.hasStates
      ? this.chunks * stateBytes(this.dims, this.decays)
      : 0;
    this.batches = sequenceBatches(
      batch * heads,
      Math.max(bytes, bytesOfSequence),
      limits,
    );
  }

  /** Room in the shaders of its chunks, with so many rows a workgroup at most. */
  #shape(mostRows: number = Infinity): AttendShape {
    return shapeFor(
      this.decays ? this.#attributes.chunkSize : MASKLESS_CHUNK,
      this.dims,
      this.limits.maxComputeWorkgroupStorageSize,
      mostRows,
    )!;
  }

  /** What the sizes of buffers depend on. */
  get sizes(): Omit<Launch, "firstSequence" | "sequences"> {
    return {
      ...this.#attributes,
      ...this.dims,
      length: this.perToken[2]!,
      tokens: tf.util.sizeFromShape(this.perToken),
      chunks: this.chunks,
      joinedHeads: this.#attributes.joined ? this.perToken[1]! : 1,
    };
  }

  get shapeOfY(): number[] {
    const [batch, heads, length] = this.perToken as [number, number, number];
    const { valueDim } = this.dims;
    return this.#attributes.joined
      ? [batch, length, heads * valueDim]
      : [batch, heads, length, valueDim];
  }

  /** The limits of the device. */
  get limits(): GPUSupportedLimits {
    return this.#backend.device.limits;
  }

  /** Whether a token reads only itself and the tokens before it. */
  get causal(): boolean {
    return this.#attributes.causal;
  }

  /** An input of the kernel. */
  input(name: string): tf.TensorInfo | undefined {
    return this.#tensors[name];
  }

  /** A tensor that the kernel returns. */
  output(name: string, shape: number[]): tf.TensorInfo {
    return this.#tensors[name] = makeFloats(this.#backend, shape);
  }

  /** The states that leave a piece. */
  leaving(): tf.TensorInfo[] {
    if (!this.borders) return [];
    const { headDim, valueDim } = this.dims;
    const shape = [...this.perToken.slice(0, 2), headDim, valueDim + 1];
    const names = ["forward", ...(this.borders.backward ? ["backward"] : [])];
    return names.map((name) => this.output(name, shape));
  }

  /** Zeros at padding, if there is a mask. */
  clearPadding(outputs: readonly tf.TensorInfo[]): void {
    const mask = this.input("mask");
    if (!mask) return;
    for (const x of outputs) clearPadding(this.#backend, x, mask);
  }

  /** A tensor of so many numbers that is gone when the kernel returns. */
  scratch(name: string, size: number): tf.TensorInfo {
    const tensor = this.output(name, [size]);
    this.#scratch.push(tensor);
    return tensor;
  }

  /** A tensor that is gone when the kernel returns, with so many columns for each token. */
  scratchVectors(name: string, columns: number): tf.TensorInfo {
    return this.scratch(name, this.sizes.tokens * columns);
  }

  /** A buffer for the states of a batch of sequences. */
  scratchStates({ name }: States): void {
    const { sequences } = this.batches[0]!;
    const bytes = sequences * this.chunks * stateBytes(this.dims, this.decays);
    // Without states there is a buffer all the same, for the binding.
    this.scratch(name, this.hasStates ? bytes / 4 : 4);
  }

  /** An input, in whole quads. */
  #vectors(name: string, columns: "key" | "value"): Vectors {
    const half = this.#attributes.precision === "f16";
    const vectors = { name, columns, half };
    if (!isPacked(columns, this.dims, half)) return vectors;
    const x = this.input(name)!;
    // Four halves take the room of two floats.
    const perQuad = half ? 2 : 4;
    const packed = this.scratchVectors(name, perQuad * this.quads(columns));
    for (const batch of this.batches) {
      this.launch(
        batch,
        (launch) => packProgram(vectors, launch, { x, packed }),
      );
    }
    return vectors;
  }

  /** The inputs q, k and v, in whole quads. */
  queriesKeysValues(): [q: Vectors, k: Vectors, v: Vectors] {
    return [
      this.#vectors("q", "key"),
      this.#vectors("k", "key"),
      this.#vectors("v", "value"),
    ];
  }

  quads(columns: Columns): number {
    return quadsOf(columns, this.dims);
  }

  /** Launches a program on a batch of sequences. */
  launch(
    batch: SequenceBatch,
    programOf: (launch: Launch, tensors: Tensors) => Program,
  ): void {
    const program = programOf({ ...this.sizes, ...batch }, this.#tensors);
    runProgram(this.#backend, program);
  }

  /** The states that reach each chunk. */
  makeStates(states: readonly States[], batch: SequenceBatch): void {
    if (!this.hasStates) return;
    const { largestChunk } = this.#shape();
    this.launch(
      batch,
      (...given) => chunkStatesProgram(states, largestChunk, ...given),
    );
    if (this.areApart || (this.chunks === 1 && !this.borders)) return;
    this.launch(
      batch,
      (...given) => carryStatesProgram(states, ...given, this.borders),
    );
  }

  /** What tokens read of their chunk and of the states, with so many rows a workgroup at most. */
  attend(
    roles: readonly Role[],
    decays: MaskSource | null,
    batch: SequenceBatch,
    mostRows: number,
  ): void {
    const { areApart } = this;
    const spec = { roles, decays, shape: this.#shape(mostRows), areApart };
    this.launch(batch, (...given) => attendProgram(spec, ...given));
  }

  /** The gradients of the log decays, from the terms that came with dq and dk. */
  decayGradients(
    states: readonly [string, string],
    batch: SequenceBatch,
  ): void {
    const { causal, hasStates, areApart } = this;
    const { largestChunk } = this.#shape();
    const alone = !hasStates;
    const spec = { causal, alone, areApart, largestChunk, states };
    this.launch(batch, (...given) => decayGradientsProgram(spec, ...given));
  }

  dispose(): void {
    this.#scratch.forEach(({ dataId }) => this.#backend.disposeData(dataId));
  }
}
