/**
 * What each token reads, of scores and rows that are prepared:
 *
 *     z_i = Σ_{j in chunk} A_ij x_j + Σ_sides [state from the side]ᵀ r_i
 *
 * With A, the values and the decayed queries that is attention; with Aᵀ, the
 * cotangents and the decayed keys, the gradient of the values.
 *
 * @module
 */
import {
  type Binding,
  input,
  keyOf,
  repeat,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import { ACCUMULATE } from "../chunkwise/attend.ts";
import { finishing } from "../chunkwise/attend_finish.ts";
import { type AttendShape, threadsOf } from "../chunkwise/attend_shape.ts";
import { chunksKey, declareLayout } from "../chunkwise/diagonal_layout.ts";
import type { ChannelDecays } from "../chunkwise/chunk_operands.ts";
import { addScored, ALL_BLOCKS, placesOfWeights } from "./diagonal_sums.ts";
import { declare, type Launch } from "../frame/problem.ts";
import { columnsOf, outputsOf, type Role } from "../chunkwise/roles.ts";
import { directionsOf, RECORD_QUADS } from "../chunkwise/states.ts";
import { eachTileRow as rows, TILE_ROWS } from "../frame/register_tile.ts";
import {
  bindingOf,
  QUADS,
  reading,
  type Vectors,
  writing,
} from "../frame/vectors.ts";

/** What the text depends on. */
export interface DiagonalAttendSpec {
  /** z, and what is done with it. */
  readonly role: Pick<Role, "output" | "finish">;
  /** The vectors x. */
  readonly values: Vectors;
  /** The name of the states that are read; there are none of a chunk alone. */
  readonly states: string;
  /** Whether the sequence is a piece, whose only chunk reads states too. */
  readonly isPiece: boolean;
  /** Of the readers. */
  readonly decays: ChannelDecays;
  readonly shape: AttendShape;
}

/** A thread computes a tile of rows and a quad of columns. */
export function diagonalAttendShader(
  { role, values, states, isPiece, decays, shape }: DiagonalAttendSpec,
  launch: Launch,
): Shader {
  const { output } = role;
  const { chunks, isTransposed } = decays;
  const { blockRows } = shape;
  const bindings: Binding[] = [
    input("scores", "vec4f"),
    bindingOf(values),
    ...[decays.read, states].map((name) => input(name, "vec4f")),
    ...outputsOf(role),
  ];
  const tile = "row / 4u";
  const [from, to] = !chunks.causal
    ? ["0u", ALL_BLOCKS]
    : isTransposed
    ? [tile, ALL_BLOCKS]
    : ["0u", `min(${tile} + ${TILE_ROWS / 4}u, ${ALL_BLOCKS})`];
  return {
    key: keyOf(
      "diagonal_attend",
      `${output.name}+${values.name}:${role.finish.kind}`,
      chunksKey(chunks),
      isPiece && "piece",
      `quads=${shape.largestQuads}`,
      `rows=${blockRows}`,
    ),
    bindings,
    dispatch: [
      launch.chunks,
      launch.sequences,
      Math.ceil(launch.chunkSize / blockRows),
    ],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}${RECORD_QUADS}${declareLayout(chunks)}
${reading(values)}
${writing(output)}
var<workgroup> totals: array<f32, ${blockRows}>;
${ACCUMULATE}
@compute @workgroup_size(${threadsOf(shape)})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let firstRow = group.z * ${blockRows}u;
  if (firstRow >= count) { return; }
  let base = (problem.firstSequence + sequence) * problem.length + first;
  let quads = ${columnsOf(role)}_quads();
  let hasTile = thread < ${blockRows / TILE_ROWS}u * quads;
  let tile = select(0u, thread, hasTile);
  let rowTile = tile / quads;
  let outputQuad = tile % quads;
  let row = firstRow + rowTile * ${TILE_ROWS}u;
${rows((r) => `  let row${r} = base + min(row + ${r}u, count - 1u);`)}
${rows((r) => `  var sum${r} = vec4f();`)}
${placesOfWeights(isTransposed)}
${
        addScored({
          weights: "scores",
          isTransposed,
          sum: "sum",
          value: (token) => `read_${values.name}(base + ${token}, outputQuad)`,
          from: from!,
          to: to!,
        })
      }
${readStates(states, isPiece, decays)}
${finishing(role, shape)}
}
`,
  };
}

/** Adds what is read of the states to the sums. */
function readStates(
  states: string,
  isPiece: boolean,
  decays: ChannelDecays,
): string {
  const quads = isPiece
    ? "key_quads()"
    : "select(key_quads(), 0u, problem.chunks == 1u)";
  const directions = directionsOf(decays);
  return /* wgsl */ `
  let stride = sum_quads();
  let record = (sequence * problem.chunks + group.x) * ${directions}u * record_quads();
${
    decays.sides.map((side, direction) => {
      const columns = repeat(4, (c) => `${states}[at + ${c}u * stride]`, ", ");
      const row = (r: number) =>
        `${decays.read}[row_at(sequence, ${
          decays.slotOf(side)
        }u, first + min(row + ${r}u, count - 1u), quad)]`;
      return /* wgsl */ `  for (var quad = 0u; quad < ${quads}; quad++) {
    let at = record + ${direction}u * record_quads() + quad * 4u * stride + outputQuad;
    let columns = mat4x4f(${columns});
${rows((r) => `    sum${r} = accumulate(sum${r}, columns, ${row(r)});`)}
  }`;
    }).join("\n")
  }`;
}
