/**
 * The gradients of the delta rule in the log decays, and what keys have in that
 * in β, of one direction. A token's log decay is in the exponents of all pairs
 * that it lies between, of what is written before it and what reads it from there
 * on. With the state before the chunk these are the readers from the token on; of
 * what the tokens before it have written, it is all that reads them less what has
 * read them by then. So a sweep's first token has no gradient, exactly.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  CHUNKS,
  type DeltaLayout,
  deltaProgram,
  kindOf,
  LANE_THREADS,
  PLACES,
  ROW_LANES,
} from "./delta_chunks.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "../score_tiles/score_tiles.ts";

/** Tensors of the program. */
export interface GateGradientsTensors {
  /** Of each row what it adds to `dbeta`, and its shares in the pairs of both kinds. */
  readonly borders: tf.TensorInfo;
  /** Has the part of the values. */
  readonly dbeta: tf.TensorInfo;
  /** The gradient in the log decays, if there are any. */
  readonly dlog: tf.TensorInfo | undefined;
}

/** The program of one direction. */
export function gateGradientsProgram(
  { borders, dbeta, dlog }: GateGradientsTensors,
  layout: DeltaLayout,
  { firstSequence, sequences }: SequenceBatch,
  direction: number,
): Program {
  const program = deltaProgram(layout, firstSequence);
  const kind = kindOf(dlog);
  const { width } = program;
  return {
    ...program,
    name: "delta_gate_gradients",
    // The same on every adapter.
    variants: [kind],
    elements: {
      ...program.elements,
      ...(kind === "scalar" ? { dlog: "f32" } : {}),
    },
    reads: { borders },
    writes: { dbeta, ...(dlog ? { dlog } : {}) },
    integers: { ...program.integers, direction },
    threads: LANE_THREADS,
    workgroups: sequences * layout.chunks,
    functions: /* wgsl */ `
var<workgroup> parts: array<vec3f, ${LANE_THREADS}>;
${CHUNKS}${PLACES}
${
      kind === "diagonal"
        ? `${reading("dlog", "headDim", width)}
${writing("dlog", "headDim", width)}`
        : ""
    }

// What the threads of a row have together.
fn sum_of_row(row: u32) -> vec3f {
  var sum = vec3f();
  for (var i = 0u; i < ${ROW_LANES}u; i++) { sum += parts[row * ${ROW_LANES}u + i]; }
  return sum;
}
`,
    body: /* wgsl */ `
  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);
  let row = local / ${ROW_LANES}u;
  let lane = local % ${ROW_LANES}u;
  var part = vec3f();
  for (var quad = lane; row < chunk.count && quad < uniforms.headQuads; quad += ${ROW_LANES}u) {
    part += vec3f(
      dot(borders[at_prepared(chunk, ERASED, row, quad)], vec4f(1.0)),
      dot(borders[at_prepared(chunk, READ, row, quad)], vec4f(1.0)),
      dot(borders[at_prepared(chunk, WRITTEN, row, quad)], vec4f(1.0)),
    );
  }
  parts[local] = part;
  workgroupBarrier();
  if (row < chunk.count && lane == 0u) {
    let token = token_of(chunk, row);
    dbeta[token] -= sum_of_row(row).x;
${kind === "scalar" ? OF_TOKEN : ""}
  }
${kind === "diagonal" ? OF_CHANNELS : ""}`,
  };
}

const OF_TOKEN = /* wgsl */ `
    var sum = 0.0;
    for (var i = 0u; i < chunk.count; i++) {
      let shares = sum_of_row(i);
      sum += select(shares.z, shares.y, i >= row);
    }
    dlog[token] = sum;`;

const OF_CHANNELS = /* wgsl */ `
  for (var quad = local; quad < uniforms.headQuads; quad += ${LANE_THREADS}u) {
    var sum = vec4f();
    for (var i = 0u; i < chunk.count; i++) {
      write_dlog(token_of(chunk, i), quad, sum);
      sum += borders[at_prepared(chunk, WRITTEN, i, quad)];
    }
    sum = vec4f();
    for (var end = chunk.count; end > 0u; end--) {
      let token = token_of(chunk, end - 1u);
      sum += borders[at_prepared(chunk, READ, end - 1u, quad)];
      write_dlog(token, quad, sum + read_dlog(token, quad));
    }
  }`;
