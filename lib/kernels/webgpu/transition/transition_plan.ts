/** Plans of the kernels of transitions, and their costs. @module */
import { tokensPerChunk } from "../../../attention/forms/transition_inputs.ts";
import type { TransitionRequest } from "../../../attention/planning/transition_kernel.ts";
import type { KernelPlan, Refusal } from "@lionjs/tfjs/kernel";
import type { WebGpuNumbers } from "../../tuning.ts";
import { inLaunches, tooFewBuffers, tooWide } from "../frame/planning.ts";
import { LARGEST_CHUNK, type Layout, layoutOf } from "./layout.ts";
import { MOST_ROWS } from "./outputs.ts";
import { batchesFor, recordBytes, tooManyRecords } from "./records.ts";
import { LARGEST_HEAD_DIM } from "./states.ts";

/** The tuning from which the kernels are generated. */
type Numbers = Pick<WebGpuNumbers, "channels" | "delta">;

/** Plans a problem for a device. */
export function planTransition(
  request: TransitionRequest,
  limits: GPUSupportedLimits,
  { channels, delta }: Numbers,
): KernelPlan | Refusal {
  const { batch, heads, length, headDim, valueDim } = request;
  const { reads, steps, diagonal, causal } = request;
  const isReading = reads !== "none";
  const most = isReading ? LARGEST_CHUNK : MOST_ROWS;
  if (steps > most) {
    return {
      refusal:
        `a token has ${steps} steps, and the webgpu kernel takes at most ${most}`,
    };
  }
  const refusal = tooWide({ headDim }, LARGEST_HEAD_DIM) ??
    tooFewBuffers(limits);
  if (refusal) return refusal;
  const { chunkSize: best } = isReading ? delta : channels;
  const chunkSize = Math.min(
    request.chunkSize ?? tokensPerChunk(best, steps),
    tokensPerChunk(most, steps),
    length,
  );
  return planOf(
    layoutOf({
      ...{ reads, steps, length, headDim, valueDim, chunkSize },
      ...{ directions: causal ? 1 : 2, isPiece: false, hasRowSums: false },
      decay: diagonal ? "channel" : "token",
    }),
    batch * heads,
    limits,
  );
}

/** The plan of a layout, unless a sequence's records are too large for a device's buffers. */
export function planOf(
  layout: Layout,
  sequences: number,
  limits: GPUSupportedLimits,
): KernelPlan | Refusal {
  const { reads, chunkSize, hasStates } = layout;
  const crowded = tooManyRecords(layout, limits);
  if (crowded) return crowded;
  const batches = batchesFor(layout, sequences, limits);
  const gives = reads === "none" || reads === "untied";
  // Of operands, scores and outputs; of the system; of the states and what V adds to them.
  const launches = 3 + Number(reads !== "none") +
    Number(hasStates) * (1 + Number(gives));
  const copies = copiesOf(layout);
  return {
    chunkSize,
    scratchBytes: batches[0]!.sequences * recordBytes(layout).all +
      sequences * copies.bytes,
    how: inLaunches(batches.length * launches + copies.launches),
  };
}

/** The copies of vectors to a multiple of four columns, and the bytes that they take of a sequence. */
function copiesOf(
  { reads, decay, directions, length, steps, ...layout }: Layout,
): { launches: number; bytes: number } {
  const { headDim, valueDim, headVecs, valueVecs } = layout;
  const areKeys = headDim % 4 !== 0;
  const areValues = Number(valueDim % 4 !== 0);
  const ofSteps = { none: 1, delta: 1, tied: 2, untied: 3 }[reads];
  const ofTokens = 1 + (decay === "channel" ? directions : 0);
  const vecs = Number(areKeys) * (ofTokens + steps * ofSteps) * headVecs +
    areValues * steps * valueVecs;
  return {
    launches: Number(areKeys) * (ofTokens + ofSteps) + areValues,
    bytes: 16 * length * vecs,
  };
}
