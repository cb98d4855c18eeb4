/**
 * The parts that the passes of Mamba's selective scan have in common. A thread has
 * one channel of a chunk of tokens, and goes through its state four numbers at a time.
 * A pass of its own carries states from chunk to chunk.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";

/** Tokens of a chunk; a thread of the gradient keeps four numbers of the state at each of them. */
export const CHUNK = 16;
/** Threads of a workgroup, each with one of as many neighbouring channels. */
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
  /** Workgroups that a token's channels are divided among. */
  readonly blocks: number;
  readonly reverse: boolean;
}

/** The sizes of the scan of x with the state matrix a. */
export function sizesOf(
  x: Pick<tf.TensorInfo, "shape">,
  a: Pick<tf.TensorInfo, "shape">,
  reverse: boolean,
): ScanSizes {
  const [batch, length, channels] = x.shape as tf.Tensor3D["shape"];
  const stateDim = a.shape[1]!;
  return {
    ...{ batch, length, channels, stateDim, reverse },
    quads: Math.ceil(stateDim / 4),
    chunks: Math.ceil(length / CHUNK),
    blocks: Math.ceil(channels / THREADS),
  };
}

/** The shape of a tensor with one state for each chunk, channel by channel. */
export function statesShape(sizes: ScanSizes): number[] {
  const { batch, chunks, quads, channels } = sizes;
  return [batch, chunks, quads, channels, 4];
}

/** The fields common to all programs with one thread for each channel of a chunk. */
export function chunkProgram(
  sizes: ScanSizes,
): Pick<
  Program,
  "width" | "constants" | "integers" | "threads" | "workgroups"
> {
  const { batch, length, channels, stateDim, quads, chunks, blocks } = sizes;
  return {
    width: 1,
    constants: { CHUNK },
    integers: {
      ...{ length, channels, stateDim, quads, chunks, blocks },
      reverse: Number(sizes.reverse),
    },
    threads: THREADS,
    workgroups: batch * chunks * blocks,
  };
}

/** WGSL that declares a thread's chunk and channel, which may lie beyond the last. */
export const PLACE = /* wgsl */ `
  let block = workgroup % uniforms.blocks;
  let chunk = workgroup / uniforms.blocks % uniforms.chunks;
  let entry = workgroup / (uniforms.blocks * uniforms.chunks);
  let channel = block * THREADS + local;
  let first = chunk * CHUNK;
  let count = min(CHUNK, uniforms.length - first);`;

/**
 * WGSL functions: the token at a position in the scan's direction, the index of a
 * chunk's state, and four numbers of a channel's row of `a`.
 */
export const FUNCTIONS = /* wgsl */ `
fn token_at(entry: u32, position: u32) -> u32 {
  let own = select(position, uniforms.length - 1u - position, uniforms.reverse != 0u);
  return entry * uniforms.length + own;
}

fn record_of(entry: u32, chunk: u32, quad: u32, channel: u32) -> u32 {
  return ((entry * uniforms.chunks + chunk) * uniforms.quads + quad) * uniforms.channels + channel;
}
${quadOf("rate_of", "a")}`;

/** WGSL function that reads four numbers of an array's row; zeros beyond its end. */
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
 * The mark of a chunk within which the state is reset, stored in place of the sum of
 * its time steps.
 */
const FORGOTTEN = -1e38;

/**
 * WGSL that writes the sum of a chunk's time steps, or the mark that the state is reset,
 * of the operands `step_of(token, channel)` and `begins_at(token)`.
 */
export const WRITE_STEPS = /* wgsl */ `
  var total = 0.0;
  var is_forgotten = false;
  for (var i = 0u; i < count; i++) {
    let token = token_at(entry, first + i);
    total += step_of(token, channel);
    if (begins_at(token)) { is_forgotten = true; }
  }
  steps[(entry * uniforms.chunks + chunk) * uniforms.channels + channel] = select(total, ${FORGOTTEN}, is_forgotten);`;

/**
 * The program that replaces each chunk's own state, made from zeros, by the state that
 * reaches it from the chunks on one side; likewise for gradients in states.
 *
 * @param tensors The chunks' states, the sums of their time steps, and `a`.
 * @param isBackward Whether states are carried from the last chunk to the first.
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
    constants: { ...common.constants, BACKWARD: isBackward },
    elements: { states: "vec4f" },
    reads: { a, steps },
    writes: { states },
    integers: { ...common.integers, records },
    workgroups: Math.ceil(records / THREADS),
    functions: FUNCTIONS,
    body: /* wgsl */ `
  let at = workgroup * THREADS + local;
  if (at >= uniforms.records) { return; }
  let channel = at % uniforms.channels;
  let quad = at / uniforms.channels % uniforms.quads;
  let entry = at / (uniforms.channels * uniforms.quads);
  let rate = rate_of(channel, quad);
  var state = vec4f();
  for (var i = 0u; i < uniforms.chunks; i++) {
    let chunk = select(i, uniforms.chunks - 1u - i, BACKWARD);
    let record = record_of(entry, chunk, quad, channel);
    let own = states[record];
    states[record] = state;
    let step = steps[(entry * uniforms.chunks + chunk) * uniforms.channels + channel];
    let kept = select(exp(step * rate), vec4f(), step <= ${FORGOTTEN});
    state = own + kept * state;
  }`,
  };
}
