/**
 * The chunkwise form as tfjs kernels for WebGPU: forward and gradient.
 *
 * Forward, three launches: the states that each chunk writes, their way from
 * chunk to chunk, and what each token reads; only the last if there is one
 * chunk. The gradient is made of the same three, run on other vectors.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../tfjs/webgpu/gpu_backend.ts";
import {
  type AttentionKernel,
  gradientKernel,
  type KernelAttributes,
  KERNELS,
} from "../../attention/kernel.ts";
import { Run } from "./attention_run.ts";
import { planFor } from "./chunkwise_plan.ts";
import { COTANGENTS, cotangentsShader } from "./cotangents.ts";
import { registerFusedKernel } from "../../tfjs/webgpu/fused_kernel.ts";
import type { Role } from "./roles.ts";
import type { States } from "./states.ts";
import type { Vectors } from "./vectors.ts";

/** Registers the kernels `LionChunkwise` and `LionChunkwiseGrad` for webgpu, once. */
export function registerChunkwise(): void {
  if (tf.getKernel(KERNELS.chunkwise, "webgpu")) return;
  const planning: Pick<AttentionKernel, "plan"> = {
    plan: (request) =>
      planFor(request, (tf.backend() as StrictWebGPUBackend).device),
  };
  registerFusedKernel<string, KernelAttributes>(
    KERNELS.chunkwise,
    (call) => forward(new Run(call)),
    planning,
  );
  registerFusedKernel<string, KernelAttributes>(
    gradientKernel("chunkwise"),
    (call) => gradient(new Run(call)),
  );
}

function forward(run: Run): tf.TensorInfo[] {
  const y = run.output("y", run.input("v")!.shape);
  const rowSums = run.output("rowSums", run.perToken);
  const q = run.vectors("q", "key");
  const k = run.vectors("k", "key");
  const v = run.vectors("v", "value");
  const { mask } = run;
  const states: States = { name: "states", rows: k, columns: v, mask };
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
    run.attend([attention], mask, pass);
  }
  run.clearPadding([y]);
  run.dispose();
  return [y, rowSums];
}

function gradient(run: Run): tf.TensorInfo[] {
  const outputs = ["q", "k", "v", "f", "b"]
    .filter((name) => run.input(name) !== undefined)
    .map((name) => run.output(`d${name}`, run.input(name)!.shape));
  const q = run.vectors("q", "key");
  const k = run.vectors("k", "key");
  const v = run.vectors("v", "value");
  const g = COTANGENTS;
  run.scratchVectors(g.name, 4 * run.quads(g.columns));
  const { mask, transposed } = run;
  const states: States = { name: "states", rows: k, columns: v, mask };
  const cotangentStates: States = {
    name: "cotangentStates",
    rows: q,
    columns: g,
    mask: transposed,
  };
  run.scratchStates(states);
  run.scratchStates(cotangentStates);
  const shares = (own: Vectors, name: string): Role["finish"] => {
    if (mask === null) return { kind: "none" };
    run.scratchVectors(name, 4);
    return { kind: "shares", own, name };
  };
  const dq: Role = {
    rows: g,
    others: v,
    values: k,
    states,
    output: { name: "dq", columns: "key" },
    finish: shares(q, "queryShares"),
  };
  const dk: Role = {
    rows: v,
    others: g,
    values: q,
    states: cotangentStates,
    output: { name: "dk", columns: "key" },
    finish: shares(k, "keyShares"),
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
    run.attend([dq], mask, pass);
    run.attend([dk, dv], transposed, pass);
    if (mask) run.decayGradients([states.name, cotangentStates.name], pass);
  }
  run.clearPadding(outputs.slice(0, 3));
  run.dispose();
  return outputs;
}
