/**
 * Scores of the tokens of a chunk, with decays per channel:
 *
 *     A_ij = Σ_n q_in k_jn exp(f_{j+1,n} + … + f_{i,n})  for i > j
 *
 * likewise with b for i < j, and q_i · k_i. Between tiles they are products of
 * the rows that have decayed from and until the middle where the tiles meet;
 * inside of a tile, sums over the way of each pair.
 *
 * @module
 */
import {
  input,
  keyOf,
  output,
  repeat,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import { ACCUMULATE } from "../chunkwise/attend.ts";
import {
  bordersOf,
  chunksKey,
  declareLayout,
  slotOf,
  tilesOf,
} from "../chunkwise/diagonal_layout.ts";
import type { Side } from "../chunkwise/mask.ts";
import { declare, type Launch } from "../frame/problem.ts";
import { eachTileRow as rows, TILE_ROWS } from "../frame/register_tile.ts";
import { bindingOf, QUADS, reading, type Vectors } from "../frame/vectors.ts";
import type { DiagonalChunks } from "../chunkwise/chunk_operands.ts";

const THREADS = 64;
/** Tokens of a tile before or after another one. */
const NEIGHBOURS = TILE_ROWS - 1;

/** A thread computes the scores of a tile with four tokens, or of a token with its tile. */
export function diagonalScoresShader(
  chunks: DiagonalChunks,
  launch: Launch,
): Shader {
  const bindings = [
    ...["q", "k", "queries", "keys", "logs"].map((name) =>
      input(name, "vec4f")
    ),
    output("scores", "vec4f"),
  ];
  return {
    key: keyOf("diagonal_scores", chunksKey(chunks)),
    bindings,
    dispatch: [
      launch.chunks,
      launch.sequences,
      blockGroups(launch) + Math.ceil(launch.chunkSize / THREADS),
    ],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}${declareLayout(chunks)}
${reading({ name: "q", columns: "key", half: false })}
${reading({ name: "k", columns: "key", half: false })}
${ACCUMULATE}
${
        block({
          chunks,
          to: "scores",
          inner: "key_quads()",
          isSkipped: "rowTile == columnTile",
          prepare: `  let slot = ${
            bordersOf(chunks).length
          }u + firstLeadingBit(rowTile ^ columnTile);`,
          reader: (token) =>
            `queries[row_at(sequence, slot, first + ${token}, quad)]`,
          source: (token) =>
            `keys[row_at(sequence, slot, first + ${token}, quad)]`,
        })
      }
${ownTile(chunks)}

@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let blockGroups = (score_quads() * chunk_tiles() + ${
        THREADS - 1
      }u) / ${THREADS}u;
  if (group.z < blockGroups) {
    score_block(group, group.z * ${THREADS}u + thread);
  } else {
    score_own(group, (group.z - blockGroups) * ${THREADS}u + thread);
  }
}
`,
  };
}

/** The gradient in A, `g_i · v_j`, as far as A is not 0; threads as in {@linkcode diagonalScoresShader}. */
export function diagonalProductsShader(
  chunks: DiagonalChunks,
  [g, v]: readonly [Vectors, Vectors],
  launch: Launch,
): Shader {
  const bindings = [bindingOf(g), bindingOf(v), output("products", "vec4f")];
  return {
    key: keyOf("diagonal_products", chunksKey(chunks)),
    bindings,
    dispatch: [launch.chunks, launch.sequences, blockGroups(launch)],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}${declareLayout(chunks)}
${reading(g)}
${reading(v)}
${ACCUMULATE}
${
        block({
          chunks,
          to: "products",
          inner: "sum_quads()",
          prepare:
            "  let base = (problem.firstSequence + sequence) * problem.length + first;",
          reader: (token) => `read_${g.name}(base + ${token}, quad)`,
          source: (token) => `read_${v.name}(base + ${token}, quad)`,
        })
      }

@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  score_block(group, group.z * ${THREADS}u + thread);
}
`,
  };
}

/** Workgroups of a chunk whose threads each have a tile of readers and four sources. */
function blockGroups({ chunkSize }: Launch): number {
  return Math.ceil(tilesOf(chunkSize) * Math.ceil(chunkSize / 4) / THREADS);
}

interface Block {
  readonly chunks: DiagonalChunks;
  /** The buffer. */
  readonly to: string;
  /** Quads of the vectors. */
  readonly inner: string;
  readonly isSkipped?: string;
  readonly prepare: string;
  reader(token: string): string;
  source(token: string): string;
}

/** Products of a tile's readers with four sources. */
function block(
  { chunks, to, inner, isSkipped, prepare, reader, source }: Block,
): string {
  const skipped = [
    `rowTile * ${TILE_ROWS}u >= count`,
    "column >= count",
    ...(chunks.causal ? ["rowTile < columnTile"] : []),
    ...(isSkipped ? [isSkipped] : []),
  ];
  const sources = repeat(4, (c) => source(`min(column + ${c}u, last)`), ", ");
  return /* wgsl */ `
fn score_block(group: vec3u, item: u32) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let last = count - 1u;
  let block = item % score_quads();
  let column = block * 4u;
  let rowTile = item / score_quads();
  let columnTile = column / ${TILE_ROWS}u;
  if (${skipped.join(" || ")}) { return; }
${prepare}
  let row = rowTile * ${TILE_ROWS}u;
${rows((r) => `  var sum${r} = vec4f();`)}
  for (var quad = 0u; quad < ${inner}; quad++) {
    let columns = transpose(mat4x4f(${sources}));
${
    rows((r) =>
      `    sum${r} = accumulate(sum${r}, columns, ${
        reader(`min(row + ${r}u, last)`)
      });`
    )
  }
  }
  let kept = column + vec4u(0u, 1u, 2u, 3u) < vec4u(count);
${
    rows((r) =>
      `  if (row + ${r}u < count) { ${to}[score_row(sequence, first + row + ${r}u) + block] = select(vec4f(), sum${r}, kept); }`
    )
  }
}`;
}

/** The scores of a token with the tokens of its tile, by their distance. */
function ownTile(chunks: DiagonalChunks): string {
  const sides = bordersOf(chunks);
  const neighbour = (side: Side, distance: number) => {
    const [from, paid, exists] = side === "before"
      ? [
        `token - ${distance}u`,
        `token - ${distance - 1}u`,
        `place >= ${distance}u`,
      ]
      : [
        `token + ${distance}u`,
        `token + ${distance - 1}u`,
        `place + ${distance}u < size`,
      ];
    return /* wgsl */ `      if (${exists}) {
        path += logs[log_at(sequence, ${slotOf(side)}u, first + ${paid}, quad)];
        ${side}${distance} += dot(exp(path) * query, read_k(base + ${from}, quad));
      }`;
  };
  const sums = (side: Side) =>
    Array.from(
      { length: NEIGHBOURS },
      (_, i) => sides.includes(side) ? `${side}${i + 1}` : "0.0",
    );
  return /* wgsl */ `
fn score_own(group: vec3u, token: u32) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  if (token >= count) { return; }
  let base = (problem.firstSequence + sequence) * problem.length + first;
  let place = token % ${TILE_ROWS}u;
  let start = token - place;
  let size = min(${TILE_ROWS}u, count - start);
  var own = 0.0;
${
    sides.map((side) =>
      repeat(NEIGHBOURS, (i) => `  var ${side}${i + 1} = 0.0;`)
    ).join("\n")
  }
  for (var quad = 0u; quad < key_quads(); quad++) {
    let query = read_q(base + token, quad);
    own += dot(query, read_k(base + token, quad));
${
    sides.map((side) =>
      `    {
      var path = vec4f();
${repeat(NEIGHBOURS, (i) => neighbour(side, i + 1))}
    }`
    ).join("\n")
  }
  }
  var row = array<f32, ${2 * NEIGHBOURS + 1}>(${
    [...sums("before").reverse(), "own", ...sums("after")].join(", ")
  });
  let at = score_row(sequence, first + token) + start / 4u;
  for (var block = 0u; block * 4u < size; block++) {
    var quad = vec4f();
    for (var c = 0u; c < 4u; c++) {
      let column = block * 4u + c;
      if (column < size) { quad[c] = row[${NEIGHBOURS}u + column - place]; }
    }
    scores[at + block] = quad;
  }
}`;
}
