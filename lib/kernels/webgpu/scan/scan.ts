/**
 * Mamba's selective scan: what its passes share. A thread has a channel of a
 * chunk of tokens, and goes through the numbers of its states by fours. States
 * travel from chunk to chunk in a pass of its own.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";

/** Tokens of a chunk, of which a thread keeps all states of four numbers. */
export const CHUNK = 16;
/** Threads of a workgroup: channels side by side. */
export const THREADS = 64;

/** The sizes of a selective scan. */
export interface ScanSizes {
  readonly batch: number;
  readonly length: number;
  readonly channels: number;
  readonly stateDim: number;
  /** Quads (four numbers) of a channel's state. */
  readonly quads: number;
  /** Chunks of a sequence. */
  readonly chunks: number;
  /** Workgroups side by side that a token's channels take. */
  readonly blocks: number;
  readonly reverse: boolean;
}

/** The sizes of the scan of x with the paces a. */
export function sizesOf(
  x: Pick<tf.TensorInfo, "shape">,
  a: Pick<tf.TensorInfo, "shape">,
  reverse: boolean,
): ScanSizes {
  const [batch, length, channels] = x.shape as [number, number, number];
  const stateDim = a.shape[1]!;
  return {
    ...{ batch, length, channels, stateDim, reverse },
    quads: Math.ceil(stateDim / 4),
    chunks: Math.ceil(length / CHUNK),
    blocks: Math.ceil(channels / THREADS),
  };
}

/** The shape of a state of each chunk, channel by channel. */
export function statesShape(sizes: ScanSizes): number[] {
  const { batch, chunks, quads, channels } = sizes;
  return [batch, chunks, quads, channels, 4];
}

/** What the programs with a thread for each channel of a chunk have in common. */
export function chunkProgram(
  sizes: ScanSizes,
): Pick<Program, "width" | "integers" | "threads" | "workgroups"> {
  const { batch, length, channels, stateDim, quads, chunks, blocks } = sizes;
  return {
    width: 1,
    integers: {
      ...{ length, channels, stateDim, quads, chunks, blocks },
      reverse: Number(sizes.reverse),
    },
    threads: THREADS,
    workgroups: batch * chunks * blocks,
  };
}

/** Declares where a thread is: the channel that it has may be one beyond the last. */
export const PLACE = /* wgsl */ `
  let block = workgroup % uniforms.blocks;
  let chunk = workgroup / uniforms.blocks % uniforms.chunks;
  let entry = workgroup / (uniforms.blocks * uniforms.chunks);
  let channel = block * ${THREADS}u + local;
  let first = chunk * ${CHUNK}u;
  let count = min(${CHUNK}u, uniforms.length - first);`;

/**
 * Functions of the text: the token at a position as the scan counts them, the
 * record of a chunk's state, and four paces of a channel from \`a\`.
 */
export const FUNCTIONS = /* wgsl */ `
fn token_at(entry: u32, position: u32) -> u32 {
  let own = select(position, uniforms.length - 1u - position, uniforms.reverse != 0u);
  return entry * uniforms.length + own;
}

fn record_of(entry: u32, chunk: u32, quad: u32, channel: u32) -> u32 {
  return ((entry * uniforms.chunks + chunk) * uniforms.quads + quad) * uniforms.channels + channel;
}
${quadOf("pace_of", "a")}`;

/** Four numbers of a row of an array; zeros beyond its end. */
export function quadOf(name: string, array: string): string {
  const number = (i: number) =>
    `select(0.0, ${array}[first + min(${i}u, rest - 1u)], ${i}u < rest)`;
  return /* wgsl */ `
fn ${name}(row: u32, quad: u32) -> vec4f {
  let first = row * uniforms.stateDim + 4u * quad;
  let rest = uniforms.stateDim - 4u * quad;
  return vec4f(${[0, 1, 2, 3].map(number).join(", ")});
}
`;
}

/**
 * The mark of a chunk in which the state is forgotten, in the place of the sum
 * of its time steps.
 */
const FORGOTTEN = -1e38;

/** Adds a token's step to a chunk's. */
export function addStep(step: string, begins: string): string {
  return /* wgsl */ `
      total += ${step};
      if (${begins}) { is_forgotten = true; }`;
}

/** The sum of a chunk's time steps, or the mark that the state is forgotten. */
export const TOTAL = /* wgsl */ `select(total, ${FORGOTTEN}, is_forgotten)`;

/**
 * The states, or gradients in them, that reach each chunk from those on one side,
 * in the place of what each chunk has made of zeros.
 *
 * @param own What chunks make, and how long they take.
 * @param isBackward Whether they come from the last chunk.
 */
export function carryProgram(
  { a, steps, states }: Readonly<
    Record<"a" | "steps" | "states", tf.TensorInfo>
  >,
  sizes: ScanSizes,
  isBackward: boolean,
): Program {
  const common = chunkProgram(sizes);
  const { batch, quads, channels } = sizes;
  const records = batch * quads * channels;
  return {
    ...common,
    name: "scan_carry",
    variants: [isBackward ? "backward" : "forward"],
    elements: { states: "vec4f" },
    reads: { a, steps },
    writes: { states },
    integers: { ...common.integers, records },
    workgroups: Math.ceil(records / THREADS),
    functions: FUNCTIONS,
    body: /* wgsl */ `
  let at = workgroup * ${THREADS}u + local;
  if (at >= uniforms.records) { return; }
  let channel = at % uniforms.channels;
  let quad = at / uniforms.channels % uniforms.quads;
  let entry = at / (uniforms.channels * uniforms.quads);
  let pace = pace_of(channel, quad);
  var state = vec4f();
  for (var i = 0u; i < uniforms.chunks; i++) {
    let chunk = ${isBackward ? "uniforms.chunks - 1u - i" : "i"};
    let record = record_of(entry, chunk, quad, channel);
    let own = states[record];
    states[record] = state;
    let step = steps[(entry * uniforms.chunks + chunk) * uniforms.channels + channel];
    let kept = select(exp(step * pace), vec4f(), step <= ${FORGOTTEN});
    state = own + kept * state;
  }`,
  };
}
