/**
 * The chunkwise form as tfjs kernels for WebGPU: forward and gradient.
 *
 * Forward, three launches: the states that each chunk writes, their way from
 * chunk to chunk, and what each token reads; only the last if there is one
 * chunk. The gradient is made of the same three, run on other vectors.
 *
 * @module
 */
import { registerForm } from "./attention_passes.ts";
import { planFor } from "./chunkwise_plan.ts";

/** Registers the kernels `LionChunkwise` and `LionChunkwiseGrad` for webgpu, once. */
export function registerChunkwise(): void {
  registerForm("chunkwise", {
    readsStates: true,
    attend: (run, roles, mask, pass) => run.attend(roles, mask, pass),
  }, planFor);
}
