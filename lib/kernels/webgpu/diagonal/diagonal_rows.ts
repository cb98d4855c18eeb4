/**
 * First step of attention with decays per channel: the queries that have
 * decayed from each place of the chunk (`diagonal_layout.ts`), and the keys that
 * have until there. A query pays its own decay on arrival, a key does not.
 *
 *     from the left:   q_i ∘ exp(f_m + … + f_i)        for i >= m
 *     to the right:    k_j ∘ exp(f_{j+1} + … + f_{m-1}) for j < m
 *
 * of a place between the tokens m - 1 and m, and likewise with b the other way.
 *
 * @module
 */
import { LOWEST_LOG_DECAY } from "../../../attention/decays/finite_decay.ts";
import {
  input,
  keyOf,
  output,
  repeat,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import {
  bordersOf,
  chunksKey,
  decayOf,
  declareLayout,
  isRightOf,
  slotOf,
  slotsOf,
  type Way,
} from "../chunkwise/diagonal_layout.ts";
import type { Side } from "../chunkwise/mask.ts";
import { declare, type Launch } from "../frame/problem.ts";
import { TILE_ROWS } from "../frame/register_tile.ts";
import { QUADS, quadsOf, reading } from "../frame/vectors.ts";
import type { DiagonalChunks } from "../chunkwise/chunk_operands.ts";

/** What the text depends on. */
export interface DiagonalRowsSpec extends DiagonalChunks {
  /** Whether the sequence is a piece, on whose first token something arrives. */
  readonly isPiece: boolean;
}

const THREADS = 64;

/** A thread writes a quad of all rows of a chunk, of one slot. */
export function diagonalRowsShader(
  spec: DiagonalRowsSpec,
  launch: Launch,
): Shader {
  const sides = bordersOf(spec);
  const slots = slotsOf(spec, launch.chunkSize);
  const bindings = [
    input("q", "vec4f"),
    input("k", "vec4f"),
    ...sides.map((side) => input(decayOf(side), "f32")),
    ...["queries", "keys", "logs", "through"].map((name) =>
      output(name, "vec4f")
    ),
  ];
  return {
    key: keyOf("diagonal_rows", chunksKey(spec), spec.isPiece && "piece"),
    bindings,
    dispatch: [
      launch.chunks,
      launch.sequences,
      Math.ceil(slots * quadsOf("key", launch) / THREADS),
    ],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}${declareLayout(spec)}
${reading({ name: "q", columns: "key", half: false })}
${reading({ name: "k", columns: "key", half: false })}
${sides.map((side) => given(side, spec)).join("\n")}

@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let item = group.z * ${THREADS}u + thread;
  let slot = item / key_quads();
  let quad = item % key_quads();
  if (slot >= chunk_slots()) { return; }
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + sequence) * problem.length;
${sides.map(border).join("\n")}
  let half = ${TILE_ROWS}u << (slot - ${sides.length}u);
  for (var middle = half; middle < count; middle += 2u * half) {
    let rest = min(half, count - middle);
${
        sides.map((side) =>
          (["queries", "keys"] as const).map((of) => {
            const tokens = isRightOf({ side, of }) ? "rest" : "half";
            return walk({ side, of }, "middle", tokens, "");
          }).join("\n")
        ).join("\n")
      }
  }
}
`,
  };
}

/**
 * A side's log decays. Nobody arrives at the first token from the left, nor at
 * the last from the right, unless from another piece: what lies there is not
 * read. -Infinity is replaced, as NaN is not, whose bits alone can be compared.
 */
function given(side: Side, { isPiece }: DiagonalRowsSpec): string {
  const name = decayOf(side);
  const outermost = side === "before" ? "0u" : "problem.length - 1u";
  return /* wgsl */ `
fn given_${side}(base: u32, token: u32, quad: u32) -> vec4f {
  var log = vec4f();${
    isPiece ? "" : `
  if (token == ${outermost}) { return log; }`
  }
  for (var i = 0u; i < 4u && quad * 4u + i < problem.headDim; i++) {
    let x = ${name}[(base + token) * problem.headDim + quad * 4u + i];
    let isNumber = (bitcast<u32>(x) & 0x7fffffffu) <= 0x7f800000u;
    log[i] = select(x, ${LOWEST_LOG_DECAY}.0, isNumber && x < ${LOWEST_LOG_DECAY}.0);
  }
  return log;
}`;
}

/** The rows of a border of the chunk, its log decays, and their sum. */
function border(side: Side): string {
  const slot = slotOf(side);
  const places = (["queries", "keys"] as const).map((of) =>
    [{ side, of }, isRightOf({ side, of }) ? "0u" : "count"] as const
  );
  const [queries, keys] = places;
  return /* wgsl */ `  if (slot == ${slot}u) {
${
    walk(
      queries![0],
      queries![1],
      "count",
      `      logs[log_at(sequence, ${slot}u, token, quad)] = log;\n`,
      `    through[through_at(sequence, group.x, ${slot}u, quad)] = exp(path);\n`,
    )
  }
${walk(keys![0], keys![1], "count", "")}
    return;
  }`;
}

/** Writes the rows of so many tokens on a way from its place on. */
function walk(
  way: Way,
  place: string,
  tokens: string,
  each: string,
  last = "",
): string {
  const { side, of } = way;
  const vector = of === "queries" ? "q" : "k";
  const write =
    `      ${of}[row_at(sequence, slot, token, quad)] = exp(path) * read_${vector}(base + token, quad);`;
  const pay = `      path += log;`;
  const token = isRightOf(way)
    ? `first + ${place} + n`
    : `first + ${place} - 1u - n`;
  return /* wgsl */ `    {
    var path = vec4f();
    for (var n = 0u; n < ${tokens}; n++) {
      let token = ${token};
      let log = given_${side}(base, token, quad);
${each}${repeat(2, (i) => (of === "queries") === (i === 0) ? pay : write)}
    }
${last}    }`;
}
