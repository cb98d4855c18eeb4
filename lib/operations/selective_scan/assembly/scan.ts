// Mamba's selective scan: sizes, scratch and the open block, chunk and group of both
// passes. A task is a block of channels of a sequence. It goes through the tokens in
// chunks, and in a chunk from group to group of eight channels, a pair of vectors:
// a state has such a pair for each of its numbers.
import { selectiveScan as job } from "./records";
import { at, put } from "../../../tfjs/wasm/assembly/math/matrix";
import {
  layoutFrom, allocate
} from "../../../tfjs/wasm/assembly/runtime/scratch";
import {
  loadFirst, storeFirst
} from "../../../tfjs/wasm/assembly/math/simd";

/** Channels of a group. */
const GROUP = 8;
/** Channels of a block, at least: whole lines of a cache. */
const LEAST_CHANNELS = 48;
/** Blocks of a sequence, at most: each leaves its part of the gradients in b and c. */
const MOST_BLOCKS = 8;
/** Bytes of a pair of vectors: one number for each channel of a group. */
export const PAIR: usize = 32;

const LOG2_E: f32 = 1.44269504;

/** Bytes of a group's states. */
export let stateBytes: usize = 0;
/** Bytes of a row of `b` or `c`. */
let tokenBytes: usize = 0;
/** Rates, states and skips of all groups of a block. */
let allRates: usize = 0, allStates: usize = 0, allSkips: usize = 0;
/** Rows of the open group, a pair for each token of the chunk. */
export let x: usize = 0, dt: usize = 0, z: usize = 0, y: usize = 0;

/** Lays out scratch from `base`. */
export function layoutScan(base: usize): void {
  layoutFrom(base);
  stateBytes = <usize> job.stateDim * PAIR;
  tokenBytes = <usize> job.stateDim * 4;
  const mostGroups = <usize> (blockChannels() / GROUP);
  allRates = allocate(mostGroups * stateBytes);
  allStates = allocate(mostGroups * stateBytes);
  allSkips = allocate(mostGroups * PAIR);
  const rows = <usize> job.chunkSize * PAIR;
  x = allocate(rows);
  dt = allocate(rows);
  z = allocate(rows);
  y = allocate(rows);
}

/**
 * Channels of a block, whatever the number of threads, so that sums do not
 * depend on it.
 */
export function blockChannels(): i32 {
  const groups = (job.channels + GROUP * MOST_BLOCKS - 1) /
    (GROUP * MOST_BLOCKS);
  return max(LEAST_CHANNELS, GROUP * groups);
}

/** The number of blocks of channels. */
export function blocks(): i32 {
  const size = blockChannels();
  return (job.channels + size - 1) / size;
}

/** Chunks of a sequence. */
export function chunksOfScan(): i32 {
  return (job.length + job.chunkSize - 1) / job.chunkSize;
}

export let sequence: i32 = 0;
export let block: i32 = 0;
/** The groups of channels in the open block. */
export let groups: i32 = 0;
/** Tokens of the open chunk. */
export let count: i32 = 0;
let chunk: i32 = 0;
/** The first channel of the open group, and the number of channels in the group. */
export let channel: i32 = 0, lanes: i32 = 0;
/** The open group's rates a log2(e), states, and weights d of x in the output. */
export let rates: usize = 0, states: usize = 0, skips: usize = 0;

/** Opens a block of channels, whose states are zeros. */
export function openChannels(task: i32): void {
  sequence = task / blocks();
  block = task % blocks();
  const size = blockChannels();
  const channels = min(size, job.channels - block * size);
  groups = (channels + GROUP - 1) / GROUP;
  memory.fill(allStates, 0, <usize> groups * stateBytes);
  for (let group = 0; group < groups; group++) {
    openGroup(group);
    memory.fill(rates, 0, stateBytes);
    memory.fill(skips, 0, PAIR);
    for (let lane = 0; lane < lanes; lane++) {
      const row = job.a + <usize> (channel + lane) * tokenBytes;
      for (let n = 0; n < job.stateDim; n++) {
        put(rates, 8 * n + lane, LOG2_E * at(row, n));
      }
      if (job.d !== 0) put(skips, lane, at(job.d, channel + lane));
    }
  }
}

/** Opens a chunk, in the order of the scan. */
export function openScanChunk(index: i32): void {
  chunk = index;
  count = min(job.chunkSize, job.length - index * job.chunkSize);
}

/** Opens a group of the block. */
export function openGroup(group: i32): void {
  channel = block * blockChannels() + group * GROUP;
  lanes = min(GROUP, job.channels - channel);
  rates = allRates + <usize> group * stateBytes;
  states = allStates + <usize> group * stateBytes;
  skips = allSkips + <usize> group * PAIR;
}

/** The index among all sequences' tokens of a token of the open chunk. */
export function tokenOf(i: i32): i32 {
  const position = chunk * job.chunkSize + i;
  const own = job.reverse !== 0 ? job.length - 1 - position : position;
  return sequence * job.length + own;
}

/** The address of a token's row of `b`, `c` and their like. */
export function rowOf(tensor: usize, i: i32): usize {
  return tensor + <usize> tokenOf(i) * tokenBytes;
}

/** Bytes from a token's row of `b` or `c` to the next token's row, which may be before it. */
export function nextRow(): usize {
  return job.reverse !== 0 ? 0 - tokenBytes : tokenBytes;
}

/** Whether a token begins a segment, and forgets the state before it. */
export function begins(i: i32): bool {
  return job.begins !== 0 && at(job.begins, tokenOf(i)) !== 0;
}

/** The end of the run of tokens from `first` on in which no segment begins. */
export function endOfRun(first: i32): i32 {
  if (job.begins === 0) return count;
  let end = first + 1;
  while (end < count && !begins(end)) end++;
  return end;
}

/** Copies the open group's columns of a tensor; zeros where it has no channels. */
export function gatherRows(tensor: usize, target: usize): void {
  for (let i = 0; i < count; i++) {
    const source = tensor + (<usize> tokenOf(i) * job.channels + channel) * 4;
    if (lanes === GROUP) {
      const first = v128.load(source), second = v128.load(source, 16);
      v128.store(target, first);
      v128.store(target, second, 16);
    } else {
      memory.fill(target, 0, PAIR);
      storeFirst(target, loadFirst(source, lanes), lanes);
      const rest = lanes - 4;
      if (rest > 0) v128.store(target, loadFirst(source + 16, rest), 16);
    }
    target += PAIR;
  }
}

/** Puts rows into the open group's columns of a tensor. */
export function scatterRows(source: usize, tensor: usize): void {
  for (let i = 0; i < count; i++) {
    const target = tensor + (<usize> tokenOf(i) * job.channels + channel) * 4;
    if (lanes === GROUP) {
      const first = v128.load(source), second = v128.load(source, 16);
      v128.store(target, first);
      v128.store(target, second, 16);
    } else {
      storeFirst(target, v128.load(source), lanes);
      const rest = lanes - 4;
      if (rest > 0) storeFirst(target + 16, v128.load(source, 16), rest);
    }
    source += PAIR;
  }
}

/** The address of the group's states before a chunk, which are kept for the gradient. */
export function keptStates(): usize {
  const allChannels = (job.channels + GROUP - 1) & ~(GROUP - 1);
  const record = sequence * chunksOfScan() + chunk;
  return job.states +
    (<usize> record * allChannels + channel) * tokenBytes;
}
