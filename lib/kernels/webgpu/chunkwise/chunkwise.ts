/**
 * The chunkwise form, of no decays or those of tokens, and the gradient of attention,
 * whichever form went forward: states that reach each chunk, what tokens read of their
 * chunk and of these, and, for the gradient, the gradients of the decays.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "@lionjs/tfjs/kernel";
import type { WebGpuNumbers } from "../../tuning.ts";
import {
  type AttentionArguments,
  type Launch,
  launcherOf,
  requestOf,
} from "../frame/attention_call.ts";
import {
  cotangentNumbers,
  COTANGENTS,
  cotangentsProgram,
} from "../frame/cotangents.ts";
import {
  type Device,
  inLaunches,
  refusalOf,
  tooManyChunks,
  vec4CopiesOf,
} from "../frame/planning.ts";
import { tooLarge } from "@lionjs/tfjs/kernel";
import { sequenceBatches } from "../frame/sequence_batches.ts";
import { largestBuffer } from "@lionjs/tfjs/kernel";
import type { Vectors } from "../frame/vectors.ts";
import { attendProgram, type Role, shapeFor } from "./attend.ts";
import { decayGradientsProgram } from "./decay_gradients.ts";
import { logDecaysOf, type Mask, maskFor } from "./mask.ts";
import {
  carryStatesProgram,
  chunkStatesProgram,
  stateBytes,
  type States,
  statesStayUnscanned,
} from "./states.ts";

type Numbers = WebGpuNumbers["chunkwise"];

/** The chunks of a problem for a chunk size, the decays, and the states that chunks exchange. */
function layoutOf(
  request: KernelRequest,
  chunkSize: number,
  { unscannedChunks }: Numbers,
) {
  const { batch, heads, length, causal, states = false } = request;
  const decays = maskFor(request.decays || causal, causal);
  const chunks = Math.ceil(length / chunkSize);
  // With decays there are states only of several chunks, or of a part of a sequence.
  const hasStates = !decays || chunks > 1 || states;
  // Whether states are not scanned: each reader adds up those of all chunks.
  const areUnscanned = hasStates && decays !== null && !states &&
    statesStayUnscanned(chunks, batch * heads, unscannedChunks);
  return {
    ...{ decays, chunks, hasStates, areUnscanned },
    isScanned: hasStates && !areUnscanned && (chunks > 1 || states),
    /** Bytes of the states of a sequence. */
    bytes: hasStates ? chunks * stateBytes(request, decays) : 0,
  };
}

/**
 * Plans a problem for a device.
 *
 * @param numbers The chunks' sizes, if nothing asks for fewer or forces more.
 */
export function planChunkwise(
  request: KernelRequest,
  device: Device,
  numbers: Numbers,
): KernelPlan | Refusal {
  const { batch, heads, length } = request;
  const { limits } = device;
  const refusal = refusalOf(request, device);
  if (refusal) return refusal;
  const layoutFor = (size: number) => layoutOf(request, size, numbers);
  const { decays } = layoutFor(length);
  const memory = limits.maxComputeWorkgroupStorageSize;
  const fits = (size: number) =>
    decays === null ||
    shapeFor(size, request, memory, numbers.blockRows) !== undefined;
  // Where nothing decays, a chunk costs nothing but its state.
  const best = decays ? numbers.chunkSize : numbers.masklessChunkSize;
  let chunkSize = Math.min(request.chunkSize ?? best, length);
  while (chunkSize > 1 && !fits(chunkSize)) chunkSize--;
  if (!fits(chunkSize)) {
    return {
      refusal: `the adapter's ${memory} bytes of workgroup memory ` +
        `(maxComputeWorkgroupStorageSize) hold no chunk`,
      lacks: "maxComputeWorkgroupStorageSize",
    };
  }
  // States of long sequences fit in one buffer if the chunks are longer.
  const isTooShort = ({ bytes, chunks }: ReturnType<typeof layoutFor>) =>
    bytes > largestBuffer(limits) || tooManyChunks(chunks, limits);
  while (
    request.chunkSize === undefined && chunkSize < length &&
    fits(2 * chunkSize) && isTooShort(layoutFor(chunkSize))
  ) chunkSize *= 2;
  const { bytes, chunks, hasStates, isScanned } = layoutFor(chunkSize);
  const how = ` in chunks of ${chunkSize}`;
  const large = tooManyChunks(chunks, limits) ??
    tooLarge("the states of a sequence take", bytes, limits, how);
  if (large) return large;
  const batches = sequenceBatches(batch * heads, bytes, limits);
  const copies = vec4CopiesOf(request);
  const launches = 1 + Number(hasStates) + Number(isScanned);
  return {
    chunkSize,
    scratchBytes: copies.bytes + batches[0]!.sequences * bytes,
    how: inLaunches(batches.length * (launches + copies.launches)),
  };
}

/** The shape of shaders that have no mask, and need no room for one. */
const MASKLESS_CHUNK = 64;

/** Begins a call: what its chunks make of it, its launches, and the steps that both passes have. */
function open(call: AttentionArguments, numbers: Numbers) {
  const request = requestOf(call);
  const { chunkSize } = request;
  const layout = layoutOf(request, chunkSize, numbers);
  const { bytes, decays, hasStates, isScanned, areUnscanned } = layout;
  const launcher = launcherOf(call, bytes);
  const { limits } = call.backend.device;
  const shape = shapeFor(
    decays ? chunkSize : MASKLESS_CHUNK,
    request,
    limits.maxComputeWorkgroupStorageSize,
    numbers.blockRows,
  )!;
  const { largestChunk } = shape;
  return {
    ...{ ...layout, ...launcher, request, largestChunk },
    /** Makes the buffer of a kind of states of a batch. */
    scratchStates: ({ name }: States) => {
      const { sequences } = launcher.launches[0]!;
      // Without states there is a buffer all the same, for the binding.
      launcher.scratch(name, hasStates ? sequences * bytes / 4 : 4);
    },
    /** Makes the states that reach each chunk. */
    makeStates: (
      launch: Launch,
      kinds: readonly States[],
      enters: readonly string[] = [],
      leaves: readonly string[] = [],
    ) => {
      if (!hasStates) return;
      launcher.run(launch, chunkStatesProgram(kinds, largestChunk, launch));
      if (!isScanned) return;
      launcher.run(launch, carryStatesProgram(kinds, enters, leaves, launch));
    },
    /** Computes what tokens read of their chunk and of the states. */
    attend: (launch: Launch, roles: readonly Role[], decays: Mask | null) => {
      const spec = { roles, decays, shape, areUnscanned };
      launcher.run(launch, attendProgram(spec, launch));
    },
  };
}

/**
 * Computes the forward pass in chunks of the attribute `chunkSize`.
 *
 * @param numbers Rows of a chunk that a workgroup computes, at most, and the most chunks
 * whose states are not scanned.
 * @returns y and the row sums; of a part of a sequence also the states that leave it.
 */
export function chunkwiseForward(
  call: AttentionArguments,
  numbers: Numbers,
): tf.TensorInfo[] {
  const { decays, request, ...run } = open(call, numbers);
  const { batch, heads, headDim, valueDim, causal, states: isPart } = request;
  const [y, rowSums] = run.outputs();
  const sides = causal ? [0] : [0, 1];
  const enters = sides.map((side) => ["before", "after"][side]!)
    .filter((name) => isPart && call.inputs[name] !== undefined);
  const leaves = sides.map((side) => ["forward", "backward"][side]!)
    .filter(() => isPart);
  const state = [batch, heads, headDim, valueDim + 1];
  const leaving = leaves.map((name) => run.output(name, state));
  const [q, k, v] = run.queriesKeysValues();
  const states: States = { name: "states", rows: k, columns: v, decays };
  run.scratchStates(states);
  const attention: Role = {
    ...{ rows: q, others: k, values: v, states, normalizes: true },
    output: { name: "y", columns: "value", mayJoinHeads: true },
  };
  for (const launch of run.launches) {
    run.makeStates(launch, [states], enters, leaves);
    run.attend(launch, [attention], decays);
  }
  run.end([y]);
  return [y, rowSums, ...leaving];
}

/**
 * Computes the gradients of all inputs in chunks of the attribute `chunkSize`.
 *
 * @param numbers Rows of a chunk that a workgroup computes, at most, and the most chunks
 * whose states are not scanned.
 * @returns dq, dk, dv and those of f and b that there are.
 */
export function chunkwiseGradient(
  call: AttentionArguments,
  numbers: Numbers,
): tf.TensorInfo[] {
  const {
    decays: mask,
    request,
    areUnscanned,
    largestChunk,
    hasStates,
    ...run
  } = open(call, numbers);
  const tokens = request.batch * request.heads * request.length;
  const outputs = ["q", "k", "v", ...(mask ? logDecaysOf(mask) : [])]
    .map((name) => run.output(`d${name}`, call.inputs[name]!.shape));
  const [q, k, v] = run.queriesKeysValues();
  const g = COTANGENTS;
  const logDecays = mask ? logDecaysOf(mask) : [];
  run.scratch(g.name, cotangentNumbers(tokens, request, logDecays.length));
  const decays = mask && { ...mask, behindCotangents: true };
  const transposed = decays && { ...decays, transposed: true };
  const states: States = { name: "states", rows: k, columns: v, decays };
  const cotangentStates: States = {
    ...{ name: "cotangentStates", rows: q, columns: g, decays: transposed },
  };
  run.scratchStates(states);
  run.scratchStates(cotangentStates);
  const terms = (own: Vectors, name: string): Partial<Role> => {
    if (decays === null) return {};
    run.scratch(name, 4 * tokens);
    return { ownTerms: { own, name } };
  };
  const dq: Role = {
    ...{ rows: g, others: v, values: k, states },
    output: { name: "dq", columns: "key" },
    ...terms(q, "queryTerms"),
  };
  const dk: Role = {
    ...{ rows: v, others: g, values: q, states: cotangentStates },
    output: { name: "dk", columns: "key" },
    ...terms(k, "keyTerms"),
  };
  const dv: Role = {
    ...{ rows: k, others: q, values: g, states: cotangentStates },
    output: { name: "dv", columns: "value" },
  };
  for (const launch of run.launches) {
    run.run(launch, cotangentsProgram(logDecays, launch));
    run.makeStates(launch, [states, cotangentStates]);
    run.attend(launch, [dq], decays);
    run.attend(launch, [dk, dv], transposed);
    if (mask) {
      const stateNames = [states.name, cotangentStates.name] as const;
      const spec = { mask, areUnscanned, largestChunk };
      const program = decayGradientsProgram(
        { ...spec, states: hasStates ? stateNames : null },
        launch,
      );
      run.run(launch, program);
    }
  }
  run.end(outputs.slice(0, 3));
  return outputs;
}
