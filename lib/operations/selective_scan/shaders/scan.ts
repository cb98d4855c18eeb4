/**
 * The launches of Mamba's selective scan in chunks of tokens. A thread has one channel of
 * a chunk, and goes through its state four numbers at a time; a launch of its own carries
 * states from chunk to chunk.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "@lionjs/tfjs/webgpu";
import { reading } from "@lionjs/tfjs/webgpu";

/** Tokens of a chunk; a thread of the gradient keeps four numbers of the state at each of them. */
export const CHUNK = 16;
/** Threads of a workgroup, each with one of as many neighbouring channels. */
export const THREADS = 64;

/** The sizes of a selective scan. */
export interface ScanSizes
  extends
    Readonly<Record<"batch" | "length" | "channels" | "stateDim", number>> {
  /** Vectors of four numbers of a channel's state. */
  readonly vecs: number;
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
    vecs: Math.ceil(stateDim / 4),
    chunks: Math.ceil(length / CHUNK),
    blocks: Math.ceil(channels / THREADS),
  };
}

/** The shape of a tensor with one state for each chunk, channel by channel. */
export function statesShape(sizes: ScanSizes): number[] {
  const { batch, chunks, vecs, channels } = sizes;
  return [batch, chunks, vecs, channels, 4];
}

/** A program with one thread for each channel of a chunk. */
export function chunkProgram(
  { batch, length, channels, stateDim, vecs, chunks, blocks, reverse }:
    ScanSizes,
  program:
    & Pick<Program, "name" | "reads" | "writes" | "functions" | "body">
    & Partial<Program>,
): Program {
  return {
    width: 1,
    threads: THREADS,
    workgroups: batch * chunks * blocks,
    ...program,
    constants: { CHUNK, ...program.constants },
    integers: {
      ...{ length, channels, stateDim, vecs, chunks, blocks },
      reverse: Number(reverse),
      ...program.integers,
    },
    elements: {
      ...{ states: "vec4f", carried: "vec4f", rows: "vec4f", tokens: "vec4f" },
      parts: "vec4f",
    },
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

fn record_of(entry: u32, chunk: u32, vec: u32, channel: u32) -> u32 {
  return ((entry * uniforms.chunks + chunk) * uniforms.vecs + vec) * uniforms.channels + channel;
}
${reading("a", "stateDim", 1)}`;

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
 * The inputs of a scan; `begins`, which marks the tokens before which the state is
 * reset, is absent if there are none.
 */
export type ScanInputs =
  & Readonly<Record<"x" | "dt" | "a" | "b" | "c", tf.TensorInfo>>
  & { readonly begins?: tf.TensorInfo | undefined };

/** WGSL functions of the operands of a scan's step. */
function operandsOf(begins: tf.TensorInfo | undefined): string {
  return /* wgsl */ `${FUNCTIONS}${reading("b", "stateDim", 1)}
fn begins_at(token: u32) -> bool { return ${
    begins ? "begins[token] != 0.0" : "false"
  }; }
fn step_of(token: u32, channel: u32) -> f32 { return dt[token * uniforms.channels + channel]; }

// The state after a token.
fn stepped(token: u32, channel: u32, vec: u32, rate: vec4f, state: vec4f) -> vec4f {
  let step = step_of(token, channel);
  let kept = select(exp(step * rate), vec4f(), begins_at(token));
  return kept * state + step * x[token * uniforms.channels + channel] * read_b(token, vec);
}
`;
}

/**
 * The program of the state that each chunk makes from zeros, and of the sum of
 * its time steps.
 */
export function summaryProgram(
  { x, dt, a, b, begins }: ScanInputs,
  writes: Readonly<Record<"states" | "steps", tf.TensorInfo>>,
  sizes: ScanSizes,
): Program {
  return chunkProgram(sizes, {
    name: "scan_summary",
    variants: begins ? ["begins"] : [],
    reads: { x, dt, a, b, begins },
    writes,
    functions: operandsOf(begins),
    body: SUMMARY,
  });
}

const SUMMARY = /* wgsl */ `${PLACE}
  if (channel >= uniforms.channels) { return; }
  for (var vec = 0u; vec < uniforms.vecs; vec++) {
    let rate = read_a(channel, vec);
    var state = vec4f();
    for (var i = 0u; i < count; i++) {
      state = stepped(token_at(entry, first + i), channel, vec, rate, state);
    }
    states[record_of(entry, chunk, vec, channel)] = state;
  }${WRITE_STEPS}`;

/** The program of the outputs y = c · h, starting from the state before each chunk. */
export function outputsProgram(
  { x, dt, a, b, c, begins }: ScanInputs,
  states: tf.TensorInfo,
  y: tf.TensorInfo,
  sizes: ScanSizes,
): Program {
  return chunkProgram(sizes, {
    name: "scan_outputs",
    variants: begins ? ["begins"] : [],
    reads: { x, dt, a, b, c, states, begins },
    writes: { y },
    functions: operandsOf(begins) + reading("c", "stateDim", 1),
    body: OUTPUTS,
  });
}

const OUTPUTS = /* wgsl */ `${PLACE}
  if (channel >= uniforms.channels) { return; }
  var sums = array<f32, CHUNK>();
  for (var vec = 0u; vec < uniforms.vecs; vec++) {
    let rate = read_a(channel, vec);
    var state = states[record_of(entry, chunk, vec, channel)];
    for (var i = 0u; i < count; i++) {
      let token = token_at(entry, first + i);
      state = stepped(token, channel, vec, rate, state);
      sums[i] += dot(read_c(token, vec), state);
    }
  }
  for (var i = 0u; i < count; i++) {
    y[token_at(entry, first + i) * uniforms.channels + channel] = sums[i];
  }`;

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
  const { batch, vecs, channels } = sizes;
  const records = batch * vecs * channels;
  return chunkProgram(sizes, {
    name: "scan_carry",
    constants: { BACKWARD: isBackward },
    reads: { a, steps },
    writes: { states },
    integers: { records },
    workgroups: Math.ceil(records / THREADS),
    functions: FUNCTIONS,
    body: /* wgsl */ `
  let at = workgroup * THREADS + local;
  if (at >= uniforms.records) { return; }
  let channel = at % uniforms.channels;
  let vec = at / uniforms.channels % uniforms.vecs;
  let entry = at / (uniforms.channels * uniforms.vecs);
  let rate = read_a(channel, vec);
  var state = vec4f();
  for (var i = 0u; i < uniforms.chunks; i++) {
    let chunk = select(i, uniforms.chunks - 1u - i, BACKWARD);
    let record = record_of(entry, chunk, vec, channel);
    let own = states[record];
    states[record] = state;
    let step = steps[(entry * uniforms.chunks + chunk) * uniforms.channels + channel];
    let kept = select(exp(step * rate), vec4f(), step <= ${FORGOTTEN});
    state = own + kept * state;
  }`,
  });
}
