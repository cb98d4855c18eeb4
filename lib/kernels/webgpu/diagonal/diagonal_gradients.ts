/**
 * Gradients of queries, or of keys, with decays per channel; and those of
 * the log decays as far as they come from a tile's own tokens.
 *
 *     dQin = [state] g_i          dq_i = Σ_places weight ∘ d(row of q_i)
 *
 * for the borders, and for each middle between tiles Σ_j dA_ij (row of k_j);
 * of keys with readers and sources exchanged. What tiles send back to a place
 * counts for the log decays of the tiles between as well: their sums are written,
 * and `diagonal_decay_gradients.ts` adds them up.
 *
 * @module
 */
import {
  type Binding,
  input,
  keyOf,
  output as writtenTo,
  repeat,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import { ACCUMULATE } from "../chunkwise/attend.ts";
import { type AttendShape, threadsOf } from "../chunkwise/attend_shape.ts";
import {
  bordersOf,
  chunksKey,
  declareLayout,
  isRightOf,
  PAID,
  sideRightOf,
  slotOf,
} from "../chunkwise/diagonal_layout.ts";
import type { ChannelDecays } from "../chunkwise/chunk_operands.ts";
import { addScored, placesOfWeights } from "./diagonal_sums.ts";
import { wayBack } from "./decay_path.ts";
import type { Side } from "../chunkwise/mask.ts";
import { declare, type Launch } from "../frame/problem.ts";
import { directionsOf, RECORD_QUADS } from "../chunkwise/states.ts";
import { eachTileRow as rows, TILE_ROWS } from "../frame/register_tile.ts";
import {
  adding,
  bindingOf,
  QUADS,
  reading,
  type Vectors,
} from "../frame/vectors.ts";

/** What the text depends on. */
export interface DiagonalGradientsSpec {
  /** Of queries, or transposed of keys. */
  readonly decays: ChannelDecays;
  /** What meets the states: cotangents of queries, values of keys. */
  readonly readers: Vectors;
  /** The name of the states; there are none of a chunk alone. */
  readonly states: string;
  readonly shape: AttendShape;
}

/** A thread computes a tile of rows and a quad of columns. */
export function diagonalGradientsShader(
  { decays, readers, states, shape }: DiagonalGradientsSpec,
  launch: Launch,
): Shader {
  const { chunks, read: of, written, isTransposed } = decays;
  const { blockRows } = shape;
  const own: Vectors = {
    name: of === "queries" ? "q" : "k",
    columns: "key",
    half: false,
  };
  const output = { name: `d${own.name}`, columns: "key" } as const;
  const sides = bordersOf(chunks);
  const totals = of === "queries" ? "queryTotals" : "keyTotals";
  const bindings: Binding[] = [
    ...["products", written, "logs"].map((name) => input(name, "vec4f")),
    bindingOf(own),
    bindingOf(readers),
    input(states, "vec4f"),
    writtenTo(output.name, "f32"),
    writtenTo("slopes", "vec4f"),
    writtenTo(totals, "vec4f"),
  ];
  return {
    key: keyOf(
      "diagonal_gradients",
      output.name,
      chunksKey(chunks),
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
${QUADS}${RECORD_QUADS}${declareLayout(chunks)}${PAID}
${reading(own)}
${reading(readers)}
${adding(output)}
${ACCUMULATE}
@compute @workgroup_size(${threadsOf(shape)})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let quads = key_quads();
  let outputQuad = thread % quads;
  let row = group.z * ${blockRows}u + thread / quads * ${TILE_ROWS}u;
  if (thread >= ${blockRows / TILE_ROWS}u * quads || row >= count) { return; }
  let base = (problem.firstSequence + sequence) * problem.length + first;
${rows((r) => `  let row${r} = base + min(row + ${r}u, count - 1u);`)}
${rows((r) => `  var sum${r} = vec4f();`)}
${
        sides.map((side) => rows((r) => `  var slopes_${side}${r} = vec4f();`))
          .join("\n")
      }
${placesOfWeights(isTransposed)}
  for (var slot = 0u; slot < chunk_slots(); slot++) {
    var isRight: bool;
    var place: u32;
${rows((r) => `    var part${r} = vec4f();`)}
    if (slot < ${sides.length}u) {
${fromState(states, readers, decays)}
    } else {
${fromMiddle(decays)}
    }
${
        wayBack(
          of,
          chunks,
          (token) =>
            `read_${own.name}(base + min(${token}, count - 1u), outputQuad)`,
        )
      }
    ${totals}[total_at(sequence, group.x, row / ${TILE_ROWS}u, slot, outputQuad)] = total;
  }
${
        rows((r) =>
          /* wgsl */ `  if (row + ${r}u < count) {
    add_${output.name}(row${r}, outputQuad, sum${r}, false);
${
            sides.map((side) =>
              `    slopes[log_at(sequence, ${
                slotOf(side)
              }u, first + row + ${r}u, outputQuad)] += slopes_${side}${r};`
            ).join("\n")
          }
  }`
        )
      }
}
`,
  };
}

/** What comes back from a middle where the tile meets others, if any of them reads it or is read. */
function fromMiddle(
  { chunks, read: of, written, isTransposed }: ChannelDecays,
): string {
  const sides = bordersOf(chunks);
  const isMet = sides.length === 2
    ? ""
    : ` && isRight == ${sides.includes(sideRightOf(of))}`;
  return /* wgsl */ `    let level = slot - ${sides.length}u;
    let run = (row / ${TILE_ROWS}u) >> level;
    let tokens = ${TILE_ROWS}u << level;
    let other = (run ^ 1u) * tokens;
    isRight = (run & 1u) == 1u;
    place = (run | 1u) * tokens;
    let isMet = other < count${isMet};
${
    addScored({
      weights: "products",
      isTransposed,
      sum: "part",
      value: (token) =>
        `${written}[row_at(sequence, slot, first + ${token}, outputQuad)]`,
      from: "other / 4u",
      to: "select(0u, (min(other + tokens, count) + 3u) / 4u, isMet)",
    })
  }`;
}

/** What comes back from a border, where the state of a side is read. */
function fromState(
  states: string,
  readers: Vectors,
  decays: ChannelDecays,
): string {
  const of = decays.read;
  const directions = directionsOf(decays);
  const [right, direction] = [
    (side: Side) => isRightOf({ side, of }),
    (side: Side) =>
      decays.sides.findIndex((from) => decays.slotOf(from) === slotOf(side)),
  ];
  const sides = bordersOf(decays.chunks);
  const bySlot = <T>(value: (side: Side) => T) =>
    sides.length === 1
      ? `${value("before")}`
      : `select(${value("after")}, ${value("before")}, slot == 0u)`;
  const columns = repeat(4, (c) => `${states}[at + ${c}u * stride]`, ", ");
  return /* wgsl */ `    isRight = ${bySlot(right)};
    place = select(count, 0u, isRight);
    let direction = ${bySlot((side) => `${direction(side)}u`)};
    let stride = sum_quads();
    let record = ((sequence * problem.chunks + group.x) * ${directions}u + direction) * record_quads();
    for (var quad = 0u; quad < select(stride, 0u, problem.chunks == 1u); quad++) {
      let at = record + outputQuad * 4u * stride + quad;
      let columns = transpose(mat4x4f(${columns}));
${
    rows((r) =>
      `      part${r} = accumulate(part${r}, columns, read_${readers.name}(row${r}, quad));`
    )
  }
    }`;
}
