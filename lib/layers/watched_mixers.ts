/** Functions that are told when layers mix tokens, and may compute more of it. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { AttentionOptions } from "./options/attention_options.ts";

/** A run of a layer's mixer. */
export interface MixerRun {
  /** The layer: its name, and its options of attention. */
  readonly layer: {
    readonly name: string;
    readonly attention: AttentionOptions;
  };
  /** The number of tokens. */
  readonly length: number;
  /**
   * Rows of the weights of its attention, `[batch, heads, rows, length]`; `undefined`
   * if its mixer has none.
   */
  readonly weights: ((rows: readonly number[]) => tf.Tensor4D) | undefined;
}

let watch: ((run: MixerRun) => void) | undefined;

/** Calls a function at each run of a mixer in what is computed meanwhile. */
export function watchMixers<T>(
  seen: (run: MixerRun) => void,
  during: () => T,
): T {
  const before = watch;
  watch = seen;
  try {
    return during();
  } finally {
    watch = before;
  }
}

/** Tells of a run of a mixer, if somebody watches. */
export function tellRun(run: () => MixerRun): void {
  watch?.(run());
}
