/** The division of many weights' updates into few launches. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import type { BufferPart } from "../bind_groups.ts";

/** The most weights of a launch: the uniforms of as many fit a buffer that is held. */
const MOST_WEIGHTS = 32;

/** A weight that is changed. */
export interface Weight {
  /** The number of the weight's values. */
  readonly size: number;
  /** The weight's value, its gradient, and the tensors of its rule. */
  readonly tensors: readonly tf.TensorInfo[];
}

/** A weight, and where its tensors are. */
interface PlacedWeight extends Weight {
  /** The parts of common buffers that tensors have, in their order. */
  readonly parts: readonly (BufferPart | undefined)[];
}

/** Weights that a launch changes, of all of which the same tensors are in common buffers. */
export interface UpdateLaunch {
  /** The common buffers of the weights' tensors. */
  readonly buffers: readonly GPUBuffer[];
  /** For each tensor of a weight the place in `buffers`; without one, each has its own. */
  readonly places: readonly (number | undefined)[];
  readonly weights: readonly PlacedWeight[];
}

/**
 * Divides weights into launches.
 *
 * @param backend The backend of the weights' tensors. No gradient shares a buffer with what
 * is written: WebGPU allows no launch to bind a buffer for both.
 * @param most The most buffers of a launch in which only gradients have buffers of their
 * own, and of other launches, whose texts would be long.
 */
export function inLaunches(
  backend: StrictWebGPUBackend,
  weights: readonly Weight[],
  most: { readonly ofCommon: number; readonly ofOthers: number },
): UpdateLaunch[] {
  const groups: { buffers: readonly unknown[]; weights: PlacedWeight[] }[] = [];
  for (const weight of weights) {
    const parts = weight.tensors.map(({ dataId }) =>
      backend.places.partOf(dataId)
    );
    const placed = { ...weight, parts };
    const group = groups.find(({ buffers }) =>
      parts.every((part, j) => part?.buffer === buffers[j])
    );
    if (group) group.weights.push(placed);
    else {
      const buffers = parts.map((part) => part?.buffer);
      groups.push({ buffers, weights: [placed] });
    }
  }
  return groups.flatMap(({ weights }) => {
    const { parts } = weights[0]!;
    const common = parts.map((part) => part?.buffer);
    const buffers = [...new Set(common.filter((x) => x !== undefined))];
    const places = common.map((x) => x && buffers.indexOf(x));
    const own = common.filter((x) => x === undefined).length;
    const areCommon = common.every((x, j) => x || j === 1);
    const bound = areCommon ? most.ofCommon : most.ofOthers;
    const length = own > 0
      ? Math.floor((bound - buffers.length) / own)
      : Infinity;
    return slicesOf(weights, Math.min(length, MOST_WEIGHTS))
      .map((weights) => ({ buffers, places, weights }));
  });
}

/** Divides items into slices of a length; the last may be shorter. */
export function slicesOf<Item>(
  items: readonly Item[],
  length: number,
): Item[][] {
  const parts: Item[][] = [];
  for (let i = 0; i < items.length; i += length) {
    parts.push(items.slice(i, i + length));
  }
  return parts;
}
