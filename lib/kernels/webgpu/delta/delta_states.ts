/**
 * Second step of the delta rule: a sweep carries the state H from chunk to chunk,
 *
 *     U  = U₀ - W H
 *     H' = through ∘ H + (out ∘ K)ᵀ U
 *
 * and keeps the U and H of each. A workgroup has some quads of columns of the
 * state of a sweep, and all of its rows, in its own memory. On a software adapter,
 * where a barrier costs more than what lies between two of them, each thread has a
 * quad of columns for itself.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Program } from "../../../tfjs/webgpu/program.ts";
import {
  BLOCK_ROWS,
  CHUNKS,
  columnsOf,
  type DeltaLayout,
  deltaProgram,
  eachBlockRow,
  LARGEST_CHUNK,
  PLACES,
  threadsOf,
} from "./delta_chunks.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "../score_tiles/score_tiles.ts";

/** Quads of columns that threads of a workgroup share: 64 bytes of each row. */
const MOST_ACROSS = 4;
/** Quads of a state that a workgroup has room for: half of the memory that all devices have. */
const STATE_QUADS = 512;

/** Columns of q and k of which a workgroup can hold a quad of columns. */
export const LARGEST_HEAD_DIM = STATE_QUADS;

/** Tensors of the program; `written` has U₀ and gets U. */
export interface StatesTensors {
  readonly reads: Readonly<Record<"prepared", tf.TensorInfo>>;
  readonly writes: Readonly<Record<"written" | "states", tf.TensorInfo>>;
  readonly ends: SweepEnds;
}

/** The states that a piece of a sequence begins and ends with, `[batch, heads, headDim, valueDim]`. */
export interface SweepEnds {
  /** Zeros if undefined. */
  readonly first: tf.TensorInfo | undefined;
  /** Where the last one goes, if anywhere. */
  readonly last: tf.TensorInfo | undefined;
}

/** The program of all sweeps. */
export function statesProgram(
  { reads, writes, ends }: StatesTensors,
  layout: DeltaLayout,
  batch: SequenceBatch,
): Program {
  const program = sweepProgram(layout, batch, ends);
  return {
    ...program,
    name: "delta_states",
    reads: { ...reads, ...program.reads },
    writes: { ...writes, ...program.writes },
    body: /* wgsl */ `${openSweep(layout, ends)}
  for (var step = 0u; step < uniforms.chunks; step++) {
    let chunk = chunk_of(sweep, select(step, uniforms.chunks - 1u - step, back));
    ${eachOf(layout, `uniforms.rows / ${BLOCK_ROWS}u * across`)}
      let row = item / across * ${BLOCK_ROWS}u;
      let place = item % across;
${
      eachBlockRow((r) =>
        `      var sum${r} = written[at_written(chunk, row + ${r}u, first + place)];`
      )
    }
      for (var n = 0u; n < uniforms.headQuads; n++) {
        let carried = ${carriedAt("n", "place")};
${
      eachBlockRow((r) =>
        `        sum${r} -= carried * prepared[at_prepared(chunk, ERASED, row + ${r}u, n)];`
      )
    }
      }
${
      eachBlockRow((r) =>
        `      written[at_written(chunk, row + ${r}u, first + place)] = sum${r};
      news[(row + ${r}u) * across + place] = sum${r};`
      )
    }
    }
    ${barrier(layout)}
    ${eachOf(layout, "uniforms.headQuads * across")}
      let n = item / across;
      let place = item % across;
      let through = prepared[at_prepared(chunk, THROUGH, 0u, n)];
      let old = ${carriedAt("n", "place")};
${
      eachBlockRow((r) =>
        `      states[at_state(chunk, 4u * n + ${r}u, first + place)] = old[${r}];
      var sum${r} = through[${r}] * old[${r}];`
      )
    }
      for (var i = 0u; i < uniforms.rows; i++) {
        let keys = prepared[at_prepared(chunk, WRITTEN, i, n)];
        let found = news[i * across + place];
${eachBlockRow((r) => `        sum${r} += keys[${r}] * found;`)}
      }
${storeCarried("n", "place")}
    }
    ${barrier(layout)}
  }
${closeSweep(layout, ends)}`,
  };
}

/** What the programs of both passes' sweeps have in common. */
export function sweepProgram(
  layout: DeltaLayout,
  { firstSequence, sequences }: SequenceBatch,
  { first, last }: SweepEnds,
): Omit<Program, "name" | "body"> {
  const program = deltaProgram(layout, firstSequence);
  const { headQuads, valueQuads, directions, inLanes } = layout;
  const most = Math.floor(STATE_QUADS / (4 * headQuads));
  const across = inLanes
    ? program.threads
    : Math.min(MOST_ACROSS, most, valueQuads);
  const parts = Math.ceil(valueQuads / across);
  const memory = inLanes ? "private" : "workgroup";
  const news = LARGEST_CHUNK * (inLanes ? 1 : MOST_ACROSS);
  const { width } = program;
  return {
    ...program,
    variants: [
      ...program.variants!,
      ...(first ? ["first"] : []),
      ...(last ? ["last"] : []),
    ],
    reads: first ? { first_state: first } : {},
    writes: last ? { last_state: last } : {},
    integers: { ...program.integers, across, parts },
    workgroups: sequences * directions * parts,
    functions: /* wgsl */ `
// The state or its gradient, and what a chunk writes or the gradient in that.
var<${memory}> state: array<vec4f, ${STATE_QUADS}>;
var<${memory}> news: array<vec4f, ${news}>;
${CHUNKS}${PLACES}
${first ? reading("first_state", "valueDim", width) : ""}
${last ? writing("last_state", "valueDim", width) : ""}
`,
  };
}

/**
 * Where a workgroup is, or a thread by itself: `sweep`, and its quads of columns
 * from `first` on, `across` of them. Its state is the first.
 */
export function openSweep(layout: DeltaLayout, { first }: SweepEnds): string {
  const places = layout.inLanes
    ? /* wgsl */ `
  let first = workgroup % uniforms.parts * uniforms.across + local;
  if (first >= uniforms.valueQuads) { return; }
  let across = 1u;`
    : /* wgsl */ `
  let first = workgroup % uniforms.parts * uniforms.across;
  let across = min(uniforms.across, uniforms.valueQuads - first);`;
  const row = "min(item / across, uniforms.headDim - 1u)";
  const state = first
    ? `select(vec4f(), read_first_state(matrix + ${row}, first + item % across), item / across < uniforms.headDim)`
    : "vec4f()";
  return /* wgsl */ `
  let sweep = workgroup / uniforms.parts;
  let back = sweep % uniforms.directions == 1u;
  // Of the states of all sequences, the first row of the own.
  let matrix = (uniforms.firstSequence + sweep / uniforms.directions) * uniforms.headDim;${places}
  ${eachOf(layout, "4u * uniforms.headQuads * across")}
    state[item] = ${state};
  }
  ${barrier(layout)}`;
}

/** Stores the last state, if it goes anywhere. */
export function closeSweep(layout: DeltaLayout, { last }: SweepEnds): string {
  if (!last) return "";
  return /* wgsl */ `
  ${eachOf(layout, "uniforms.headDim * across")}
    write_last_state(matrix + item / across, first + item % across, state[item]);
  }`;
}

/** The head of a loop over so many items, which the threads of a workgroup share. */
export function eachOf(layout: DeltaLayout, items: string): string {
  return layout.inLanes
    ? `for (var item = 0u; item < ${items}; item++) {`
    : `for (var item = local; item < ${items}; item += ${
      threadsOf(layout)
    }u) {`;
}

/** Waits for the others of a workgroup, if they have anything in common. */
export function barrier({ inLanes }: DeltaLayout): string {
  return inLanes ? "" : "workgroupBarrier();";
}

/** Four rows of the state as the columns of a matrix. */
export function carriedAt(quad: string, place: string): string {
  return columnsOf((r) => `state[(4u * ${quad} + ${r}u) * across + ${place}]`);
}

/** Makes the block's sums rows of the state. */
export function storeCarried(quad: string, place: string): string {
  return eachBlockRow((r) =>
    `      state[(4u * ${quad} + ${r}u) * across + ${place}] = sum${r};`
  );
}
