/** A call of an attention kernel for WebGPU: its sizes, and its launches. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { KernelAttributes } from "../../../attention/planning/kernel.ts";
import type { Call } from "../../../tfjs/webgpu/fused_kernel.ts";
import {
  makeFloats,
  type Program,
  runProgram,
  type Tensors,
} from "../../../tfjs/webgpu/program.ts";
import type { ProblemSize } from "../../numbers.ts";
import { isPacked, packProgram } from "../frame/pack.ts";
import type { Launch } from "../frame/problem.ts";
import {
  type SequenceBatch,
  sequenceBatches,
} from "../frame/sequence_batches.ts";
import { quadsOf, type Vectors } from "../frame/vectors.ts";
import { clearPadding } from "../layer/padding.ts";

/** The tensors and attributes that the kernel of a form is given. */
export type AttentionArguments = Call<string, KernelAttributes>;

/** The size of a call's problem, on which the numbers of its kernels depend. */
export function sizeOfProblem(
  { inputs: { q, v } }: AttentionArguments,
): ProblemSize {
  const [length, headDim] = q!.shape.slice(2) as [number, number];
  return { length, headDim, valueDim: v!.shape[3]! };
}

/** The sizes of a call, those of its launches and the shapes of its outputs. */
export interface CallSizes extends Omit<Launch, keyof SequenceBatch> {
  /** Sequences, heads of all batch entries. */
  readonly allSequences: number;
  /** `[batch, heads, length]` */
  readonly perToken: number[];
  /** The shape of y. */
  readonly shapeOfY: number[];
  /** The shape of a state that comes to a piece of a sequence, or leaves it. */
  readonly shapeOfState: number[];
}

/** The sizes of a call. */
export function sizesOf(call: AttentionArguments): CallSizes {
  const { inputs: { q }, attributes } = call;
  const [batch, heads] = q!.shape as tf.Tensor4D["shape"];
  const { length, headDim, valueDim } = sizeOfProblem(call);
  const { joined = false } = attributes;
  return {
    ...attributes,
    ...{ length, headDim, valueDim },
    tokens: batch * heads * length,
    chunks: Math.ceil(length / attributes.chunkSize),
    joinedHeads: joined ? heads : 1,
    allSequences: batch * heads,
    perToken: [batch, heads, length],
    shapeOfY: joined
      ? [batch, length, heads * valueDim]
      : [batch, heads, length, valueDim],
    shapeOfState: [batch, heads, headDim, valueDim + 1],
  };
}

/** The launches of a call, which bind tensors by name. */
export interface Launcher {
  /** The batches of sequences that are computed at once. */
  readonly batches: readonly SequenceBatch[];
  /** Makes a tensor that the kernel returns. */
  output(name: string, shape: number[]): tf.TensorInfo;
  /** Makes a tensor of so many numbers that is gone when the kernel returns. */
  scratch(name: string, numbers: number): void;
  /** The inputs q, k and v, in whole quads. */
  queriesKeysValues(): [q: Vectors, k: Vectors, v: Vectors];
  /** Runs a program on a batch of sequences. */
  run(
    batch: SequenceBatch,
    programOf: (launch: Launch, tensors: Tensors) => Program,
  ): void;
  /** Ends the call: some outputs get zeros at padding, if there is a mask. */
  end(cleared: readonly tf.TensorInfo[]): void;
}

/**
 * Begins the launches of a call.
 *
 * @param bytesOfSequence What a sequence takes of one buffer.
 */
export function launcherOf(
  { inputs, attributes: { precision }, backend }: AttentionArguments,
  sizes: CallSizes,
  bytesOfSequence: number,
): Launcher {
  const tensors: Record<string, tf.TensorInfo> = { ...inputs };
  const scratches: tf.TensorInfo[] = [];
  const { limits } = backend.device;
  const batches = sequenceBatches(sizes.allSequences, bytesOfSequence, limits);
  const output = (name: string, shape: number[]) =>
    tensors[name] = makeFloats(backend, shape);
  const scratch = (name: string, numbers: number) => {
    scratches.push(output(name, [numbers]));
  };
  const run: Launcher["run"] = (batch, programOf) =>
    runProgram(backend, programOf({ ...sizes, ...batch }, tensors));
  const vectorsOf = (name: string, columns: "key" | "value"): Vectors => {
    const vectors = { name, columns, half: precision === "f16" };
    if (!isPacked(vectors, sizes)) return vectors;
    const x = inputs[name]!;
    // Four halves take the room of two floats.
    const ofQuad = vectors.half ? 2 : 4;
    scratch(name, sizes.tokens * ofQuad * quadsOf(columns, sizes));
    for (const batch of batches) {
      const both = { x, packed: tensors[name]! };
      run(batch, (launch) => packProgram(vectors, launch, both));
    }
    return vectors;
  };
  return {
    ...{ batches, output, scratch, run },
    queriesKeysValues: () => [
      vectorsOf("q", "key"),
      vectorsOf("k", "key"),
      vectorsOf("v", "value"),
    ],
    end: (cleared) => {
      const { mask } = inputs;
      if (mask) cleared.forEach((x) => clearPadding(backend, x, mask));
      scratches.forEach(({ dataId }) => backend.disposeData(dataId));
    },
  };
}
