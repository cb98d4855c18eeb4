/**
 * What the pairs of a tile's own tokens send back to queries, keys and log decays
 * of each channel:
 *
 *     dq_i = Σ_j dA_ij w_ij ∘ k_j     dk_j = Σ_i dA_ij w_ij ∘ q_i
 *
 * with the product w_ij of the decays on the way from j to i. What tokens read of
 * those after them is the same with the tile's tokens in the other order.
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
import {
  bordersOf,
  chunksKey,
  declareLayout,
  PAID,
  tilesOf,
} from "../chunkwise/diagonal_layout.ts";
import { declare, type Launch } from "../frame/problem.ts";
import { eachTileRow as rows, TILE_ROWS } from "../frame/register_tile.ts";
import { adding, QUADS, quadsOf, reading } from "../frame/vectors.ts";
import type { DiagonalChunks } from "../chunkwise/chunk_operands.ts";

const THREADS = 64;
/** Gradients of q and k, which other tiles add to. */
const OUTPUTS = [
  { name: "dq", columns: "key" },
  { name: "dk", columns: "key" },
] as const;

/** A thread computes a quad of a tile; `slopes` are the gradients of the log decays. */
export function diagonalOwnTileShader(
  chunks: DiagonalChunks,
  launch: Launch,
): Shader {
  const bindings = [
    ...["products", "q", "k", "logs"].map((name) => input(name, "vec4f")),
    ...OUTPUTS.map(({ name }) => output(name, "f32")),
    output("slopes", "vec4f"),
  ];
  const sides = bordersOf(chunks).length;
  return {
    key: keyOf("diagonal_own_tile", chunksKey(chunks)),
    bindings,
    dispatch: [
      launch.chunks,
      launch.sequences,
      Math.ceil(
        tilesOf(launch.chunkSize) * quadsOf("key", launch) / THREADS,
      ),
    ],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}${declareLayout(chunks)}${PAID}
${reading({ name: "q", columns: "key", half: false })}
${reading({ name: "k", columns: "key", half: false })}
${OUTPUTS.map(adding).join("\n")}

@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let item = group.z * ${THREADS}u + thread;
  let quad = item % key_quads();
  let start = item / key_quads() * ${TILE_ROWS}u;
  if (start >= count) { return; }
  let base = (problem.firstSequence + sequence) * problem.length + first;
  let last = count - 1u;
  for (var side = 0u; side < ${sides}u; side++) {
    let isBefore = side == 0u;
${
        rows((n) => {
          const token = `select(start + ${
            TILE_ROWS - 1 - n
          }u, start + ${n}u, isBefore)`;
          return /* wgsl */ `    let token${n} = ${token};
    let key${n} = read_k(base + min(token${n}, last), quad);
    let decay${n} = exp(paid(sequence, side, first, token${n}, count, quad));
    var keys${n} = vec4f();
    var slope${n} = vec4f();`;
        })
      }
${rows(reader)}
${
        rows((n) =>
          `    if (token${n} < count) {
      add_dk(base + token${n}, quad, keys${n}, isBefore);
      slopes[log_at(sequence, side, first + token${n}, quad)] = slope${n};
    }`
        )
      }
  }
}
`,
  };
}

/** What comes back from a token of the tile that reads; a token reads itself once. */
function reader(n: number): string {
  const sources = Array.from({ length: n }, (_, m) => n - 1 - m);
  return /* wgsl */ `    if (token${n} < count) {
      let at = score_row(sequence, first + token${n}) + start / 4u;
      let left = products[at];
      // The last tile may have fewer quads.
      let right = select(vec4f(), products[at + 1u], start + 4u < count);
      let products = array<vec4f, 2>(
        select(right.wzyx, left, isBefore),
        select(left.wzyx, right, isBefore),
      );
      let query = read_q(base + token${n}, quad);
      let own = select(0.0, products[${n >> 2}][${n % 4}], isBefore);
      var sum = own * key${n};
      keys${n} += own * query;${n > 0 ? "\n      var decay = vec4f(1.0);" : ""}
${
    sources.map((m) =>
      `      decay *= decay${m + 1};
      let weight${m} = products[${m >> 2}][${m % 4}] * decay;
      let read${m} = weight${m} * key${m};
      sum += read${m};
      keys${m} += weight${m} * query;`
    ).join("\n")
  }
      add_dq(base + token${n}, quad, sum, isBefore);
${n > 0 ? "      var passed = vec4f();" : ""}
${
    repeat(n, (m) =>
      `      passed += query * read${m};
      slope${m + 1} += passed;`)
  }
    }`;
}
