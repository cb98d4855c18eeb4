/**
 * The gradient of attention, of no decays or those of tokens, whichever form went
 * forward: three roles of `roles.ts`, and then the gradients of the decays.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { COTANGENTS, cotangentsShader } from "../frame/cotangents.ts";
import type { Vectors } from "../frame/vectors.ts";
import { type AttentionCall, Run } from "./attention_call.ts";
import type { Role } from "./roles.ts";
import { preparationOf } from "./scalar_operands.ts";
import type { States } from "./states.ts";

/**
 * Computes the gradients of all inputs in chunks of the attribute `chunkSize`.
 *
 * @param call The kernel's tensors and attributes.
 * @param mostRows Rows of a chunk that a workgroup computes, at most.
 * @returns dq, dk, dv and those of f and b that there are.
 */
export function chunkwiseGradient(
  call: AttentionCall,
  mostRows: number,
): tf.TensorInfo[] {
  const decays = preparationOf(call);
  const run = new Run(call, decays, true);
  const outputs = ["q", "k", "v", "f", "b"]
    .filter((name) => run.input(name) !== undefined)
    .map((name) => run.output(`d${name}`, run.input(name)!.shape));
  const q = run.vectors("q", "key");
  const k = run.vectors("k", "key");
  const v = run.vectors("v", "value");
  const g = COTANGENTS;
  run.scratchVectors(g.name, 4 * run.quads(g.columns));
  const transposed = decays ? decays.transposed() : null;
  const states: States = { name: "states", rows: k, columns: v, decays };
  const cotangentStates: States = {
    name: "cotangentStates",
    rows: q,
    columns: g,
    decays: transposed,
  };
  run.scratchStates(states);
  run.scratchStates(cotangentStates);
  const terms = (own: Vectors, name: string): Role["finish"] => {
    if (decays === null) return { kind: "none" };
    run.scratchVectors(name, 4);
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
  for (const pass of run.passes) {
    run.launch(cotangentsShader, pass);
    run.makeStates([states, cotangentStates], pass);
    run.attend([dq], decays, pass, mostRows);
    run.attend([dk, dv], transposed, pass, mostRows);
    if (decays) {
      const met = [states.name, cotangentStates.name] as const;
      run.decayGradients(decays, met, pass);
    }
  }
  run.clearPadding(outputs.slice(0, 3));
  run.dispose();
  return outputs;
}
