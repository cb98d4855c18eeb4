/** The programs of the selective scan's forward pass. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { type Program, widthOf } from "../../../tfjs/webgpu/program.ts";
import type { ElementwiseProgram } from "../../../tfjs/webgpu/elementwise.ts";
import {
  chunkProgram,
  FUNCTIONS,
  PLACE,
  quadOf,
  type ScanSizes,
  WRITE_STEPS,
} from "./scan.ts";
import { SIGMOID } from "../layer/sigmoid.ts";

/**
 * The inputs of a scan; `begins`, which marks the tokens before which the state is
 * reset, is absent if there are none.
 */
export type ScanInputs =
  & Readonly<Record<"x" | "dt" | "a" | "b" | "c", tf.TensorInfo>>
  & { readonly begins?: tf.TensorInfo | undefined };

/** WGSL functions of the operands of a scan's step. */
function operandsOf(begins: tf.TensorInfo | undefined): string {
  return /* wgsl */ `${FUNCTIONS}${quadOf("b_of", "b")}
fn begins_at(token: u32) -> bool { return ${
    begins ? "begins[token] != 0.0" : "false"
  }; }
fn step_of(token: u32, channel: u32) -> f32 { return dt[token * uniforms.channels + channel]; }

// The state after a token.
fn stepped(token: u32, channel: u32, quad: u32, rate: vec4f, state: vec4f) -> vec4f {
  let step = step_of(token, channel);
  let kept = select(exp(step * rate), vec4f(), begins_at(token));
  return kept * state + step * x[token * uniforms.channels + channel] * b_of(token, quad);
}
`;
}

/**
 * The program of the state that each chunk makes from zeros, and of the sum of
 * its time steps.
 */
export function summaryProgram(
  { x, dt, a, b, begins }: ScanInputs,
  writes: Readonly<Record<"states" | "steps", tf.TensorInfo>>,
  sizes: ScanSizes,
): Program {
  return {
    ...chunkProgram(sizes),
    name: "scan_summary",
    variants: begins ? ["begins"] : [],
    elements: { states: "vec4f" },
    reads: { x, dt, a, b, begins },
    writes,
    functions: operandsOf(begins),
    body: SUMMARY,
  };
}

const SUMMARY = /* wgsl */ `${PLACE}
  if (channel >= uniforms.channels) { return; }
  for (var quad = 0u; quad < uniforms.quads; quad++) {
    let rate = rate_of(channel, quad);
    var state = vec4f();
    for (var i = 0u; i < count; i++) {
      state = stepped(token_at(entry, first + i), channel, quad, rate, state);
    }
    states[record_of(entry, chunk, quad, channel)] = state;
  }${WRITE_STEPS}`;

/** The program of the outputs y = c · h, starting from the state before each chunk. */
export function outputsProgram(
  { x, dt, a, b, c, begins }: ScanInputs,
  states: tf.TensorInfo,
  y: tf.TensorInfo,
  sizes: ScanSizes,
): Program {
  return {
    ...chunkProgram(sizes),
    name: "scan_outputs",
    variants: begins ? ["begins"] : [],
    elements: { states: "vec4f" },
    reads: { x, dt, a, b, c, states, begins },
    writes: { y },
    functions: operandsOf(begins) + quadOf("c_of", "c"),
    body: OUTPUTS,
  };
}

const OUTPUTS = /* wgsl */ `${PLACE}
  if (channel >= uniforms.channels) { return; }
  var sums = array<f32, CHUNK>();
  for (var quad = 0u; quad < uniforms.quads; quad++) {
    let rate = rate_of(channel, quad);
    var state = states[record_of(entry, chunk, quad, channel)];
    for (var i = 0u; i < count; i++) {
      let token = token_at(entry, first + i);
      state = stepped(token, channel, quad, rate, state);
      sums[i] += dot(c_of(token, quad), state);
    }
  }
  for (var i = 0u; i < count; i++) {
    y[token_at(entry, first + i) * uniforms.channels + channel] = sums[i];
  }`;

/**
 * The skip connection d and the gate z that are applied to a scan's output, each
 * absent if there is none.
 */
export type ScanGates = Readonly<
  Partial<Record<"d" | "z", tf.TensorInfo | undefined>>
>;

/** The fields common to the programs of gates, in packs along the channels. */
export function alongChannels({ shape }: tf.TensorInfo) {
  const width = widthOf(shape[2]!);
  return { width, integers: { row: shape[2]! / width }, functions: SIGMOID };
}

/** The program of the gated output (y + d x) SiLU(z), in packs along the channels. */
export function gatesProgram(
  { scanned, x, d, z }:
    & ScanGates
    & Readonly<Record<"scanned" | "x", tf.TensorInfo>>,
  y: tf.TensorInfo,
): ElementwiseProgram {
  return {
    ...alongChannels(x),
    name: "scan_gates",
    variants: [d !== undefined && "d", z !== undefined && "z"],
    reads: { scanned, x, d, z },
    writes: { y },
    body: /* wgsl */ `
  let whole = ${skipped(d)};
  y[at] = ${z ? "whole * z[at] * sigmoid(z[at])" : "whole"};`,
  };
}

/** WGSL of y + d x, or of y if there is no d. */
export function skipped(d: tf.TensorInfo | undefined): string {
  return d ? "scanned[at] + d[at % uniforms.row] * x[at]" : "scanned[at]";
}
