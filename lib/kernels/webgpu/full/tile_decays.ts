/**
 * The factors that the tiles of the full form take from the log decays: the mask within
 * each tile, and between two of them the factors of
 *
 *     M_ij = exp(f_s + … + f_i) · through · exp(f_{j+1} + … + f_t)
 *
 * for i of the tile that begins with s, j of one before it that ends with t, and
 * the decay through those between; with b likewise for one after it.
 *
 * @module
 */
import {
  arrivals,
  decayInputs,
  DECAYS,
  LOAD_DECAYS,
  type Mask,
  maskConstants,
  WEIGHTS,
} from "../chunkwise/mask.ts";
import type { Launch, ProblemProgram } from "../frame/attention_call.ts";
import { elementsOf } from "../frame/vectors.ts";

const THREADS = 64;

/**
 * Numbers of a sequence in each buffer: `tileFactors`, of a token as reader and as source
 * of the tiles before it, `x` and `y`, and of those after it, `z` and `w`; `tileDecays`, the
 * sums of a tile's f and of its b; and `tileMask`, a row for each token.
 *
 * @param largestTile Room for the tokens of a tile.
 */
export function tileDecayNumbers(
  length: number,
  tiles: number,
  largestTile: number,
): Readonly<Record<"tileFactors" | "tileDecays" | "tileMask", number>> {
  return {
    tileFactors: 4 * length,
    tileDecays: 2 * tiles,
    tileMask: largestTile * length,
  };
}

/** Bytes of a sequence in the largest of the buffers that tiles read. */
export function maskBytes(length: number, largestTile: number): number {
  return 4 * tileDecayNumbers(length, 0, largestTile).tileMask;
}

/**
 * The program, of which a workgroup writes, of a tile: the factors of its tokens, each a
 * decay between the token and a border; the log decays from one border to the other; and
 * the mask, a row for each token.
 *
 * @param largestTile Room for the tokens of a tile.
 */
export function tileDecaysProgram(
  decays: Mask,
  largestTile: number,
  launch: Launch,
): ProblemProgram {
  return {
    name: "tile_decays",
    constants: { ...maskConstants(decays), TOKENS: largestTile },
    elements: elementsOf([], ["tileFactors", "tileMask"]),
    reads: decayInputs(decays),
    writes: ["tileFactors", "tileDecays", "tileMask"],
    threads: THREADS,
    workgroups: [launch.chunks, launch.sequences],
    functions: () => [arrivals(decays), DECAYS, LOAD_DECAYS, WEIGHTS].join(""),
    body: /* wgsl */ `
  let chunk = group.x;
  let sequence = group.y;
  let first = chunk * uniforms.chunkSize;
  let count = min(uniforms.chunkSize, uniforms.length - first);
  let base = (uniforms.firstSequence + sequence) * uniforms.length;
  // The buffers are those of one batch of sequences.
  let written = sequence * uniforms.length + first;
  load_decays(base, first, count, local);
  load_weights(local);
  for (var i = local; i < count; i += THREADS) {
    let reader = from_start(i, count);
    let source = to_end(i, count);
    tileFactors[written + i] = vec4f(
      left_to_right(reader.x), left_to_right(source.x), right_to_left(reader.y), right_to_left(source.y));
  }
  if (local == 0u) {
    let passing = path(0u, count);
    let at = 2u * (sequence * uniforms.chunks + chunk);
    tileDecays[at] = passing.x;
    if (AFTER) { tileDecays[at + 1u] = passing.y; }
  }
  let blocks = (count + 3u) / 4u;
  for (var i = local; i < blocks * blocks; i += THREADS) {
    let entries = weights(i / blocks, i % blocks);
    for (var r = 0u; r < 4u && i / blocks * 4u + r < count; r++) {
      let row = written + i / blocks * 4u + r;
      tileMask[row * (TOKENS / 4u) + i % blocks] = entries[r];
    }
  }`,
  };
}
