/** The forward pass of the chunkwise form, of no decays or those of tokens. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { type AttentionCall, Run } from "./attention_call.ts";
import type { Role } from "./roles.ts";
import { preparationOf } from "./scalar_operands.ts";
import type { States } from "./states.ts";

/**
 * Makes the states that reach each chunk, and then what tokens read of their
 * chunk and of these.
 *
 * @param call The kernel's tensors and attributes.
 * @param mostRows Rows of a chunk that a workgroup computes, at most.
 * @returns y and the row sums; of a piece also the states that leave it.
 */
export function chunkwiseForward(
  call: AttentionCall,
  mostRows: number,
): tf.TensorInfo[] {
  const decays = preparationOf(call);
  const run = new Run(call, decays, true);
  const y = run.output("y", run.input("v")!.shape);
  const rowSums = run.output("rowSums", run.perToken);
  const leaving = run.leaving();
  const q = run.vectors("q", "key");
  const k = run.vectors("k", "key");
  const v = run.vectors("v", "value");
  const states: States = { name: "states", rows: k, columns: v, decays };
  run.scratchStates(states);
  const attention: Role = {
    rows: q,
    others: k,
    values: v,
    states,
    output: { name: "y", columns: "value" },
    finish: { kind: "attention" },
  };
  for (const pass of run.passes) {
    run.makeStates([states], pass);
    run.attend([attention], decays, pass, mostRows);
  }
  run.clearPadding([y]);
  run.dispose();
  return [y, rowSums, ...leaving];
}
