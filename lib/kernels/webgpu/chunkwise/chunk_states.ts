/**
 * First step of the chunkwise form: what the tokens of each chunk write.
 *
 *     before: Σ_j exp(f_{j+1} + … + f_t) x_j y_jᵀ    to the chunks after
 *     after:  Σ_j exp(b_s + … + b_{j-1}) x_j y_jᵀ    to the chunks before
 *
 * for the chunk s..t; without a mask, Σ_j x_j y_jᵀ.
 *
 * @module
 */
import { declare, type Launch } from "../frame/problem.ts";
import {
  keyOf,
  output,
  repeat,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import { decayToEnd, inputsOfDecays, logChunkDecay } from "./chunk_operands.ts";
import {
  declareDecays,
  loadDecays,
  maskKey,
  readingPacked,
  sidesOf,
} from "./mask.ts";
import {
  directionsOf,
  RECORD_QUADS,
  type States,
  statesKey,
} from "./states.ts";
import { ofRow, TILE_ROWS } from "../frame/register_tile.ts";
import { bindingOf, QUADS, quadsOf, reading } from "../frame/vectors.ts";

/** What the text depends on. */
export interface ChunkStatesSpec {
  /** The kinds of states. */
  readonly states: readonly States[];
  /** Room for the tokens of a chunk, if there is a mask. */
  readonly largestChunk: number;
}

/** Enough for the state of a head of 64, in one part. */
const THREADS = 136;
const TILE_QUADS = TILE_ROWS / 4;

/** A thread adds up a tile of {@linkcode TILE_ROWS} rows and a quad of columns. */
export function chunkStatesShader(
  spec: ChunkStatesSpec,
  launch: Launch,
): Shader {
  const { states, largestChunk } = spec;
  const tiles = Math.ceil(quadsOf("key", launch) / TILE_QUADS) *
    quadsOf("sum", launch);
  const parts = Math.ceil(tiles / THREADS);
  const inputs = distinct(
    states.flatMap(({ rows, columns }) => [rows, columns]),
  );
  const bindings = [
    ...inputs.map(bindingOf),
    ...inputsOfDecays(states.map(({ decays }) => decays)),
    ...states.map(({ name }) => output(name, "vec4f")),
  ];
  return {
    key: keyOf(
      "chunk_states",
      ...states.map((kind) => `${statesKey(kind)}:${maskKey(kind.decays)}`),
      `chunk=${largestChunk}`,
    ),
    bindings,
    dispatch: [launch.chunks, launch.sequences, parts * states.length],
    code: () => {
      const sides = (["before", "after"] as const).filter((side) =>
        states.some(({ decays }) => decays?.[side])
      );
      const arrays = sides.map((side) =>
        `var<workgroup> to_end_${side}: array<f32, ${largestChunk}>;`
      );
      return /* wgsl */ `${declare(bindings)}
${QUADS}${RECORD_QUADS}
${inputs.map(reading).join("\n")}
${readingPacked(states.map(({ decays }) => decays))}
${arrays.join("\n")}
${states[0]!.decays ? declareDecays(sides, largestChunk) : ""}
${states.map((kind) => writeStates(kind, largestChunk)).join("\n")}

@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let tiles = (key_quads() + ${TILE_QUADS - 1}u) / ${TILE_QUADS}u * sum_quads();
  let parts = (tiles + ${THREADS - 1}u) / ${THREADS}u;
  let tile = group.z % parts * ${THREADS}u + thread;
${
        states.map(({ name }, i) =>
          `  if (group.z / parts == ${i}u) { write_${name}(thread, group, tile); }`
        ).join("\n")
      }
}
`;
    },
  };
}

function writeStates(
  { name, rows, columns, decays }: States,
  largestChunk: number,
): string {
  const directions = directionsOf(decays);
  const sides = decays ? sidesOf(decays) : [];
  const weigh = (direction: number) =>
    decays ? `to_end_${sides[direction]}[j] * y` : "y";
  const readRows = (quad: number) =>
    `    let x${quad} = read_${rows.name}(token, min(rowQuad + ${quad}u, rowQuads - 1u));`;
  const store = (direction: number, quad: number) =>
    repeat(
      4,
      (r) =>
        `      ${name}[at + ${quad * 4 + r}u * columnQuads] = sum${direction}_${
          quad * 4 + r
        };`,
    );
  return /* wgsl */ `
fn write_${name}(thread: u32, group: vec3u, tile: u32) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + group.y) * problem.length;
${
    decays === null ? "" : loadDecays(decays, largestChunk, THREADS) +
      /* wgsl */ `
  for (var j = thread; j < count; j += ${THREADS}u) {
${
        sides.map((side) => `    to_end_${side}[j] = ${decayToEnd(side, "j")};`)
          .join("\n")
      }
  }
  workgroupBarrier();`
  }
  let rowQuads = key_quads();
  let columnQuads = sum_quads();
  let rowQuad = tile / columnQuads * ${TILE_QUADS}u;
  let columnQuad = tile % columnQuads;
  if (rowQuad >= rowQuads) { return; }
${
    repeat(directions, (direction) =>
      repeat(TILE_ROWS, (r) =>
        `  var sum${direction}_${r} = vec4f();`))
  }
  for (var j = 0u; j < count; j++) {
    let token = base + first + j;
    let y = read_${columns.name}(token, columnQuad);
${repeat(TILE_QUADS, readRows)}
${
    repeat(directions, (direction) =>
      `    let y${direction} = ${weigh(direction)};
${
        repeat(TILE_ROWS, (r) =>
          `    sum${direction}_${r} += ${ofRow("x", r)} * y${direction};`)
      }`)
  }
  }
  let record = (group.y * problem.chunks + group.x) * ${directions}u;
${
    repeat(directions, (direction) =>
      /* wgsl */ `  {
    let start = (record + ${direction}u) * record_quads();
    let at = start + rowQuad * 4u * columnQuads + columnQuad;
${
        repeat(TILE_QUADS, (quad) =>
          `    if (rowQuad + ${quad}u < rowQuads) {
${store(direction, quad)}
    }`)
      }${
        decays === null ? "" : `
    if (tile == 0u) { ${name}[start + record_quads() - 1u] = vec4f(exp(${
          logChunkDecay(sides[direction]!)
        })); }`
      }
  }`)
  }
}`;
}

/** The given things, each name once. */
export function distinct<T extends { readonly name: string }>(
  all: readonly T[],
): T[] {
  return [...new Map(all.map((one) => [one.name, one])).values()];
}
