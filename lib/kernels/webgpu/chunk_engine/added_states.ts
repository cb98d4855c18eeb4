/**
 * Chunk states by the rule "add", for all chunks at once: first the sum Kᵀ V over
 * each chunk's tokens (in the gradient Qᵀ G), with rows decayed to the chunk's
 * border; then, in place, the state that reaches each chunk from those before it.
 *
 * @module
 */
import {
  type ChunkLayout,
  type ChunkProgram,
  chunkProgram,
  ofSweeps,
  placesOf,
  slopesOf,
  THREADS,
  valuesOf,
  widthOf,
} from "./chunk_layout.ts";
import { ofRow } from "../frame/register_tile.ts";
import { borderStates } from "../frame/border_states.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { repeat } from "@lionjs/tfjs/webgpu";

/** Groups of four rows of the state per thread; with four columns that makes 32 sums. */
const ROW_QUADS = 2;

/**
 * The program that sums what the tokens of each chunk add to its state, in all sweeps.
 *
 * @param isGradient Whether these are gradients in states.
 */
export function chunkStatesProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  isGradient: boolean,
): ChunkProgram {
  const [kind, summed, written, functions] = isGradient
    ? ["DECAYED_Q", "g", "slope_at", slopesOf] as const
    : ["DECAYED_K", "v", "value_at", valuesOf] as const;
  const sums = 4 * ROW_QUADS;
  return ofSweeps(layout, batch, {
    name: "chunk_sums",
    variants: [kind],
    reads: ["operands", summed],
    writes: ["states"],
    functions: `${placesOf(layout)}${functions("add", widthOf(layout))}`,
    body: /* wgsl */ `
  let last = uniforms.headQuads - 1u;
  for (var item = local; item < (uniforms.headQuads + ${
      ROW_QUADS - 1
    }u) / ${ROW_QUADS}u * uniforms.valueQuads; item += ${THREADS}u) {
    let n = item / uniforms.valueQuads * ${ROW_QUADS}u;
    let quad = item % uniforms.valueQuads;
${repeat(sums, (r) => `    var sum${r} = vec4f();`)}
    for (var place = 0u; place < chunk.count; place++) {
      let row = place_of(chunk, place);
      let y = ${written}(chunk.start + place, quad);
      let at = at_operand(chunk, ${kind}, row, n);
${
      repeat(ROW_QUADS, (i) =>
        `      let x${i} = operands[at + min(${i}u, last - n)];`)
    }
${repeat(sums, (r) => `      sum${r} += ${ofRow("x", r)} * y;`)}
    }
${
      repeat(ROW_QUADS, (i) =>
        `    if (n + ${i}u <= last) {
${
          repeat(4, (r) =>
            `      states[at_state(chunk, 4u * n + ${4 * i + r}u, quad)] = sum${
              4 * i + r
            };`)
        }
    }`)
    }
  }`,
  });
}

/**
 * The states at the borders of a part of a longer sequence, `[batch, heads, headDim,
 * valueDim + 1]`.
 */
export interface BorderStates {
  readonly enters: readonly ("before" | "after")[];
  readonly leaves: readonly ("forward" | "backward")[];
}

/**
 * The program of the states that reach each chunk, in all sweeps: a thread carries
 * four numbers of a state from chunk to chunk, and multiplies them by each chunk's decay. An
 * initial state is not decayed first: the chunk's decays include its first token's.
 *
 * @param isBack Whether sweeps are followed from their ends, as for gradients.
 */
export function carryProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  { enters, leaves }: BorderStates,
  isBack: boolean,
): ChunkProgram {
  const program = chunkProgram(layout, batch);
  const { headQuads, valueQuads, directions } = layout;
  const parts = Math.ceil(4 * headQuads * valueQuads / THREADS);
  const names = [...enters, ...leaves];
  const elements = Object.fromEntries(
    names.map((name) => [name, "f32"] as const),
  );
  const place = "sequence, row, quad";
  const enter = (name: "before" | "after") =>
    enters.includes(name) ? `enter_${name}(${place})` : "vec4f()";
  return {
    ...program,
    name: "carry_chunk_sums",
    variants: [...names, ...(isBack ? ["back"] : [])],
    elements: { ...program.elements, ...elements, operands: "f32" },
    reads: ["operands", ...enters],
    writes: ["states", ...leaves],
    integers: { ...program.integers, parts },
    workgroups: batch.sequences * directions * parts,
    functions: placesOf(layout) +
      borderStates(enters, leaves),
    body: /* wgsl */ `
  let sweep = workgroup / uniforms.parts;
  let sequence = uniforms.firstSequence + sweep / uniforms.directions;
  let item = workgroup % uniforms.parts * ${THREADS}u + local;
  let row = item / uniforms.valueQuads;
  let quad = item % uniforms.valueQuads;
  if (row >= 4u * uniforms.headQuads) { return; }
  let back = sweep % uniforms.directions == 1u;
  var state = vec4f();
  if (back) { state = ${enter("after")}; } else { state = ${enter("before")}; }
  for (var step = 0u; step < uniforms.chunks; step++) {
    let chunk = chunk_of(sweep, select(step, uniforms.chunks - 1u - step, back != ${isBack}));
    let at = at_state(chunk, row, quad);
    let written = states[at];
    states[at] = state;
    state = operands[4u * at_chunk_decay(chunk, row / 4u) + row % 4u] * state + written;
  }
${
      leaves.includes("forward")
        ? `  if (!back) { leave_forward(${place}, state); }`
        : ""
    }
${
      leaves.includes("backward")
        ? `  if (back) { leave_backward(${place}, state); }`
        : ""
    }`,
  };
}
