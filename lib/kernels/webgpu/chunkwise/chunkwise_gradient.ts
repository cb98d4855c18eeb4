/**
 * The gradient of attention, of no decays or those of tokens, whichever form went
 * forward: three roles of `roles.ts`, and then the gradients of the decays.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  cotangentNumbers,
  COTANGENTS,
  cotangentsProgram,
} from "../frame/cotangents.ts";
import type { Vectors } from "../frame/vectors.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import { type AttentionArguments, KernelCall } from "./attention_call.ts";
import type { Role } from "./roles.ts";
import { forwardMask, logDecaysOf, transposedMask } from "./mask.ts";
import type { States } from "./states.ts";

/**
 * Computes the gradients of all inputs in chunks of the attribute `chunkSize`.
 *
 * @param numbers Rows of a chunk that a workgroup computes, at most, and the most chunks
 * whose states do not travel.
 * @returns dq, dk, dv and those of f and b that there are.
 */
export function chunkwiseGradient(
  given: AttentionArguments,
  { blockRows: mostRows, chunksApart }: WebGpuNumbers["chunkwise"],
): tf.TensorInfo[] {
  const call = new KernelCall(given, true, { chunksApart });
  const decays = call.decays && forwardMask(call.causal, true);
  const outputs = ["q", "k", "v", "f", "b"]
    .filter((name) => call.input(name) !== undefined)
    .map((name) => call.output(`d${name}`, call.input(name)!.shape));
  const [q, k, v] = call.queriesKeysValues();
  const g = COTANGENTS;
  const logDecays = logDecaysOf([decays], true);
  const { dims, sizes: { tokens } } = call;
  call.scratch(g.name, cotangentNumbers(tokens, dims, logDecays.length));
  const transposed = decays ? transposedMask(call.causal) : null;
  const states: States = { name: "states", rows: k, columns: v, decays };
  const cotangentStates: States = {
    name: "cotangentStates",
    rows: q,
    columns: g,
    decays: transposed,
  };
  call.scratchStates(states);
  call.scratchStates(cotangentStates);
  const terms = (own: Vectors, name: string): Role["finish"] => {
    if (decays === null) return { kind: "none" };
    call.scratchVectors(name, 4);
    return { kind: "decayTerms", own, name };
  };
  const dq: Role = {
    rows: g,
    others: v,
    values: k,
    states,
    output: { name: "dq", columns: "key" },
    finish: terms(q, "queryTerms"),
  };
  const dk: Role = {
    rows: v,
    others: g,
    values: q,
    states: cotangentStates,
    output: { name: "dk", columns: "key" },
    finish: terms(k, "keyTerms"),
  };
  const dv: Role = {
    rows: k,
    others: q,
    values: g,
    states: cotangentStates,
    output: { name: "dv", columns: "value" },
    finish: { kind: "none" },
  };
  for (const batch of call.batches) {
    call.launch(batch, (...given) => cotangentsProgram(logDecays, ...given));
    call.makeStates([states, cotangentStates], batch);
    call.attend([dq], decays, batch, mostRows);
    call.attend([dk, dv], transposed, batch, mostRows);
    if (decays) {
      const met = [states.name, cotangentStates.name] as const;
      call.decayGradients(met, batch);
    }
  }
  call.clearPadding(outputs.slice(0, 3));
  call.dispose();
  return outputs;
}
