/** The forward pass of the chunkwise form, of no decays or those of tokens. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { WebGpuNumbers } from "../../tuning.ts";
import { type AttentionArguments, KernelCall } from "./attention_call.ts";
import type { Role } from "./roles.ts";
import type { States } from "./states.ts";

/**
 * Makes the states that reach each chunk, and then what tokens read of their
 * chunk and of these.
 *
 * @param numbers Rows of a chunk that a workgroup computes, at most, and the most chunks
 * whose states do not travel.
 * @returns y and the row sums; of a piece also the states that leave it.
 */
export function chunkwiseForward(
  given: AttentionArguments,
  { blockRows: mostRows, chunksApart }: WebGpuNumbers["chunkwise"],
): tf.TensorInfo[] {
  const call = new KernelCall(given, true, { chunksApart });
  const { decays } = call;
  const y = call.output("y", call.shapeOfY);
  const rowSums = call.output("rowSums", call.perToken);
  const leaving = call.leaving();
  const [q, k, v] = call.queriesKeysValues();
  const states: States = { name: "states", rows: k, columns: v, decays };
  call.scratchStates(states);
  const attention: Role = {
    rows: q,
    others: k,
    values: v,
    states,
    output: { name: "y", columns: "value", mayBeJoined: true },
    finish: { kind: "attention" },
  };
  for (const batch of call.batches) {
    call.makeStates([states], batch);
    call.attend([attention], decays, batch, mostRows);
  }
  call.clearPadding([y]);
  call.dispose();
  return [y, rowSums, ...leaving];
}
