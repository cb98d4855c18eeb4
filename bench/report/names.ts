/** What contenders are called that bounds, tables and plots look for. @module */

/** Of figures whose places are each a pair: the library, and PyTorch. */
export const OURS = "lion", THEIRS = "PyTorch";

/** Of "optimizers": who takes the step. */
export const BY_HAND = "by hand, Adam",
  BY_TRAIN = "by train",
  BY_TRAIN_CLIPPED = "by train, clipped",
  BY_TFJS = "by hand, tf.train.adam";

/** Of "overhead": a step of `train`, and the sum of the times of its kernels. */
export const STEP = "step",
  UNRECORDED = "step, not recorded",
  KERNELS = "its kernels";

/** Of "launches": the clocks of a step, which is one of "overhead" as well. */
export const ON_PROCESSOR = "processor", ON_WALL_CLOCK = "wall clock";

/** Of "recompute" and "large": steps that keep what gradients need, and that compute it again. */
export const KEPT = "kept", RECOMPUTED = "recomputed";

/** Of "flags": processes with the flags of `deno task fast`, and without. */
export const WITH_FLAGS = "with flags", WITHOUT_FLAGS = "without";

/** Of "size": the module as it is, and as it was before whole models were its concern. */
export const NOW = "now", BEFORE = "in version 0.2.0";

/** Of "size": what current engines run, and what older ones do. */
export const RELAXED_MODULE = "with relaxed SIMD", STRICT_MODULE = "without it";
