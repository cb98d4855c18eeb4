/**
 * Both passes of attention as tfjs kernels for WebGPU, whatever the form.
 *
 * The forward pass is one role of `roles.ts`, the gradient three. A form says how
 * a role is computed: its schedule.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  ATTENTION,
  type KernelAttributes,
  type KernelRequest,
  refuseDiagonal,
} from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "../../../contract/kernel.ts";
import type { ConcreteForm } from "../../../attention/forms/form.ts";
import {
  type Call,
  registerFusedKernel,
} from "../../../tfjs/webgpu/fused_kernel.ts";
import type { Shape } from "../../numbers.ts";
import { Run } from "./attention_call.ts";
import { COTANGENTS, cotangentsShader } from "../frame/cotangents.ts";
import type { Preparation } from "./chunk_operands.ts";
import { preparationFor } from "./scalar_operands.ts";
import type { Pass } from "../frame/sequence_batches.ts";
import type { Role } from "./roles.ts";
import type { States } from "./states.ts";
import type { Vectors } from "../frame/vectors.ts";

/** How a form computes what tokens read of each other. */
export interface Schedule {
  /** Whether they read other chunks through states. */
  readonly readsStates: boolean;
  /** Whether a sequence may be a piece of a longer one, with states on both sides. */
  readonly takesStates?: boolean;
  /** Whether each channel may have a decay of its own. */
  readonly takesChannels?: boolean;
  /** Other ways of the passes, for some calls. */
  readonly instead?: Readonly<Record<"forward" | "gradient", Instead>>;
  /** Tokens of a chunk of the gradient, if not those of the forward pass. */
  gradientChunk?(shape: Shape, limits: GPUSupportedLimits): number;
  /** Bytes of the largest buffer for a sequence that {@linkcode prepare} makes, if there are decays. */
  bytesOfSequence?(shape: Shape, limits: GPUSupportedLimits): number;
  /** Makes what all roles need besides. */
  prepare?(run: Run, pass: Pass): void;
  /** Computes some roles, of the same decays. */
  attend(
    run: Run,
    roles: readonly Role[],
    decays: Preparation | null,
    pass: Pass,
  ): void;
}

/** What a kernel answers to some calls, or undefined. */
type Instead = (
  call: Call<string, KernelAttributes>,
) => tf.TensorInfo[] | undefined;

/**
 * Registers both kernels of a form for webgpu.
 *
 * @param form The form.
 * @param schedule How it computes a role.
 * @param plan Plans a problem for a device.
 */
export function registerForm(
  form: ConcreteForm,
  schedule: Schedule,
  plan: (request: KernelRequest, device: GPUDevice) => KernelPlan | Refusal,
): void {
  registerFusedKernel<string, string, KernelAttributes, KernelRequest>(
    ATTENTION[form],
    {
      forward: (call) =>
        schedule.instead?.forward(call) ??
          forward(runOf(call, schedule, schedule.readsStates), schedule),
      gradient: (call) =>
        schedule.instead?.gradient(call) ??
          gradient(runOfGradient(call, schedule), schedule),
      plan: (request, device) =>
        request.diagonal && !schedule.takesChannels
          ? refuseDiagonal("webgpu", form)
          : request.states && !schedule.takesStates
          ? { refusal: `the webgpu kernel of the ${form} form takes no states` }
          : plan(request, device),
    },
  );
}

/** The gradients of log decays read states in all forms. */
function runOfGradient(
  call: Call<string, KernelAttributes>,
  schedule: Schedule,
): Run {
  const { limits } = call.backend.device;
  const { chunkSize } = call.attributes;
  const attributes = {
    ...call.attributes,
    chunkSize: schedule.gradientChunk?.(shapeOf(call), limits) ?? chunkSize,
  };
  return runOf(
    { ...call, attributes },
    schedule,
    schedule.readsStates || call.inputs["f"] !== undefined,
  );
}

function runOf(
  call: Call<string, KernelAttributes>,
  schedule: Schedule,
  withStates: boolean,
): Run {
  const { limits } = call.backend.device;
  const bytes = call.inputs["f"] &&
    schedule.bytesOfSequence?.(shapeOf(call), limits);
  const decays = preparationFor(
    call.inputs["f"] !== undefined,
    call.attributes.causal,
  );
  return new Run(call, decays, withStates, bytes);
}

function shapeOf(
  { inputs: { q, v } }: Call<string, KernelAttributes>,
): Shape {
  const [length, headDim] = q!.shape.slice(2) as [number, number];
  return { length, headDim, valueDim: v!.shape[3]! };
}

function forward(run: Run, schedule: Schedule): tf.TensorInfo[] {
  const y = run.output("y", run.input("v")!.shape);
  const rowSums = run.output("rowSums", run.perToken);
  const leaving = run.leaving();
  const q = run.vectors("q", "key");
  const k = run.vectors("k", "key");
  const v = run.vectors("v", "value");
  const { decays } = run;
  const states: States = { name: "states", rows: k, columns: v, decays };
  if (schedule.readsStates) run.scratchStates(states);
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
    schedule.prepare?.(run, pass);
    schedule.attend(run, [attention], decays, pass);
  }
  run.clearPadding([y]);
  run.dispose();
  return [y, rowSums, ...leaving];
}

function gradient(run: Run, schedule: Schedule): tf.TensorInfo[] {
  const outputs = ["q", "k", "v", "f", "b"]
    .filter((name) => run.input(name) !== undefined)
    .map((name) => run.output(`d${name}`, run.input(name)!.shape));
  const q = run.vectors("q", "key");
  const k = run.vectors("k", "key");
  const v = run.vectors("v", "value");
  const g = COTANGENTS;
  run.scratchVectors(g.name, 4 * run.quads(g.columns));
  const { decays } = run;
  const transposed = decays ? decays.transposed() : null;
  const states: States = { name: "states", rows: k, columns: v, decays };
  const cotangentStates: States = {
    name: "cotangentStates",
    rows: q,
    columns: g,
    decays: transposed,
  };
  if (schedule.readsStates || decays) {
    run.scratchStates(states);
    run.scratchStates(cotangentStates);
  }
  const shares = (own: Vectors, name: string): Role["finish"] => {
    if (decays === null) return { kind: "none" };
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
    schedule.prepare?.(run, pass);
    schedule.attend(run, [dq], decays, pass);
    schedule.attend(run, [dk, dv], transposed, pass);
    if (decays) {
      const met = [states.name, cotangentStates.name] as const;
      run.decayGradients(decays, met, pass);
    }
  }
  run.clearPadding(outputs.slice(0, 3));
  run.dispose();
  return outputs;
}
