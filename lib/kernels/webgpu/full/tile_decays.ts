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
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import {
  arrivals,
  DECAYS,
  LOAD_DECAYS,
  logDecaysOf,
  maskConstants,
  type MaskSource,
  WEIGHTS,
} from "../chunkwise/mask.ts";
import { type Launch, problemProgram, tensorsOf } from "../frame/problem.ts";

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
 * The program, of which a workgroup writes, of a tile: the factors of its tokens, each a
 * decay between the token and a border; the log decays from one border to the other; and
 * the mask, a row for each token.
 *
 * @param largestTile Room for the tokens of a tile.
 */
export function tileDecaysProgram(
  decays: MaskSource,
  largestTile: number,
  launch: Launch,
  tensors: Tensors,
): Program {
  const { factors, through, mask } = TILE_DECAYS;
  return {
    ...problemProgram(launch),
    name: "tile_decays",
    constants: { ...maskConstants(decays), TOKENS: largestTile },
    elements: { [factors]: "vec4f", [mask]: "vec4f" },
    reads: tensorsOf(logDecaysOf([decays], false), tensors),
    writes: tensorsOf([factors, through, mask], tensors),
    threads: THREADS,
    workgroups: [launch.chunks, launch.sequences],
    functions: () => [arrivals(decays), DECAYS, LOAD_DECAYS, WEIGHTS].join(""),
    body: /* wgsl */ `
  let chunk = group.x;
  let sequence = group.y;
  let first = chunk * uniforms.chunkSize;
  let count = min(uniforms.chunkSize, uniforms.length - first);
  let base = (uniforms.firstSequence + sequence) * uniforms.length;
  // The buffers are those of a batch.
  let written = sequence * uniforms.length + first;
  load_decays(base, first, count, local);
  load_weights(local);
  for (var i = local; i < count; i += THREADS) {
    let reader = from_start(i, count);
    let source = to_end(i, count);
    ${factors}[written + i] = vec4f(
      left_to_right(reader.x), left_to_right(source.x), right_to_left(reader.y), right_to_left(source.y));
  }
  if (local == 0u) {
    let passing = path(0u, count);
    let at = 2u * (sequence * uniforms.chunks + chunk);
    ${through}[at] = passing.x;
    if (AFTER) { ${through}[at + 1u] = passing.y; }
  }
  let blocks = (count + 3u) / 4u;
  for (var i = local; i < blocks * blocks; i += THREADS) {
    let entries = weights(i / blocks, i % blocks);
    for (var r = 0u; r < 4u && i / blocks * 4u + r < count; r++) {
      let row = written + i / blocks * 4u + r;
      ${mask}[row * (TOKENS / 4u) + i % blocks] = entries[r];
    }
  }`,
  };
}
