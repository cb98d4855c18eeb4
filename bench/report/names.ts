/** What contenders are called that tables and plots look for. @module */

/** Of figures whose places are each a pair: the library, and PyTorch. */
export const OURS = "lion", THEIRS = "PyTorch";

/** Of "overhead" and "launches": a step of `train`. */
export const STEP = "step", UNRECORDED = "step, not recorded";

/** Of "launches": the clocks of a step. */
export const ON_PROCESSOR = "processor", ON_WALL_CLOCK = "wall clock";
