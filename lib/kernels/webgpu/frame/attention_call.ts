/** A call of an attention kernel: the numbers of its problem, and its launches. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type {
  KernelAttributes,
  KernelRequest,
} from "../../../attention/planning/kernel.ts";
import {
  type Call,
  makeFloats,
  type Program,
  runProgram,
  type Tensors,
} from "@lionjs/tfjs/webgpu";
import { clearPadding } from "../../../operations/padding/webgpu.ts";
import { type SequenceBatch, sequenceBatches } from "./sequence_batches.ts";
import {
  type Dims,
  elementsOf,
  VECS,
  vecsOf,
  type Vectors,
} from "./vectors.ts";

/** The tensors and attributes that the kernel of a form is given. */
export type AttentionArguments = Call<string, KernelAttributes>;

/** The request whose plan a call follows. */
export function requestOf(
  { inputs: { q, v, f }, attributes }: AttentionArguments,
): KernelRequest & KernelAttributes {
  const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const valueDim = v!.shape[3]!;
  return {
    ...{ batch, heads, length, headDim, valueDim },
    ...attributes,
    decays: f !== undefined,
  };
}

/** The problem of a launch. */
export interface Launch extends Dims, SequenceBatch {
  /** Tokens of a sequence. */
  readonly length: number;
  /** Tokens of all sequences, also of sequences in other launches. */
  readonly tokens: number;
  /** Chunks of a sequence. */
  readonly chunks: number;
  /** Tokens of a chunk. */
  readonly chunkSize: number;
  /** Whether to divide by the row sum. */
  readonly normalize: boolean;
  /** The factor of the scores q · k. */
  readonly scale: number;
  /** The number added to the row sum before it divides. */
  readonly epsilon: number;
  /** Heads that y, and the gradient of it, have side by side. @default 1 */
  readonly joinedHeads?: number;
}

/** A program of a problem, with the names of its tensors; its numbers are uniforms. */
export type ProblemProgram =
  & Omit<Program, "width" | "integers" | "floats" | "reads" | "writes">
  & Readonly<Record<"reads" | "writes", readonly string[]>>;

/** The program of a launch, whose tensors are bound by name, each once. */
export function boundProgram(
  { reads, writes, ...program }: ProblemProgram,
  launch: Launch,
  tensors: Tensors,
): Program {
  const { length, tokens, chunks, chunkSize, firstSequence } = launch;
  const { headDim, valueDim, normalize, scale, epsilon } = launch;
  const { joinedHeads = 1 } = launch;
  const named = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, tensors[name]!]));
  return {
    ...program,
    width: 1,
    reads: named(reads),
    writes: named(writes),
    integers: {
      ...{ length, tokens, chunks, chunkSize, firstSequence },
      ...{ headDim, valueDim, normalize: Number(normalize), joinedHeads },
    },
    floats: { scale, epsilon },
  };
}

/**
 * WGSL that runs one of several instances of a function `step(group, layer, local)`, by
 * the suffixes of their names, each of which has some layers of the workgroups.
 */
export function stepOf(suffixes: readonly string[], layers: string): string {
  const steps = suffixes.map((suffix, i) =>
    `  if (layer / layers == ${i}u) { step_${suffix}(group, layer % layers, local); }`
  );
  return [`  let layers = ${layers};`, ...steps].join("\n");
}

/**
 * WGSL function: the place of a token's head in y and its gradient, `[batch, length,
 * heads * valueDim]`.
 */
export const JOINED_HEADS = /* wgsl */ `
fn joined_heads_at(token: u32) -> u32 {
  let sequence = token / uniforms.length;
  let heads = uniforms.joinedHeads;
  let first = sequence / heads * uniforms.length;
  return (first + token % uniforms.length) * heads + sequence % heads;
}
`;

/** The launches of a call, which bind tensors by name. */
export interface Launcher {
  /** The problems of batches of sequences, each of which is computed at once. */
  readonly launches: readonly Launch[];
  /** Makes the tensors y and the row sums. */
  outputs(): [y: tf.TensorInfo, rowSums: tf.TensorInfo];
  /** Makes another tensor that the kernel returns. */
  output(name: string, shape: number[]): tf.TensorInfo;
  /** Makes a tensor of `numbers` floats that is disposed of when the kernel returns. */
  scratch(name: string, numbers: number): void;
  /** The inputs q, k and v, in whole vectors of four columns. */
  queriesKeysValues(): [q: Vectors, k: Vectors, v: Vectors];
  /** Runs a program on a batch of sequences. */
  run(launch: Launch, program: ProblemProgram): void;
  /** Ends the call: some outputs get zeros at padding, if there is a mask. */
  end(cleared: readonly tf.TensorInfo[]): void;
}

/**
 * Begins the launches of a call.
 *
 * @param bytesOfSequence What a sequence takes of one buffer.
 */
export function launcherOf(
  call: AttentionArguments,
  bytesOfSequence: number,
): Launcher {
  const { inputs, backend } = call;
  const request = requestOf(call);
  const { batch, heads, length, valueDim, chunkSize } = request;
  const { joinsHeads = false, precision } = request;
  const tokens = batch * heads * length;
  const tensors: Record<string, tf.TensorInfo> = { ...inputs };
  const scratches: tf.TensorInfo[] = [];
  const { limits } = backend.device;
  const batches = sequenceBatches(batch * heads, bytesOfSequence, limits);
  const launches = batches.map((batch): Launch => ({
    ...{ ...request, ...batch, tokens },
    chunks: Math.ceil(length / chunkSize),
    joinedHeads: joinsHeads ? heads : 1,
  }));
  const output = (name: string, shape: number[]) =>
    tensors[name] = makeFloats(backend, shape);
  const scratch = (name: string, numbers: number) => {
    scratches.push(output(name, [numbers]));
  };
  const run: Launcher["run"] = (launch, program) =>
    runProgram(backend, boundProgram(program, launch, tensors));
  const vectorsOf = (name: string, columns: "key" | "value"): Vectors => {
    const vectors = { name, columns, half: precision === "f16" };
    if (!needsVec4Copy(vectors, request)) return vectors;
    const x = inputs[name]!;
    // Four halves take the room of two floats.
    const ofVec = vectors.half ? 2 : 4;
    scratch(name, tokens * ofVec * vecsOf(columns, request));
    const both = { x, copied: tensors[name]! };
    for (const launch of launches) {
      const program = vec4CopyProgram(vectors, launch);
      runProgram(backend, boundProgram(program, launch, both));
    }
    return vectors;
  };
  return {
    ...{ launches, output, scratch, run },
    outputs: () => [
      output(
        "y",
        joinsHeads
          ? [batch, length, heads * valueDim]
          : [batch, heads, length, valueDim],
      ),
      output("rowSums", [batch, heads, length]),
    ],
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

/** The columns and the precision of an input's vectors. */
type InputVectors = Pick<Vectors, "half"> & { columns: "key" | "value" };

/** Whether vectors must first be copied to 16 bits, or to a multiple of four columns. */
export function needsVec4Copy(
  { columns, half }: InputVectors,
  { headDim, valueDim }: Dims,
): boolean {
  return half || (columns === "key" ? headDim : valueDim) % 4 !== 0;
}

const COPY_THREADS = 64;

/**
 * The program that copies vectors `x` to vectors `copied` of a multiple of four columns, four
 * per thread, in 32 bits or rounded to 16: numbers above 65504 then become infinite.
 */
export function vec4CopyProgram(
  { columns, half }: InputVectors,
  launch: Launch,
): ProblemProgram {
  return {
    name: "copy_to_vec4s",
    constants: { OF_KEYS: columns === "key" },
    elements: elementsOf([{ name: "copied", half }]),
    reads: ["x"],
    writes: ["copied"],
    threads: COPY_THREADS,
    workgroups: [Math.ceil(launch.length / COPY_THREADS), launch.sequences],
    layers: vecsOf(columns, launch),
    functions: VECS,
    body: /* wgsl */ `
  let t = group.x * THREADS + local;
  if (t >= uniforms.length) { return; }
  let token = (uniforms.firstSequence + group.y) * uniforms.length + t;
  let columns = select(uniforms.valueDim, uniforms.headDim, OF_KEYS);
  var vec = vec4f();
  for (var i = 0u; i < 4u && layer * 4u + i < columns; i++) {
    vec[i] = x[token * columns + layer * 4u + i];
  }
  copied[token * select(value_vecs(), key_vecs(), OF_KEYS) + layer] = ${
      half ? "vec4h" : "vec4f"
    }(vec);`,
  };
}
