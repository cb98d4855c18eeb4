/** A call of transitions of rank one: its buffers, and the launches of both passes. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  makeFloats,
  runElementwise,
  runProgram,
  type StrictWebGPUBackend,
} from "@lionjs/tfjs/webgpu";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { gateGradientsProgram } from "./gate_gradients.ts";
import {
  type ChunkProgram,
  type Layout,
  layoutOf,
  recordSizes,
  type Sizes,
} from "./layout.ts";
import { operandsProgram } from "./operands.ts";
import { type Finish, outputsProgram } from "./outputs.ts";
import { productsProgram } from "./products.ts";
import { batchesFor } from "./records.ts";
import { scoresProgram } from "./scores.ts";
import { solveGradientProgram, solveProgram } from "./solve.ts";
import { type Ends, statesProgram } from "./states.ts";
import { sumsProgram } from "./sums.ts";
import { valueGradientsProgram } from "./value_gradients.ts";
import { vectorGradientsPrograms } from "./vector_gradients.ts";

/** Tensors by their names in programs. */
type Named = Readonly<Record<string, tf.TensorInfo | undefined>>;

/** The inputs of a call. */
export type Inputs =
  & Readonly<Record<"q" | "k" | "v", tf.TensorInfo>>
  & Named;

/** The tensors with a vector for each step or token that programs read. */
const VECTORS = ["q", "k", "v", "a", "b", "dy", "f", "g"];

/** The tensors of one kernel call by the names that programs have for them; each batch of sequences fills its scratch anew. */
export class TransitionCall {
  readonly layout: Layout;
  readonly batches: readonly SequenceBatch[];
  readonly #backend: StrictWebGPUBackend;
  readonly #inputs: Inputs;
  readonly #tensors: Record<string, tf.TensorInfo | undefined>;
  readonly #scratch: tf.TensorInfo[] = [];

  constructor(
    backend: StrictWebGPUBackend,
    inputs: Inputs,
    sizes:
      & Omit<Sizes, "length" | "steps" | "headDim" | "valueDim">
      & { readonly hasGradient: boolean },
  ) {
    const { hasGradient } = sizes;
    const { q, k, v } = inputs;
    const [batch, heads, length, headDim] = q.shape as tf.Tensor4D["shape"];
    this.#backend = backend;
    this.#inputs = inputs;
    this.#tensors = { ...inputs };
    this.layout = layoutOf({
      ...{ ...sizes, length, headDim, valueDim: v.shape[3]! },
      steps: k.shape[2]! / length,
    });
    const { limits } = backend.device;
    this.batches = batchesFor(this.layout, batch * heads, limits);
    for (const name of VECTORS) this.#copyToVec4s(name, inputs[name]);
    this.#records("operands");
    this.#records("pairs");
    // Gradients in what is read lie behind what is read.
    if (sizes.reads !== "none") {
      this.#records("found", "found", hasGradient ? 2 : 1);
    }
    if (!this.layout.hasStates) return;
    this.#records("states");
    if (hasGradient) this.#records("dstates", "states");
  }

  /** Copies vectors to a multiple of four columns, if they have another number; ones may follow v. */
  #copyToVec4s(name: string, x: tf.TensorInfo | undefined): void {
    const columns = x?.shape[3] ?? 0;
    const hasOnes = name === "v" && this.layout.hasRowSums;
    // A number for each token is no vector.
    const isNumber = "fg".includes(name) && this.layout.decay === "token";
    if (!x || isNumber || columns % 4 === 0) return;
    const vecs = Math.ceil(columns / 4);
    const rows = tf.util.sizeFromShape(x.shape) / columns;
    const copied = this.floats(name, 4 * rows * vecs);
    runElementwise(this.#backend, {
      name: "copy_rows_to_vec4s",
      reads: { x },
      writes: { copied },
      elements: { x: "f32" },
      integers: { columns, vecs, hasOnes: Number(hasOnes) },
      body: /* wgsl */ `  let column = at % uniforms.vecs * 4u;
  let first = at / uniforms.vecs * uniforms.columns;
  var vec = vec4f();
  for (var i = 0u; i < 4u && column + i < uniforms.columns; i++) { vec[i] = x[first + column + i]; }
  let ones = column + vec4u(0u, 1u, 2u, 3u) == vec4u(uniforms.columns);
  copied[at] = select(vec, vec4f(1.0), ones & vec4<bool>(uniforms.hasOnes == 1u));`,
    });
  }

  /** Makes an output. */
  output(name: string, shape: number[]): tf.TensorInfo {
    return this.#tensors[name] = makeFloats(this.#backend, shape);
  }

  /** Makes the gradients of the inputs of these names that there are. */
  gradients(names: readonly string[]): tf.TensorInfo[] {
    return names.flatMap((name) => {
      const x = this.#inputs[name];
      return x ? [this.output(`d${name}`, x.shape)] : [];
    });
  }

  /** Makes a tensor that {@linkcode close} frees. */
  floats(name: string, numbers: number): tf.TensorInfo {
    const tensor = this.output(name, [numbers]);
    this.#scratch.push(tensor);
    return tensor;
  }

  /** Makes a buffer with some records of a kind for each chunk of a batch. */
  #records(
    name: string,
    kind = name as keyof ReturnType<typeof recordSizes>,
    ofChunk = 1,
  ): void {
    const { chunks, directions } = this.layout;
    const records = this.batches[0]!.sequences * directions * chunks;
    this.floats(name, ofChunk * records * recordSizes(this.layout)[kind]);
  }

  /** Runs a program; `others` are tensors that the call has not, or under another name. */
  #run(program: ChunkProgram, others: Named = {}): void {
    const tensors = { ...this.#tensors, ...others };
    const [reads, writes] = [program.reads, program.writes].map((names) =>
      Object.fromEntries(
        names.flatMap((name) => name ? [[name, tensors[name]!]] : []),
      )
    );
    runProgram(this.#backend, { ...program, reads: reads!, writes: writes! });
  }

  /** Computes what the rows of a batch write, and the states that enter its chunks. */
  findStates(batch: SequenceBatch, ends: Ends): void {
    const { layout } = this;
    const isReading = layout.reads !== "none";
    this.#run(operandsProgram(layout, batch));
    this.#run(scoresProgram(layout, batch));
    if (isReading) this.#run(solveProgram(layout, batch));
    if (!layout.hasStates) return;
    if (layout.reads === "none" || layout.reads === "untied") {
      this.#run(sumsProgram(layout, batch, undefined));
    }
    this.#run(statesProgram(layout, batch, ends, undefined), { ...ends });
  }

  /** Computes the outputs of a batch. */
  findOutputs(batch: SequenceBatch, ends: Ends, finish: Finish): void {
    this.findStates(batch, ends);
    this.#run(outputsProgram(this.layout, batch, finish));
  }

  /**
   * Computes the gradients of a batch.
   *
   * @param ends The states that enter, and the gradients in those that leave.
   * @param gradientEnds The gradients in the states that leave, as `before`, and in those
   * that enter, as `forward`.
   */
  findGradients(
    batch: SequenceBatch,
    ends: Ends,
    gradientEnds: Ends,
    scale: number,
  ): void {
    const { layout } = this;
    this.findStates(batch, ends);
    if (layout.hasStates) {
      const states = this.#tensors["dstates"];
      this.#run(sumsProgram(layout, batch, scale), { states });
      const program = statesProgram(layout, batch, gradientEnds, scale);
      this.#run(program, { ...gradientEnds, states });
    }
    if (layout.reads !== "none") {
      this.#run(solveGradientProgram(layout, batch));
    }
    this.#run(valueGradientsProgram(layout, batch, scale));
    this.#run(productsProgram(layout, batch, scale));
    for (const program of vectorGradientsPrograms(layout, batch)) {
      this.#run(program);
    }
    if (layout.reads === "delta" || layout.decay !== "none") {
      this.#run(gateGradientsProgram(layout, batch));
    }
  }

  /** Frees all scratch buffers. */
  close(): void {
    this.#scratch.forEach(({ dataId }) => this.#backend.disposeData(dataId));
  }
}
