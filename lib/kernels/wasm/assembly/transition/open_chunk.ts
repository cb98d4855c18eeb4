// The rows of the open chunk (transition.ts), in the order of the sweep. Rows of each
// kind begin a block of four; those behind the last are zeros.
import * as sizes from "../chunkwise/sizes";
import { transition as job } from "../jobs";
import {
  back, lag, partStart, reads, rowBytes, sequence, untied
} from "./transition";
import {
  scaleRows, scaleVectors
} from "../../../../tfjs/wasm/assembly/math/loops";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import {
  loadFirst, storeFirst
} from "../../../../tfjs/wasm/assembly/math/simd";

/** The chunk's steps, and those rounded up to whole blocks of four. */
export let count: i32 = 0, rows: i32 = 0;
/** The chunk's tokens, and the first by its index among those of all sequences. */
let tokens: i32 = 0, first: i32 = 0;
/**
 * Rows of queries, and steps from one to the next. Where channels decay, there is a row
 * for each step, of zeros at all but a token's last.
 */
export let queries: i32 = 0, queryStep: i32 = 1;
/** Rows between two queries that are not zeros. */
let spacing: i32 = 1;
/** Rows of a with those behind them, all rows that read, and all that are written. */
export let aRows: i32 = 0, readerRows: i32 = 0, writerRows: i32 = 0;
/** Whether the chunk was opened with rows of a, and with queries. */
export let hasA: bool = false, hasQueries: bool = false;

/** The readers, `[readerRows, headDim]`, and the queries among them. */
export let readers: usize = 0, q: usize = 0;
/** The writers, `[writerRows, headDim]`. */
export let writers: usize = 0;
/** Z and V, of which Z may be elsewhere unless rows are untied; `[writerRows, valueDim]`. */
export let values: usize = 0, v: usize = 0;
export let beta: usize = 0;
/** The log decays, `[count]` or `[count, headDim]`. */
export let gate: usize = 0;

/** Takes scratch for the largest chunk. */
export function layoutRows(): void {
  readers = allocate(readerBytes(sizes.headStride));
  writers = allocate(writerBytes(sizes.headStride));
  values = allocate(writerBytes(sizes.valueStride));
  // Numbers are copied with what their vectors have behind them.
  beta = allocate(blockRows() * 4 + 16);
  gate = allocate(blockRows() * gateBytes(sizes.headStride) + 16);
}

/** The steps of the largest chunk, in whole blocks of four. */
function blockRows(): usize {
  return (<usize> sizes.chunkSize + 3) & ~3;
}

/** Bytes for a row of each reader of the largest chunk. */
export function readerBytes(stride: usize): usize {
  return (2 * blockRows() + 4) * stride;
}

/** Bytes for a row of each writer of the largest chunk. */
export function writerBytes(stride: usize): usize {
  return (untied ? 2 : 1) * blockRows() * stride;
}

/** Opens the rows of the sweep's chunk at a position, as scores.ts asks for them. */
export function openRows(
  position: i32, isSolved: bool, withQueries: bool
): void {
  const chunk = back ? sizes.chunks - 1 - position : position;
  count = sizes.countOf(chunk);
  rows = (count + 3) & ~3;
  tokens = count / job.steps;
  first = sequence * job.length + chunk * job.chunkSize;
  spacing = sizes.diagonal ? job.steps : 1;
  queryStep = job.steps / spacing;
  queries = count / queryStep;
  // Where channels decay, as many rows of a are read from their second on.
  aRows = reads ? sizes.diagonal ? rows + 4 * lag : rows : 0;
  writerRows = untied ? rows + count : count;
  hasA = reads && isSolved;
  hasQueries = withQueries;
  readerRows = withQueries ? aRows + queries : hasA ? count : 0;
  q = readers + aRows * sizes.headStride;
  v = untied ? values + rows * sizes.valueStride : values;
  readKeys();
  gatherRows(
    job.v + partStart, job.steps, rowBytes, sizes.valueBytes, v,
    sizes.valueStride
  );
  if (withQueries) readQueries();
  if (sizes.decays) readGates();
}

/** Reads the rows a, b and k. */
function readKeys(): void {
  const stride = sizes.headStride, block = rows * stride;
  memory.fill(writers + count * stride, 0, block - count * stride);
  const k = untied ? writers + block : writers;
  gatherKeys(job.k, k);
  if (untied) {
    gatherKeys(job.b, writers);
    memory.fill(k + count * stride, 0, block - count * stride);
  }
  if (hasA) {
    memory.fill(readers + count * stride, 0, (aRows - count) * stride);
    if (lag !== 0) gatherKeys(job.a, readers);
    else scaleVectors(count * stride, -1, k, readers);
  }
  if (job.beta === 0) return;
  gatherRows(job.beta, job.steps, 4, 4, beta, 4);
  scaleRows(count, stride, beta, k, writers);
}

function readQueries(): void {
  const stride = sizes.headStride;
  memory.fill(q, 0, ((queries + 3) & ~3) * stride);
  gatherRows(
    job.q, 1, sizes.headBytes, sizes.headBytes,
    q + (spacing - 1) * stride, spacing * stride
  );
}

/** Reads the log decays, of which the first step of a token has its own. */
function readGates(): void {
  const width = gateBytes(sizes.headBytes), stride = gateBytes(sizes.headStride);
  if (job.steps > 1) memory.fill(gate, 0, count * stride);
  gatherRows(
    back ? job.g : job.f, 1, width, width, gate, job.steps * stride
  );
}

/** The bytes of a row of log decays, given those where each channel has its own. */
function gateBytes(ofChannels: usize): usize {
  return sizes.diagonal ? ofChannels : 4;
}

/** The token at a place of the chunk, by its index among the tokens of all sequences. */
function tokenOf(place: i32): i32 {
  return first + (back ? tokens - 1 - place : place);
}

function gatherKeys(tensor: usize, target: usize): void {
  gatherRows(
    tensor, job.steps, sizes.headBytes, sizes.headBytes, target, sizes.headStride
  );
}

/** Copies the part's columns of the gradient in the outputs, as rows like the queries. */
export function gatherOutputs(tensor: usize, target: usize): void {
  const stride = sizes.valueStride;
  if (spacing > 1) memory.fill(target, 0, queries * stride);
  gatherRows(
    tensor + partStart, 1, rowBytes, sizes.valueBytes,
    target + (spacing - 1) * stride, spacing * stride
  );
}

/**
 * Copies the chunk's rows of a tensor, so many of each token, in the order of the
 * sweep, padded to whole vectors.
 */
function gatherRows(
  tensor: usize, perToken: i32, step: usize, width: usize, target: usize,
  stride: usize
): void {
  for (let i = 0; i < tokens; i++) {
    let source = tensor + tokenOf(i) * perToken * step;
    for (let s = 0; s < perToken; s++) {
      let c: usize = 0;
      for (; c + 16 <= width; c += 16) {
        v128.store(target + c, v128.load(source + c));
      }
      const rest = <i32> ((width - c) >> 2);
      if (rest > 0) v128.store(target + c, loadFirst(source + c, rest));
      source += step;
      target += stride;
    }
  }
}

/** Puts rows like the keys into their places in a tensor, or adds them to it. */
export function scatterKeys(tensor: usize, source: usize, adds: bool): void {
  scatterRows(
    tensor, job.steps, sizes.headBytes, sizes.headBytes, source,
    sizes.headStride, 1, adds
  );
}

/** Puts rows like the queries into their places in a tensor, or adds them to it. */
export function scatterQueries(tensor: usize, source: usize, adds: bool): void {
  const stride = sizes.headStride;
  scatterRows(
    tensor, 1, sizes.headBytes, sizes.headBytes,
    source + (spacing - 1) * stride, spacing * stride, 1, adds
  );
}

/** Puts the gradients in the log decays of each step into their places. */
export function scatterDecays(tensor: usize, source: usize): void {
  const width = gateBytes(sizes.headBytes), stride = gateBytes(sizes.headStride);
  scatterRows(tensor, 1, width, width, source, job.steps * stride, 1, false);
}

/** Puts a number of each step into its place in a tensor, or adds it to what is there. */
export function scatterSteps(tensor: usize, source: usize, adds: bool): void {
  scatterRows(tensor, job.steps, 4, 4, source, 4, 1, adds);
}

/** Puts rows into the part's columns of a tensor like the values, or adds them to it. */
export function scatterValues(tensor: usize, source: usize, adds: bool): void {
  scatterRows(
    tensor + partStart, job.steps, rowBytes, sizes.valueBytes, source,
    sizes.valueStride, 1, adds
  );
}

/** Puts the outputs times their scale into their places, or adds them. */
export function scatterOutputs(tensor: usize, source: usize, adds: bool): void {
  const stride = sizes.valueStride;
  scatterRows(
    tensor + partStart, 1, rowBytes, sizes.valueBytes,
    source + (spacing - 1) * stride, spacing * stride, job.scale, adds
  );
}

/**
 * Puts weight · rows, so many of each token, in the order of the sweep, into their
 * places in a tensor, or adds them to it.
 */
function scatterRows(
  tensor: usize, perToken: i32, step: usize, width: usize, source: usize,
  stride: usize, weight: f32, adds: bool
): void {
  const factor = f32x4.splat(weight);
  for (let i = 0; i < tokens; i++) {
    let target = tensor + tokenOf(i) * perToken * step;
    for (let s = 0; s < perToken; s++) {
      for (let c: usize = 0; c < width; c += 16) {
        const lanes = <i32> ((width - c) >> 2);
        let x = f32x4.mul(v128.load(source + c), factor);
        if (adds) x = f32x4.add(x, loadFirst(target + c, lanes));
        storeFirst(target + c, x, lanes);
      }
      target += step;
      source += stride;
    }
  }
}
