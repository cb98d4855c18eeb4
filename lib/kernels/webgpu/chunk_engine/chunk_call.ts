/** The first steps of chunked linear attention, common to both rules and both passes. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import {
  makeFloats,
  type Program,
  runProgram,
} from "../../../tfjs/webgpu/program.ts";
import {
  type ChunkLayout,
  type ChunkSizes,
  layoutOf,
  recordSizes,
} from "./chunk_layout.ts";
import { decaysOf } from "./decays.ts";
import { operandsProgram } from "./operands.ts";
import { batchesFor } from "./records.ts";
import { scoresProgram } from "./scores.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** The inputs of a call by either rule. */
export type ChunkInputs =
  & Readonly<Record<"q" | "k" | "v", tf.TensorInfo>>
  & Readonly<Partial<Record<"beta" | "f" | "b", tf.TensorInfo>>>;

type Kind = keyof ReturnType<typeof recordSizes>;

/** The buffers of one kernel call, which each batch of sequences fills anew. */
export class ChunkCall {
  readonly backend: StrictWebGPUBackend;
  readonly layout: ChunkLayout;
  readonly batches: readonly SequenceBatch[];
  /** The log decays of each direction; empty without decay. */
  readonly logDecays: readonly tf.TensorInfo[];
  /** The decays (not their logarithms) of each direction; empty without decay. */
  readonly decays: readonly tf.TensorInfo[];
  readonly operands: tf.TensorInfo;
  readonly pairs: tf.TensorInfo;
  readonly #inputs: ChunkInputs;
  readonly #scratch: tf.TensorInfo[] = [];

  constructor(
    backend: StrictWebGPUBackend,
    inputs: ChunkInputs,
    sizes: Pick<ChunkSizes, "rule" | "chunkSize" | "directions" | "isPiece">,
  ) {
    this.backend = backend;
    this.#inputs = inputs;
    const { q, v, f, b } = inputs;
    const [batch, heads, length, headDim] = q.shape as tf.Tensor4D["shape"];
    this.layout = layoutOf({
      ...sizes,
      // In the delta rule, a decay with one column is one number for each token.
      decay: !f
        ? "none"
        : sizes.rule === "add" || f.shape.at(-1)! > 1
        ? "diagonal"
        : "scalar",
      ...{ length, headDim, valueDim: v.shape[3]! },
    });
    this.batches = batchesFor(
      this.layout,
      batch * heads,
      backend.device.limits,
    );
    this.logDecays = [f, b].filter((x) => x !== undefined);
    this.decays = this.logDecays.map((x, i) =>
      decaysOf(backend, x, sizes.isPiece ? undefined : [0, length - 1][i])
    );
    this.#scratch.push(...this.decays);
    this.operands = this.scratch("operands");
    this.pairs = this.scratch("pairs");
  }

  /** A scratch buffer with one record of the given kind for each chunk of a batch. */
  scratch(kind: Kind): tf.TensorInfo {
    const { chunks, directions } = this.layout;
    const records = this.batches[0]!.sequences * directions * chunks;
    return this.floats([records * recordSizes(this.layout)[kind]]);
  }

  /** A scratch tensor, which {@linkcode close} frees. */
  floats(shape: number[]): tf.TensorInfo {
    const tensor = makeFloats(this.backend, shape);
    this.#scratch.push(tensor);
    return tensor;
  }

  run(program: Program): void {
    runProgram(this.backend, program);
  }

  /** Runs the program of each direction, the forward one first. */
  inEachDirection(program: (direction: number) => Program): void {
    for (let direction = 0; direction < this.layout.directions; direction++) {
      this.run(program(direction));
    }
  }

  /** Computes the operands and scores of a batch's chunks, which depend on no state. */
  prepare(batch: SequenceBatch): void {
    const { layout, operands, pairs } = this;
    const { q, k, beta } = this.#inputs;
    this.inEachDirection((direction) =>
      operandsProgram(
        {
          reads: { q, k },
          decays: this.decays[direction],
          writes: { operands },
        },
        layout,
        batch,
        direction,
      )
    );
    this.inEachDirection((direction) =>
      scoresProgram(
        {
          reads: {
            ...{ q, k },
            ...(beta ? { beta } : {}),
            ...(layout.decay === "none" ? {} : { operands }),
          },
          decays: this.decays[direction],
          writes: { pairs },
        },
        layout,
        batch,
        direction,
      )
    );
  }

  /** Frees all scratch buffers. */
  close(): void {
    this.#scratch.forEach(({ dataId }) => this.backend.disposeData(dataId));
  }
}
