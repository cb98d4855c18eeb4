/** A call of chunked linear attention by either rule: its buffers, and its first steps. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  makeFloats,
  runProgram,
  type StrictWebGPUBackend,
} from "@lionjs/tfjs/webgpu";
import {
  type ChunkLayout,
  type ChunkProgram,
  type ChunkSizes,
  layoutOf,
  recordSizes,
} from "./chunk_layout.ts";
import { decaysOf } from "./decays.ts";
import { operandsProgram } from "./operands.ts";
import { batchesFor } from "./records.ts";
import { scoresProgram } from "./scores.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";

/** Tensors by their names in programs. */
type Named = Readonly<Record<string, tf.TensorInfo | undefined>>;

/** The inputs of a call by either rule. */
export type ChunkInputs =
  & Readonly<Record<"q" | "k" | "v", tf.TensorInfo>>
  & Readonly<Partial<Record<"f" | "b", tf.TensorInfo>>>
  & Named;

/** The tensors of one kernel call by the names that programs have for them; each batch of sequences fills its scratch anew. */
export class ChunkCall {
  readonly layout: ChunkLayout;
  readonly batches: readonly SequenceBatch[];
  readonly #backend: StrictWebGPUBackend;
  readonly #tensors: Record<string, tf.TensorInfo | undefined>;
  readonly #scratch: tf.TensorInfo[] = [];
  /** The log decays of each direction; empty without decay. */
  readonly #logDecays: readonly tf.TensorInfo[];
  /**
   * The decays of each direction and their gradients, which its programs bind beside
   * the other tensors.
   */
  readonly #ofDirection: Record<"decays" | "dlog", tf.TensorInfo | undefined>[];

  constructor(
    backend: StrictWebGPUBackend,
    inputs: ChunkInputs,
    sizes: Pick<ChunkSizes, "rule" | "chunkSize" | "directions" | "withStates">,
  ) {
    this.#backend = backend;
    this.#tensors = { ...inputs };
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
    this.#logDecays = [f, b].filter((x) => x !== undefined);
    const decays = this.#logDecays.map((x, i) =>
      decaysOf(backend, x, sizes.withStates ? undefined : [0, length - 1][i])
    );
    this.#scratch.push(...decays);
    this.#ofDirection = [0, 1].map((direction) => ({
      decays: decays[direction],
      dlog: undefined,
    }));
    this.scratch("operands");
    this.scratch("pairs");
  }

  /** Makes an output. */
  output(name: string, shape: number[]): tf.TensorInfo {
    return this.#tensors[name] = makeFloats(this.#backend, shape);
  }

  /** Makes the gradients in the log decays of each direction. */
  decayGradients(): tf.TensorInfo[] {
    return this.#logDecays.map(({ shape }, direction) =>
      this.#ofDirection[direction]!.dlog = makeFloats(this.#backend, shape)
    );
  }

  /** Makes a tensor that {@linkcode close} frees. */
  floats(name: string, shape: number[]): tf.TensorInfo {
    const tensor = this.output(name, shape);
    this.#scratch.push(tensor);
    return tensor;
  }

  /** Makes a buffer with some records of a kind for each chunk of a batch, which {@linkcode close} frees. */
  scratch(
    name: string,
    kind: keyof ReturnType<typeof recordSizes> = name as keyof ReturnType<
      typeof recordSizes
    >,
    ofChunk: number = 1,
  ): tf.TensorInfo {
    const { chunks, directions } = this.layout;
    const records = ofChunk * this.batches[0]!.sequences * directions * chunks;
    return this.floats(name, [records * recordSizes(this.layout)[kind]]);
  }

  /** Runs a program; `others` are tensors that the call has not, or under another name. */
  run(program: ChunkProgram, others: Named = {}): void {
    const tensors = { ...this.#tensors, ...others };
    const [reads, writes] = [program.reads, program.writes].map((names) =>
      Object.fromEntries(names.map((name) => [name, tensors[name]!]))
    );
    runProgram(this.#backend, { ...program, reads: reads!, writes: writes! });
  }

  /** Runs the program of each direction, the forward one first. */
  inEachDirection(
    program: (
      layout: ChunkLayout,
      batch: SequenceBatch,
      direction: number,
    ) => ChunkProgram,
    batch: SequenceBatch,
  ): void {
    const { layout } = this;
    for (let direction = 0; direction < layout.directions; direction++) {
      const others = this.#ofDirection[direction]!;
      this.run(program(layout, batch, direction), others);
    }
  }

  /** Computes the operands and scores of a batch's chunks, which depend on no state. */
  prepare(batch: SequenceBatch): void {
    this.inEachDirection(operandsProgram, batch);
    this.inEachDirection(scoresProgram, batch);
  }

  /** Frees all scratch buffers. */
  close(): void {
    this.#scratch.forEach(({ dataId }) => this.#backend.disposeData(dataId));
  }
}
