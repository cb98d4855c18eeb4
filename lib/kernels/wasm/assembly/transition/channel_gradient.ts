// Gradients where each channel of the keys has a log decay: of the scores that are made
// block by block, and of rows and states that decay entry by entry (scores.ts).
import * as sizes from "../chunkwise/sizes";
import * as diagonal from "../chunkwise/diagonal";
import { diagonalGradients } from "../chunkwise/diagonal_scores";
import * as chunk from "./open_chunk";
import {
  growth, grownWriters, isMild, scoreBytes, stepOfReader
} from "./scores";
import { lag, reads } from "./transition";
import {
  addScaledRow, dot, scaleAndAdd
} from "../../../../tfjs/wasm/assembly/math/loops";
import { at, put } from "../../../../tfjs/wasm/assembly/math/matrix";
import { allocate } from "../../../../tfjs/wasm/assembly/runtime/scratch";
import { multiplyAdd } from "../../../../tfjs/wasm/assembly/math/simd";

/** Gradients in the log decays of the chunk, `[count, headDim]`. */
export let decayGradients: usize = 0;
/** Parts of these gradients that all steps of the chunk have, `[headDim]`. */
let through: usize = 0;
/** Rows for {@link diagonalGradients}. */
let scratch: usize = 0;

/** Takes scratch for a chunk of `rows` rows, whole blocks of four. */
export function layoutChannelGradient(rows: usize): void {
  decayGradients = allocate(rows * sizes.headStride);
  scratch = allocate(rows * sizes.headStride);
  through = allocate(sizes.headStride);
}

/** Opens the gradients of a chunk in its readers, its writers and log decays. */
export function openChannelGradient(dReaders: usize, dWriters: usize): void {
  memory.fill(dReaders, 0, chunk.readerBytes(sizes.headStride));
  memory.fill(dWriters, 0, chunk.writerBytes(sizes.headStride));
  memory.fill(decayGradients, 0, chunk.rows * sizes.headStride);
  memory.fill(through, 0, sizes.headStride);
}

/**
 * Takes pairs with no decay between them out of the gradients in scores, and adds what
 * comes from these: in sums of gradients in decays they would only cancel.
 */
export function takePairsWithoutDecay(
  products: usize, dReaders: usize, dWriters: usize
): void {
  const stride = sizes.headStride, columns = <i32> (stride >> 2);
  for (let i = reads ? lag : chunk.aRows; i < chunk.readerRows; i++) {
    const step = stepOfReader(i);
    // A row of a that does not lag reads only what is decayed once more.
    if (i < chunk.aRows && (lag === 0 || i >= chunk.count)) continue;
    for (let row = step; row < chunk.writerRows; row += chunk.rows) {
      const gradient = at(products + i * scoreBytes, row);
      put(products + i * scoreBytes, row, 0);
      const reader = i * stride, writer = row * stride;
      addScaledRow(columns, gradient, chunk.writers + writer, dReaders + reader);
      addScaledRow(columns, gradient, chunk.readers + reader, dWriters + writer);
    }
  }
}

/** Adds to the gradients in readers and writers what comes from scores by blocks. */
export function blockGradients(
  products: usize, dReaders: usize, dWriters: usize
): void {
  if (reads) {
    const behind = chunk.count * scoreBytes;
    memory.fill(products + behind, 0, chunk.aRows * scoreBytes - behind);
  }
  memory.fill(products + chunk.readerRows * scoreBytes, 0, 3 * scoreBytes);
  if (reads) blockGradientsFrom(lag, products, dReaders, dWriters);
  blockGradientsFrom(chunk.aRows, products, dReaders, dWriters);
}

/** Adds the gradients that come from the scores of the chunk's readers from one on. */
function blockGradientsFrom(
  reader: i32, products: usize, dReaders: usize, dWriters: usize
): void {
  const stride = sizes.headStride, first = reader * stride;
  for (let row = 0; row < chunk.writerRows; row += chunk.rows) {
    const block = row * stride;
    diagonalGradients(
      chunk.count, chunk.readers + first, chunk.writers + block, 0, scoreBytes,
      products + reader * scoreBytes + (<usize> row << 2), dReaders + first,
      dWriters + block, decayGradients, 0, scratch
    );
  }
}

/**
 * Takes the gradients in writers that have grown back to those that decay to the
 * chunk's end, and adds to those in log decays what comes from their growth.
 */
export function shrinkGradients(dWritersOut: usize): void {
  for (let n: usize = 0; n < sizes.headStride; n += 16) {
    const factor = v128.load(growth + n);
    let sum = f32x4.splat(0);
    for (let w = 0; w < chunk.writerRows; w += chunk.rows) {
      let cell = w * sizes.headStride + n;
      for (let i = 0; i < chunk.count; i++) {
        const gradient = v128.load(dWritersOut + cell);
        sum = multiplyAdd(gradient, v128.load(grownWriters + cell), sum);
        v128.store(dWritersOut + cell, f32x4.mul(gradient, factor));
        cell += sizes.headStride;
      }
    }
    v128.store(through + n, f32x4.sub(v128.load(through + n), sum));
  }
}

/**
 * Adds to the gradients in log decays what comes from a state that decays through the
 * chunk, given the gradient in the result.
 */
export function addStateDecayGradient(state: usize, gradient: usize): void {
  for (let n = 0; n < sizes.headDim; n++) {
    const offset = n * sizes.valueStride;
    const product = at(diagonal.channelDecaysForward, n) *
      dot(sizes.valueStride, state + offset, gradient + offset);
    put(through, n, at(through, n) + product);
  }
}

/**
 * Takes the gradients in decayed readers and writers, where there are any, to those in
 * the rows and in the log decays.
 */
export function finish(
  dReadersIn: usize, dWritersOut: usize, dReaders: usize, dWriters: usize,
  isRead: bool, isWritten: bool
): void {
  const stride = sizes.headStride, count = chunk.count;
  if (isMild || isRead) {
    if (reads) {
      // The first row of a that lags has no decay.
      const first = lag * stride;
      scaleAndAdd(first, 1, dReaders, dReadersIn);
      if (count > lag) {
        diagonal.openQueryPath(0, count - lag, false);
        diagonal.backwardAlongPath(
          dReadersIn + first, chunk.readers + first, dReaders + first, decayGradients
        );
      }
    }
    const queries = chunk.aRows * stride;
    diagonal.openQueryPath(0, count, false);
    diagonal.backwardAlongPath(
      dReadersIn + queries, chunk.q, dReaders + queries, decayGradients
    );
  }
  if (isMild || isWritten) {
    for (let row = 0; row < chunk.writerRows; row += chunk.rows) {
      const block = row * stride;
      diagonal.openKeyPath(count, count, false);
      diagonal.backwardAlongPath(
        dWritersOut + block, chunk.writers + block, dWriters + block, decayGradients
      );
    }
  }
  for (let i = 0; i < count; i++) {
    scaleAndAdd(stride, 1, decayGradients + i * stride, through);
  }
  // Nothing comes before the first step.
  if (!isRead) memory.fill(decayGradients, 0, stride);
}
