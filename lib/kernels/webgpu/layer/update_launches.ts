/** How the tensors of many weights are bound by few launches. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import type { Bound } from "../../../tfjs/webgpu/launch.ts";

/** The most weights of a launch: what it is told of them fits a buffer that is held. */
const MOST_WEIGHTS = 32;

/** A weight that is changed. */
export interface Weight {
  /** The number of its values. */
  readonly size: number;
  /** Its value, its gradient, and the tensors of its rule. */
  readonly tensors: readonly tf.TensorInfo[];
}

/** Where a launch finds a tensor of a weight. */
interface Place {
  /** The number of what is bound. */
  readonly binding: number;
  /** Where the tensor begins in it, in bytes, if others are in it, too. */
  readonly offset: number | undefined;
}

/** What a launch binds, and the weights that it changes. */
export interface UpdateLaunch {
  /** Tensors, and buffers in which tensors are joined. */
  readonly bound: { readonly bound: Bound; readonly isWritten: boolean }[];
  /** Each weight, with the places of its tensors in their order. */
  readonly weights: { readonly size: number; readonly places: Place[] }[];
}

/**
 * Divides weights, in their order, into launches.
 *
 * @param backend The backend of their tensors. No gradient is joined with what is
 * written: WebGPU allows no launch to bind a buffer for both.
 * @param weights The weights.
 * @param most The most buffers that a launch binds for them.
 */
export function inLaunches(
  backend: StrictWebGPUBackend,
  weights: readonly Weight[],
  most: number,
): UpdateLaunch[] {
  const launches: UpdateLaunch[] = [];
  let bindings = new Map<object, number>();
  for (const { size, tensors } of weights) {
    const parts = tensors.map(({ dataId }) => backend.partOf(dataId));
    const keys = tensors.map(({ dataId }, i) => parts[i]?.buffer ?? dataId);
    const added = new Set(keys.filter((key) => !bindings.has(key))).size;
    let launch = launches.at(-1);
    if (
      !launch || bindings.size + added > most ||
      launch.weights.length === MOST_WEIGHTS
    ) {
      launches.push(launch = { bound: [], weights: [] });
      bindings = new Map();
    }
    const places = keys.map((key, i) => {
      let binding = bindings.get(key);
      if (binding === undefined) {
        bindings.set(key, binding = bindings.size);
        const bound = parts[i]?.buffer ?? tensors[i]!;
        launch.bound.push({ bound, isWritten: i !== 1 });
      }
      return { binding, offset: parts[i]?.offset };
    });
    launch.weights.push({ size, places });
  }
  return launches;
}
