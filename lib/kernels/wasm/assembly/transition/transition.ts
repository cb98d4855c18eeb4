// Transitions of rank one chunk by chunk, in the WY form: sizes, scratch, and sweeps.
// A step makes of the state S
//
//     (diag(e^g) + b aᵀ) S + k vᵀ
//
// and queries read after the last step of a token. With the state H before a chunk,
//
//     (I - T) Z = A H + T' V
//     Y  = Q H + P Z + P' V
//     H' = e_last H + Bᵀ Z + Kᵀ V
//
// where rows decay on their way to or from the chunk's borders, and T, T', P and P' are
// the decayed products of rows a and q with rows b and k. Where b is k, so are T and
// T', and P and P': then Z stands for Z + V, and the first line ends in V. Where
// nothing is read there is no Z.
//
// The rows that read, of a and below them of q, are the readers; those that are
// written, of b and below them of k, or k alone, are the writers, and [Z; V] or Z is
// what they write. A row of a reads before its step decays, and so one step before a
// query would: its decays are those of the row above. The rows of the delta rule are
// made here, b = β k, and a = -k, which decays like a query.
//
// A sweep goes through the chunks from its own end, with the tokens of a chunk in its
// order: so one text serves both directions. The sweeps of a sequence go to
// the middle, wait for each other, and then add to the other's outputs; or the
// second begins when the first has ended.
//
// Columns of the values, and with them of states and outputs, do not depend on each
// other. Where threads would idle, a sweep of the forward pass is split into parts of
// the columns, each of which makes the scores for itself.
import * as sizes from "../chunkwise/sizes";
import { transition as job } from "../jobs";
import { queue } from "../../../../tfjs/wasm/assembly/runtime/queue";

/** Whether a sequence has a sweep from each of its ends. */
let isBidirectional: bool = false;
/** Whether the two sweeps of a sequence run at a time and meet in its middle. */
export let meetInMiddle: bool = false;
/**
 * Whether steps read the state, and whether they write what they have read along rows k
 * or along rows b of their own.
 */
export let reads: bool = false, tied: bool = false, untied: bool = false;
/** A row of a has the decays of a query that lies `lag` rows before. */
export let lag: i32 = 0;
/** Bytes of a state, [headDim, valueDim]. */
export let transitionStateBytes: usize = 0;

/** Bytes of a row of all values, and of the values before the columns of the sweep's part. */
export let rowBytes: usize = 0, partStart: usize = 0;

/** Takes the sizes of the job, in steps, with the columns of a part of its values. */
function setTransitionSizes(part: i32): void {
  const widest = (((job.valueDim + job.parts - 1) / job.parts) + 3) & ~3;
  const first = part * widest;
  rowBytes = <usize> job.valueDim * 4;
  partStart = <usize> first * 4;
  sizes.setSizes(
    job.length * job.steps,
    1,
    job.headDim,
    min(widest, job.valueDim - first),
    job.chunkSize * job.steps,
    1,
    // A sweep by itself is causal.
    true,
    job.f !== 0,
    job.diagonal !== 0,
  );
}

/** Takes the job, and begins a thread's scratch at `base`. */
export function layoutTransition(base: usize): void {
  setTransitionSizes(0);
  isBidirectional = job.causal === 0;
  meetInMiddle = isBidirectional && job.whole === 0;
  reads = job.a !== 0 || job.beta !== 0;
  untied = job.b !== 0;
  tied = reads && !untied;
  lag = <i32> (job.a !== 0);
  transitionStateBytes = (<usize> sizes.headDim * sizes.valueStride + 63) & ~63;
  sizes.layoutDecays(base);
}

/** Whether a state reaches the chunk at a position. */
export function isPreceded(position: i32): bool {
  return position > 0 || job.before !== 0;
}

/** The address of the sequence's state in a tensor, [headDim, valueDim]. */
function stateIn(tensor: usize): usize {
  return tensor + <usize> (sequence * sizes.headDim) * rowBytes + partStart;
}

/** Copies the sequence's state from a tensor. */
export function loadState(tensor: usize, state: usize): void {
  let from = stateIn(tensor);
  for (let n = 0; n < sizes.headDim; n++) {
    memory.copy(state, from, sizes.valueBytes);
    memory.fill(
      state + sizes.valueBytes, 0, sizes.valueStride - sizes.valueBytes
    );
    from += rowBytes;
    state += sizes.valueStride;
  }
}

/** Copies the sequence's state to a tensor. */
export function storeState(state: usize, tensor: usize): void {
  let to = stateIn(tensor);
  for (let n = 0; n < sizes.headDim; n++) {
    memory.copy(to, state, sizes.valueBytes);
    to += rowBytes;
    state += sizes.valueStride;
  }
}

/**
 * Sweeps of a sequence: for each part of the values one, or two if it is
 * bidirectional.
 */
export function sweepsOfSequence(): i32 {
  return (isBidirectional ? 2 : 1) * job.parts;
}

/** Whether the sweep goes from the last chunk to the first. */
export let back: bool = false;
export let sequence: i32 = 0;

/**
 * Opens a sweep, whose state between its two phases is at the address that is
 * returned.
 */
export function openSweep(sweep: i32): usize {
  sequence = sweep / sweepsOfSequence();
  const part = sweep % job.parts;
  back = isBidirectional && sweep / job.parts % 2 === 1;
  if (job.parts > 1) setTransitionSizes(part);
  return queue.extra + <usize> sweep * transitionStateBytes;
}

/** The position of the chunk at which a sweep's second phase begins. */
export function middle(): i32 {
  if (!meetInMiddle) return sizes.chunks;
  const half = sizes.chunks >> 1;
  return back ? sizes.chunks - half : half;
}
