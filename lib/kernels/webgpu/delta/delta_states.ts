/**
 * The states of the delta rule: a sweep carries the state H from chunk to chunk,
 *
 *     U  = U₀ - W H
 *     H' = through ∘ H + (out ∘ K)ᵀ U
 *
 * and keeps U and H for each chunk. A workgroup holds some columns of a sweep's state,
 * a multiple of four, with all of its rows, in workgroup memory.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  BLOCK_ROWS,
  type ChunkLayout,
  type ChunkProgram,
  chunkProgram,
  columnsOf,
  eachBlockRow,
  LARGEST_CHUNK,
  placesOf,
  THREADS,
  widthOf,
} from "../chunk_engine/chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { reading, writing } from "../score_tiles/score_tiles.ts";

/** Most groups of four columns of a workgroup: 64 bytes of each row. */
const MOST_ACROSS = 4;
/**
 * Vectors of four numbers of a state that a workgroup has room for: half of the
 * workgroup memory that all devices have.
 */
const STATE_QUADS = 512;

/** The largest headDim for which a workgroup can hold four columns of the state. */
export const LARGEST_HEAD_DIM = STATE_QUADS;

/**
 * The states with which a part of a sequence begins and ends, `[batch, heads, headDim,
 * valueDim]`.
 */
export interface SweepEnds {
  /** The state with which a sweep begins; zeros if undefined. */
  readonly first_state: tf.TensorInfo | undefined;
  /** The tensor that receives the state with which a sweep ends, if it is wanted. */
  readonly last_state: tf.TensorInfo | undefined;
}

/** The program of the delta rule's writes U and states H, in all sweeps; `vNew` holds U₀ before, and U after. */
export function statesProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  ends: SweepEnds,
): ChunkProgram {
  return sweepProgram(layout, batch, ends, {
    name: "delta_states",
    reads: ["operands"],
    writes: ["vNew", "states"],
    isBack: false,
    values: /* wgsl */ `${
      eachBlockRow((r) =>
        `      var sum${r} = vNew[at_v_new(chunk, row + ${r}u, first + place)];`
      )
    }
      for (var n = 0u; n < uniforms.headQuads; n++) {
        let carried = ${CARRIED};
${
      eachBlockRow((r) =>
        `        sum${r} -= carried * operands[at_operand(chunk, W, row + ${r}u, n)];`
      )
    }
      }`,
    read:
      /* wgsl */ `        let keys = operands[at_operand(chunk, DECAYED_K, i, n)];
        let found = v_new[i * across + place];`,
    added: (r) => `keys[${r}] * found`,
  });
}

/** The parts in which the sweeps of the forward pass and of the gradient differ. */
interface OwnSweep extends Pick<ChunkProgram, "name" | "reads" | "floats"> {
  /** The buffers of the values of each row, and of states. */
  readonly writes: readonly [values: string, states: string];
  readonly functions?: string;
  /** Whether sweeps are followed from their ends. */
  readonly isBack: boolean;
  /** WGSL that declares `sum0` …, the values of a block of rows. */
  readonly values: string;
  /** WGSL that reads what row i adds to four rows of the state. */
  readonly read: string;
  /** WGSL of what row i adds to row r of the four. */
  readonly added: (r: number) => string;
}

/** A program that carries the state, or its gradient, from chunk to chunk, in all sweeps. */
export function sweepProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  { first_state: first, last_state: last }: SweepEnds,
  own: OwnSweep,
): ChunkProgram {
  const program = chunkProgram(layout, batch);
  const { headQuads, valueQuads, directions } = layout;
  const most = Math.floor(STATE_QUADS / (4 * headQuads));
  const across = Math.min(MOST_ACROSS, most, valueQuads);
  const parts = Math.ceil(valueQuads / across);
  const width = widthOf(layout);
  const [values, states] = own.writes;
  const numbers = own.isBack
    ? "uniforms.chunks - 1u - step, step"
    : "step, uniforms.chunks - 1u - step";
  return {
    ...program,
    name: own.name,
    variants: [...(first ? ["first"] : []), ...(last ? ["last"] : [])],
    reads: [...own.reads, ...(first ? ["first_state"] : [])],
    writes: [...own.writes, ...(last ? ["last_state"] : [])],
    integers: { ...program.integers, across, parts },
    ...(own.floats ? { floats: own.floats } : {}),
    workgroups: batch.sequences * directions * parts,
    functions: /* wgsl */ `
// The state or its gradient, and the values that a chunk writes or their gradient.
var<workgroup> state: array<vec4f, ${STATE_QUADS}>;
var<workgroup> v_new: array<vec4f, ${LARGEST_CHUNK * MOST_ACROSS}>;
${placesOf(layout)}
${first ? reading("first_state", "valueDim", width) : ""}
${last ? writing("last_state", "valueDim", width) : ""}
${own.functions ?? ""}`,
    body: /* wgsl */ `${openSweep(first !== undefined)}
  for (var step = 0u; step < uniforms.chunks; step++) {
    let chunk = chunk_of(sweep, select(${numbers}, back));
    ${eachOf(`uniforms.rows / ${BLOCK_ROWS}u * across`)}
      let row = item / across * ${BLOCK_ROWS}u;
      let place = item % across;
${own.values}
${
      eachBlockRow((r) =>
        `      ${values}[at_v_new(chunk, row + ${r}u, first + place)] = sum${r};
      v_new[(row + ${r}u) * across + place] = sum${r};`
      )
    }
    }
    workgroupBarrier();
    ${eachOf("uniforms.headQuads * across")}
      let n = item / across;
      let place = item % across;
      let through = operands[at_chunk_decay(chunk, n)];
      let old = ${CARRIED};
${
      eachBlockRow((r) =>
        `      ${states}[at_state(chunk, 4u * n + ${r}u, first + place)] = old[${r}];
      var sum${r} = through[${r}] * old[${r}];`
      )
    }
      for (var i = 0u; i < uniforms.rows; i++) {
${own.read}
${eachBlockRow((r) => `        sum${r} += ${own.added(r)};`)}
      }
${
      eachBlockRow((r) =>
        `      state[(4u * n + ${r}u) * across + place] = sum${r};`
      )
    }
    }
    workgroupBarrier();
  }
${last ? CLOSE : ""}`,
  };
}

/** The head of a WGSL loop over `items` items, shared by the threads of a workgroup. */
const eachOf = (items: string) =>
  `for (var item = local; item < ${items}; item += ${THREADS}u) {`;

/**
 * WGSL that declares a workgroup's `sweep` and its `across` groups of four columns from
 * group `first` on, and loads the state with which the sweep begins.
 */
function openSweep(hasFirst: boolean): string {
  const row = "min(item / across, uniforms.headDim - 1u)";
  const state = hasFirst
    ? `select(vec4f(), read_first_state(matrix + ${row}, first + item % across), item / across < uniforms.headDim)`
    : "vec4f()";
  return /* wgsl */ `
  let sweep = workgroup / uniforms.parts;
  let back = sweep % uniforms.directions == 1u;
  // The first row of the sweep's state among the states of all sequences.
  let matrix = (uniforms.firstSequence + sweep / uniforms.directions) * uniforms.headDim;
  let first = workgroup % uniforms.parts * uniforms.across;
  let across = min(uniforms.across, uniforms.valueQuads - first);
  ${eachOf("4u * uniforms.headQuads * across")}
    state[item] = ${state};
  }
  workgroupBarrier();`;
}

/** WGSL that stores the state with which a sweep ends. */
const CLOSE = /* wgsl */ `
  ${eachOf("uniforms.headDim * across")}
    write_last_state(matrix + item / across, first + item % across, state[item]);
  }`;

/** WGSL of four rows of the state as the columns of a matrix. */
export const CARRIED: string = columnsOf((r) =>
  `state[(4u * n + ${r}u) * across + place]`
);
