/**
 * The full and the blockwise form on WebGPU, in tiles of scores
 * that no buffer ever holds: a launch, and one more with decays, for what tiles
 * need to know of them. The blockwise form's tiles have the tokens that the caller
 * wants, if a workgroup has rows for them.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { KernelRequest } from "../../../attention/planning/kernel.ts";
import type { KernelPlan, Refusal } from "@lionjs/tfjs/kernel";
import type { ProblemSize } from "../../numbers.ts";
import type { WebGpuNumbers } from "../../tuning.ts";
import {
  type AttentionArguments,
  launcherOf,
  requestOf,
} from "../frame/attention_call.ts";
import { maskFor } from "../chunkwise/mask.ts";
import {
  type Device,
  inLaunches,
  refusalOf,
  tooManyChunks,
  vec4CopiesOf,
} from "../frame/planning.ts";
import { tooLarge } from "@lionjs/tfjs/kernel";
import { sequenceBatches } from "../frame/sequence_batches.ts";
import {
  leastColumns,
  type Tiling,
  type TilingLimits,
  tilingOf,
} from "../score_tiles/score_tiles.ts";
import { fullProgram } from "./full_shader.ts";
import {
  maskBytes,
  tileDecayNumbers,
  tileDecaysProgram,
} from "./tile_decays.ts";

type Numbers = WebGpuNumbers["full"];

/** How the work of a tile is shared out. */
export function tilingFor(
  size: ProblemSize,
  numbers: Numbers,
  limits: TilingLimits,
): Tiling {
  // A row's scores are weighed for all of its columns at once.
  const columnsPerThread = Math.max(
    numbers.columnsPerThread,
    leastColumns(size),
  );
  return tilingOf(size, { ...numbers, columnsPerThread }, limits);
}

/** The forward pass: y and the row sums. */
export function fullForward(
  call: AttentionArguments,
  numbers: Numbers,
): tf.TensorInfo[] {
  const request = requestOf(call);
  const { length, chunkSize } = request;
  const tiling = tilingFor(request, numbers, call.backend.device.limits);
  const { rows: largestTile } = tiling;
  const decays = maskFor(request.decays, request.causal);
  const run = launcherOf(call, decays ? maskBytes(length, largestTile) : 0);
  const [y, rowSums] = run.outputs();
  const vectors = run.queriesKeysValues();
  if (decays) {
    const { sequences } = run.launches[0]!;
    const tiles = Math.ceil(length / chunkSize);
    const counts = tileDecayNumbers(length, tiles, largestTile);
    for (const [name, count] of Object.entries(counts)) {
      run.scratch(name, sequences * count);
    }
  }
  for (const launch of run.launches) {
    if (decays) {
      run.run(launch, tileDecaysProgram(decays, largestTile, launch));
    }
    run.run(launch, fullProgram({ vectors, decays, tiling }, launch));
  }
  run.end([y]);
  return [y, rowSums];
}

/**
 * Plans a problem for a device.
 *
 * @param request The problem; `chunkSize` is what a tile should have at most.
 * @param rows Those of its tiling.
 */
export function planFull(
  request: KernelRequest,
  device: Device,
  rows: number,
): KernelPlan | Refusal {
  const refusal = refusalOf(request, device);
  if (refusal) return refusal;
  const { batch, heads, length, causal } = request;
  const { limits } = device;
  const chunkSize = Math.min(request.chunkSize ?? rows, rows, length);
  const tiles = Math.ceil(length / chunkSize);
  const decays = maskFor(request.decays || causal, causal);
  const masks = decays ? maskBytes(length, rows) : 0;
  const large = tooManyChunks(tiles, limits) ??
    tooLarge("the masks of a sequence's tiles take", masks, limits);
  if (large) return large;
  const copies = vec4CopiesOf(request);
  const batches = sequenceBatches(batch * heads, masks, limits);
  const ofSequence = decays
    ? Object.values(tileDecayNumbers(length, tiles, rows))
      .reduce((sum, numbers) => sum + 4 * numbers, 0)
    : 0;
  const launches = copies.launches + (decays ? 2 : 1);
  return {
    chunkSize,
    scratchBytes: copies.bytes + batches[0]!.sequences * ofSequence,
    how: inLaunches(batches.length * launches),
  };
}
