/**
 * Gradients of the log decays per channel: the slopes of each tile's own
 * rows (`diagonal_gradients.ts`), more by what tiles beyond send back past it to
 * a place, and by what passes the whole chunk, the product of the states that
 * meet there.
 *
 * All that is added belongs to pairs whose way leads over the token: nothing
 * cancels, so that small gradients are right too.
 *
 * @module
 */
import {
  input,
  keyOf,
  output,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import {
  bordersOf,
  chunksKey,
  decayOf,
  declareLayout,
  isRightOf,
  slotOf,
  type Way,
} from "../chunkwise/diagonal_layout.ts";
import type { Side } from "../chunkwise/mask.ts";
import { declare, type Launch } from "../frame/problem.ts";
import { RECORD_QUADS } from "../chunkwise/states.ts";
import { TILE_ROWS } from "../frame/register_tile.ts";
import { QUADS, writing } from "../frame/vectors.ts";
import type { DiagonalChunks } from "../chunkwise/chunk_operands.ts";

/** What the text depends on. */
export interface DiagonalDecayGradientsSpec {
  readonly chunks: DiagonalChunks;
  /** Names of the states that keys write and of those that cotangents do; a chunk alone has none. */
  readonly states: readonly [string, string];
}

const THREADS = 64;
/** Quads of the widest head's channels. */
const LARGEST_QUADS = 32;

/** A workgroup computes the gradients of a chunk. */
export function diagonalDecayGradientsShader(
  spec: DiagonalDecayGradientsSpec,
  launch: Launch,
): Shader {
  const { chunks, states } = spec;
  const sides = bordersOf(chunks);
  const written = sides.map((side) =>
    ({ name: `d${decayOf(side)}`, columns: "key" }) as const
  );
  const bindings = [
    ...["slopes", "queryTotals", "keyTotals", "through", ...states].map((
      name,
    ) => input(name, "vec4f")),
    ...written.map(({ name }) => output(name, "f32")),
  ];
  return {
    key: keyOf("diagonal_decay_gradients", chunksKey(chunks)),
    bindings,
    dispatch: [launch.chunks, launch.sequences, 1],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}${RECORD_QUADS}${declareLayout(chunks)}
${written.map(writing).join("\n")}
${
        sides.map((side) =>
          `var<workgroup> passing_${side}: array<vec4f, ${LARGEST_QUADS}>;`
        ).join("\n")
      }

@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + sequence) * problem.length;
  let tiles = (count + ${TILE_ROWS - 1}u) / ${TILE_ROWS}u;
${passing(spec)}
  for (var item = thread; item < tiles * key_quads(); item += ${THREADS}u) {
    let tile = item / key_quads();
    let quad = item % key_quads();
${
        sides.map((side) => `    var beyond_${side} = passing_${side}[quad];`)
          .join("\n")
      }
${sides.map(fromBorders).join("\n")}
    for (var level = 0u; level < chunk_levels(); level++) {
      let run = tile >> level;
      let start = run << level;
      let end = min(start + (1u << level), tiles);
      let slot = ${sides.length}u + level;
      if ((run & 1u) == 1u) {
${sides.map((side) => fromMiddle(side, true)).join("\n")}
      } else {
${sides.map((side) => fromMiddle(side, false)).join("\n")}
      }
    }
    for (var r = 0u; r < ${TILE_ROWS}u; r++) {
      let place = tile * ${TILE_ROWS}u + r;
      if (place >= count) { break; }
      let token = first + place;
${sides.map(write).join("\n")}
    }
  }
}
`,
  };
}

/** What passes the chunk, of each channel. */
function passing(
  { chunks, states }: DiagonalDecayGradientsSpec,
): string {
  const sides = bordersOf(chunks);
  const [ofKeys, ofQueries] = states;
  const directions = sides.length;
  // The states of the cotangents lie the other way round.
  const dotOf = (side: Side) =>
    `dot(${ofKeys}[start + ${
      slotOf(side)
    }u * record_quads() + at], ${ofQueries}[start + ${
      directions - 1 - slotOf(side)
    }u * record_quads() + at])`;
  return /* wgsl */ `  let start = (sequence * problem.chunks + group.x) * ${directions}u * record_quads();
  let columns = select(sum_quads(), 0u, problem.chunks == 1u);
  for (var quad = thread; quad < key_quads(); quad += ${THREADS}u) {
${sides.map((side) => `    var product_${side} = vec4f();`).join("\n")}
    for (var i = 0u; i < 4u; i++) {
      for (var column = 0u; column < columns; column++) {
        let at = (quad * 4u + i) * sum_quads() + column;
${
    sides.map((side) => `        product_${side}[i] += ${dotOf(side)};`).join(
      "\n",
    )
  }
      }
    }
${
    sides.map((side) =>
      `    passing_${side}[quad] = product_${side} * through[through_at(sequence, group.x, ${
        slotOf(side)
      }u, quad)];`
    ).join("\n")
  }
  }
  workgroupBarrier();`;
}

/** Adds the totals of the tiles beyond this one, on a way from a place. */
function addBeyond(
  way: Way,
  slot: string,
  [start, end]: readonly [string, string],
): string {
  const totals = way.of === "queries" ? "queryTotals" : "keyTotals";
  const [from, to] = isRightOf(way) ? ["tile + 1u", end] : [start, "tile"];
  return `      for (var t = ${from}; t < ${to}; t++) { beyond_${way.side} += ${totals}[total_at(sequence, group.x, t, ${slot}, quad)]; }`;
}

function fromBorders(side: Side): string {
  return (["queries", "keys"] as const).map((of) =>
    addBeyond({ side, of }, `${slotOf(side)}u`, ["0u", "tiles"])
  ).join("\n");
}

function fromMiddle(side: Side, isRight: boolean): string {
  return (["queries", "keys"] as const)
    .map((of): Way => ({ side, of }))
    .filter((way) => isRightOf(way) === isRight)
    .map((way) => addBeyond(way, "slot", ["start", "end"]))
    .join("\n");
}

/** Nobody arrives at the first token from the left, nor at the last from the right. */
function write(side: Side): string {
  const arrives = side === "before"
    ? "token > 0u"
    : "token + 1u < problem.length";
  return /* wgsl */ `      write_d${
    decayOf(side)
  }(base + token, quad, select(vec4f(), beyond_${side} + slopes[log_at(sequence, ${
    slotOf(side)
  }u, token, quad)], ${arrives}));`;
}
