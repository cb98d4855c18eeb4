/**
 * What the tiles of the full form need to know of the log decays: the mask within
 * each tile, and between two of them the factors of
 *
 *     M_ij = exp(f_s + … + f_i) · through · exp(f_{j+1} + … + f_t)
 *
 * for i of the tile that begins with s, j of one before it that ends with t, and
 * the decay through those between; with b likewise for one after it.
 *
 * @module
 */
import { keyOf, output, type Shader } from "../../../tfjs/webgpu/shader.ts";
import { declare, type Launch } from "../frame/problem.ts";
import {
  declareDecays,
  declareWeights,
  loadDecays,
  loadWeights,
  maskKey,
  type MaskSource,
  type Side,
  sidesOf,
} from "../chunkwise/mask.ts";
import {
  decayFromStart,
  decayToEnd,
  inputsOfDecays,
  logChunkDecay,
} from "../chunkwise/chunk_operands.ts";

/** Names of the buffers, which have the sequences of a batch. */
export const TILE_DECAYS = {
  factors: "tileFactors",
  through: "tileDecays",
  mask: "tileMask",
};

/**
 * Numbers of a token among the factors: as reader and as source of the tiles
 * before it, `x` and `y`, and of those after it, `z` and `w`.
 */
export const FACTORS_OF_TOKEN = 4;
/** Numbers of a tile: the sums of its f and of its b. */
export const DECAYS_OF_TILE = 2;

const THREADS = 64;

/**
 * Bytes of these buffers for a sequence.
 *
 * @param largestTile Room for the tokens of a tile.
 */
export function tileDecayBytes(
  length: number,
  tiles: number,
  largestTile: number,
): number {
  const ofToken = FACTORS_OF_TOKEN + 4 * maskQuads(largestTile);
  return 4 * (ofToken * length + DECAYS_OF_TILE * tiles);
}

/** Quads of a row of the mask within a tile of so many tokens at most. */
export function maskQuads(largestTile: number): number {
  return largestTile / 4;
}

/**
 * A workgroup writes, of a tile: the factors of its tokens, each a decay between
 * the token and a border; the log decays from one border to the other; and the
 * mask, a row for each token.
 *
 * @param largestTile Room for the tokens of a tile.
 */
export function tileDecaysShader(
  { decays, largestTile }: {
    readonly decays: MaskSource;
    readonly largestTile: number;
  },
  launch: Launch,
): Shader {
  const sides = sidesOf(decays);
  const bindings = [
    ...inputsOfDecays([decays]),
    output(TILE_DECAYS.factors, "vec4f"),
    output(TILE_DECAYS.through, "f32"),
    output(TILE_DECAYS.mask, "vec4f"),
  ];
  const factor = (side: Side, of: typeof decayFromStart) =>
    decays[side] ? of(side, "i") : "0.0";
  const factors = (["before", "after"] as const).flatMap((side) => [
    factor(side, decayFromStart),
    factor(side, decayToEnd),
  ]);
  return {
    key: keyOf("tile_decays", maskKey(decays), `tile=${largestTile}`),
    bindings,
    dispatch: [launch.chunks, launch.sequences, 1],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${declareDecays(sides, largestTile)}
${declareWeights(largestTile)}

@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + group.y) * problem.length;
  // The buffers are those of a batch.
  let written = group.y * problem.length + first;
${loadDecays(decays, largestTile, THREADS)}
${loadWeights(decays, largestTile, THREADS)}
  for (var i = thread; i < count; i += ${THREADS}u) {
    ${TILE_DECAYS.factors}[written + i] = vec4f(${factors.join(", ")});
  }
  if (thread == 0u) {
    let tile = ${DECAYS_OF_TILE}u * (group.y * problem.chunks + group.x);
${
        sides.map((side, i) =>
          `    ${TILE_DECAYS.through}[tile + ${i}u] = ${logChunkDecay(side)};`
        ).join("\n")
      }
  }
  let blocks = (count + 3u) / 4u;
  for (var i = thread; i < blocks * blocks; i += ${THREADS}u) {
    let entries = weights(i / blocks, i % blocks);
    for (var r = 0u; r < 4u && i / blocks * 4u + r < count; r++) {
      let row = written + i / blocks * 4u + r;
      ${TILE_DECAYS.mask}[row * ${
        maskQuads(largestTile)
      }u + i % blocks] = entries[r];
    }
  }
}
`,
  };
}
