/**
 * Last step of the chunkwise form: what each token of a chunk reads.
 *
 *     z_i = Σ_{j in chunk} M_ij (r_i · o_j) x_j
 *         + exp(f_s + … + f_i) [state from before] r_i
 *         + exp(b_i + … + b_t) [state from after] r_i
 *
 * for the chunk s..t and the vectors of a role (`roles.ts`).
 *
 * @module
 */
import {
  type Binding,
  input,
  keyOf,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import { declare, JOINED, type Launch } from "../frame/problem.ts";
import { finishing } from "./attend_finish.ts";
import { readChunk, readChunkBySide, scoreChunk } from "./attend_scores.ts";
import {
  type AttendShape,
  roomFor,
  scratchQuads,
  threadsOf,
} from "./attend_shape.ts";
import { readStates } from "./attend_states.ts";
import { distinct } from "./chunk_states.ts";
import { columnsOf, inputsOf, outputsOf, type Role, roleKey } from "./roles.ts";
import { decayFromStart, inputsOfDecays } from "./chunk_operands.ts";
import {
  declareDecays,
  declareWeights,
  loadDecays,
  loadWeights,
  maskKey,
  type MaskSource,
  readingPacked,
  sidesOf,
} from "./mask.ts";
import { RECORD_QUADS } from "./states.ts";
import {
  ACCUMULATE,
  eachTileRow as rows,
  TILE_ROWS,
} from "../frame/register_tile.ts";
import { bindingOf, QUADS, reading, writing } from "../frame/vectors.ts";

/** What the text of the shader depends on. */
export interface AttendSpec {
  /** The functions to compute, each by workgroups of its own. */
  readonly roles: readonly Role[];
  /** The decays of all roles; `null` if nothing decays, and only the state is read. */
  readonly decays: MaskSource | null;
  /** The room that the shader has, and how its work is shared out. */
  readonly shape: AttendShape;
  /**
   * Whether the states have not travelled, and are those that each chunk wrote.
   * @default false
   */
  readonly areApart?: boolean;
}

/**
 * The shader, of which a thread computes a tile of {@linkcode TILE_ROWS} rows
 * and a quad of columns.
 */
export function attendShader(
  { roles, decays, shape, areApart = false }: AttendSpec,
  launch: Launch,
): Shader {
  const { blockRows } = shape;
  const inputs = distinct(roles.flatMap(inputsOf(decays)));
  const bindings: Binding[] = [
    ...inputs.map(bindingOf),
    ...inputsOfDecays([decays]),
    ...distinct(roles.map(({ states }) => states))
      .map(({ name }) => input(name, "vec4f")),
    ...roles.flatMap(outputsOf),
  ];
  const blocks = Math.ceil(launch.chunkSize / blockRows);
  return {
    key: keyOf(
      "attend",
      ...roles.map(roleKey),
      maskKey(decays),
      `chunk=${shape.largestChunk}`,
      `quads=${shape.largestQuads}`,
      `rows=${blockRows}`,
      areApart && "apart",
    ),
    bindings,
    dispatch: [launch.chunks, launch.sequences, blocks * roles.length],
    code: () => {
      const sides = decays ? sidesOf(decays) : [];
      const arrays = sides.map((side) =>
        `var<workgroup> from_start_${side}: array<f32, ${blockRows}>;`
      );
      return /* wgsl */ `${declare(bindings)}
${QUADS}${RECORD_QUADS}
${inputs.map(reading).join("\n")}
${readingPacked([decays])}
${roles.some(({ output }) => output.mayBeJoined) ? JOINED : ""}${
        roles.map(({ output }) => writing(output)).join("\n")
      }
// The weighted scores of the block's rows, and later parts of their sums.
var<workgroup> scores: array<vec4f, ${blockRows * scratchQuads(shape)}>;
var<workgroup> totals: array<f32, ${blockRows}>;
${arrays.join("\n")}
${decays ? declareIn(decays, roomFor(shape)) : "\n"}

${ACCUMULATE}
${roles.map((role) => attend(role, decays, shape, areApart)).join("\n")}

@compute @workgroup_size(${threadsOf(shape)})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let blocks = (problem.chunkSize + ${blockRows - 1}u) / ${blockRows}u;
  let firstRow = group.z % blocks * ${blockRows}u;
${
        roles.map(({ output }, i) =>
          `  if (group.z / blocks == ${i}u) { attend_${output.name}(thread, group, firstRow); }`
        ).join("\n")
      }
}
`;
    },
  };
}

function declareIn(decays: MaskSource, tokens: number): string {
  return `${declareDecays(sidesOf(decays), tokens)}
${declareWeights(tokens)}`;
}

function attend(
  role: Role,
  decays: MaskSource | null,
  shape: AttendShape,
  areApart: boolean,
): string {
  const { finish, output } = role;
  const { blockRows } = shape;
  const threads = threadsOf(shape);
  const hasTerms = finish.kind === "decayTerms";
  const sides = decays ? sidesOf(decays) : [];
  const load = decays === null
    ? ""
    : loadDecays(decays, roomFor(shape), threads) +
      loadWeights(decays, roomFor(shape), threads) + /* wgsl */ `
  for (var r = thread; r < ${blockRows}u; r += ${threads}u) {
    let i = min(firstRow + r, count - 1u);
${
      sides.map((side) =>
        `    from_start_${side}[r] = ${decayFromStart(side, "i")};`
      ).join("\n")
    }
  }
${scoreChunk(role, decays, shape)}`;
  const chunk = decays === null
    ? ""
    : hasTerms
    ? readChunkBySide(role, sides, shape)
    : readChunk(role, sides, shape);
  return /* wgsl */ `
fn attend_${output.name}(thread: u32, group: vec3u, firstRow: u32) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  if (firstRow >= count) { return; }
  let base = (problem.firstSequence + group.y) * problem.length;
  let last = base + first + count - 1u;
${load}
  let quads = ${columnsOf(role)}_quads();
  let hasTile = thread < ${blockRows / TILE_ROWS}u * quads;
  let tile = select(0u, thread, hasTile);
  let rowTile = tile / quads;
  let outputQuad = tile % quads;
  let row = firstRow + rowTile * ${TILE_ROWS}u;
  let token = base + first + row;
${rows((r) => `  let row${r} = min(token + ${r}u, last);`)}
${rows((r) => `  var sum${r} = vec4f();`)}
${hasTerms ? rows((r) => `  var terms${r} = vec4f();`) : ""}
${chunk}
${readStates(role, decays, areApart)}
${finishing(role, shape)}
}`;
}
