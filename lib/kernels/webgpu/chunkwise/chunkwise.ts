/**
 * The chunkwise form, of no decays or those of tokens, and the gradient of attention,
 * whichever form went forward: states that reach each chunk, what tokens read of their
 * chunk and of these, and, for the gradient, the gradients of the decays.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { WebGpuNumbers } from "../../tuning.ts";
import {
  cotangentNumbers,
  COTANGENTS,
  cotangentsProgram,
} from "../frame/cotangents.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import type { Vectors } from "../frame/vectors.ts";
import { attendProgram, type Role, shapeFor } from "./attend.ts";
import {
  type AttentionArguments,
  launcherOf,
  sizesOf,
} from "./attention_call.ts";
import { decayGradientsProgram } from "./decay_gradients.ts";
import { logDecaysOf, type Mask, maskFor } from "./mask.ts";
import {
  carryStatesProgram,
  chunkStatesProgram,
  stateBytes,
  type States,
  statesAreApart,
} from "./states.ts";

type Numbers = WebGpuNumbers["chunkwise"];

/** The shape of shaders that have no mask, and need no room for one. */
const MASKLESS_CHUNK = 64;

/** Begins a call: its sizes, its launches, and the steps that both passes have. */
function open(call: AttentionArguments, numbers: Numbers) {
  const { inputs, attributes, backend: { device: { limits } } } = call;
  const { states = false, causal, chunkSize } = attributes;
  const sizes = sizesOf(call);
  const { chunks, allSequences } = sizes;
  const decays = maskFor(inputs["f"] !== undefined, causal);
  // With decays there are states only of several chunks, or of a piece of a sequence.
  const hasStates = !decays || chunks > 1 || states;
  const bytes = hasStates ? chunks * stateBytes(sizes, decays) : 0;
  const launcher = launcherOf(call, sizes, bytes);
  const shape = shapeFor(
    decays ? chunkSize : MASKLESS_CHUNK,
    sizes,
    limits.maxComputeWorkgroupStorageSize,
    numbers.blockRows,
  )!;
  const { largestChunk } = shape;
  const areApart = hasStates && decays !== null && !states &&
    statesAreApart(chunks, allSequences, numbers.chunksApart);
  return {
    ...{ ...launcher, sizes, decays, hasStates, areApart, largestChunk },
    /** Makes the buffer of a kind of states of a batch. */
    scratchStates: ({ name }: States) => {
      const { sequences } = launcher.batches[0]!;
      // Without states there is a buffer all the same, for the binding.
      launcher.scratch(name, hasStates ? sequences * bytes / 4 : 4);
    },
    /** Makes the states that reach each chunk. */
    makeStates: (
      batch: SequenceBatch,
      kinds: readonly States[],
      enters: readonly string[] = [],
      leaves: readonly string[] = [],
    ) => {
      if (!hasStates) return;
      launcher.run(
        batch,
        (...given) => chunkStatesProgram(kinds, largestChunk, ...given),
      );
      if (areApart || (chunks === 1 && !states)) return;
      launcher.run(
        batch,
        (...given) => carryStatesProgram(kinds, enters, leaves, ...given),
      );
    },
    /** Computes what tokens read of their chunk and of the states. */
    attend: (
      batch: SequenceBatch,
      roles: readonly Role[],
      decays: Mask | null,
    ) => {
      const spec = { roles, decays, shape, areApart };
      launcher.run(batch, (...given) => attendProgram(spec, ...given));
    },
  };
}

/**
 * Computes the forward pass in chunks of the attribute `chunkSize`.
 *
 * @param numbers Rows of a chunk that a workgroup computes, at most, and the most chunks
 * whose states do not travel.
 * @returns y and the row sums; of a piece also the states that leave it.
 */
export function chunkwiseForward(
  call: AttentionArguments,
  numbers: Numbers,
): tf.TensorInfo[] {
  const { decays, sizes, ...run } = open(call, numbers);
  const { causal, states: isPiece } = call.attributes;
  const y = run.output("y", sizes.shapeOfY);
  const rowSums = run.output("rowSums", sizes.perToken);
  const sides = causal ? [0] : [0, 1];
  const enters = sides.map((side) => ["before", "after"][side]!)
    .filter((name) => isPiece && call.inputs[name] !== undefined);
  const leaves = sides.map((side) => ["forward", "backward"][side]!)
    .filter(() => isPiece);
  const leaving = leaves.map((name) => run.output(name, sizes.shapeOfState));
  const [q, k, v] = run.queriesKeysValues();
  const states: States = { name: "states", rows: k, columns: v, decays };
  run.scratchStates(states);
  const attention: Role = {
    ...{ rows: q, others: k, values: v, states, normalizes: true },
    output: { name: "y", columns: "value", mayBeJoined: true },
  };
  for (const batch of run.batches) {
    run.makeStates(batch, [states], enters, leaves);
    run.attend(batch, [attention], decays);
  }
  run.end([y]);
  return [y, rowSums, ...leaving];
}

/**
 * Computes the gradients of all inputs in chunks of the attribute `chunkSize`.
 *
 * @param numbers Rows of a chunk that a workgroup computes, at most, and the most chunks
 * whose states do not travel.
 * @returns dq, dk, dv and those of f and b that there are.
 */
export function chunkwiseGradient(
  call: AttentionArguments,
  numbers: Numbers,
): tf.TensorInfo[] {
  const { decays: mask, sizes, areApart, largestChunk, hasStates, ...run } =
    open(call, numbers);
  const outputs = ["q", "k", "v", ...(mask ? logDecaysOf(mask) : [])]
    .map((name) => run.output(`d${name}`, call.inputs[name]!.shape));
  const [q, k, v] = run.queriesKeysValues();
  const g = COTANGENTS;
  const logDecays = mask ? logDecaysOf(mask) : [];
  run.scratch(g.name, cotangentNumbers(sizes.tokens, sizes, logDecays.length));
  const decays = mask && { ...mask, packed: true };
  const transposed = decays && { ...decays, transposed: true };
  const states: States = { name: "states", rows: k, columns: v, decays };
  const cotangentStates: States = {
    ...{ name: "cotangentStates", rows: q, columns: g, decays: transposed },
  };
  run.scratchStates(states);
  run.scratchStates(cotangentStates);
  const terms = (own: Vectors, name: string): Partial<Role> => {
    if (decays === null) return {};
    run.scratch(name, 4 * sizes.tokens);
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
  for (const batch of run.batches) {
    run.run(batch, (...given) => cotangentsProgram(logDecays, ...given));
    run.makeStates(batch, [states, cotangentStates]);
    run.attend(batch, [dq], decays);
    run.attend(batch, [dk, dv], transposed);
    if (mask) {
      const met = hasStates
        ? [states.name, cotangentStates.name] as const
        : null;
      const spec = { mask, areApart, largestChunk, states: met };
      run.run(batch, (...given) => decayGradientsProgram(spec, ...given));
    }
  }
  run.end(outputs.slice(0, 3));
  return outputs;
}
