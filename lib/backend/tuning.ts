/** Tunings as callers have them. @module */

/** Marks a tuning for the compiler alone; no value has it. */
declare const OPAQUE: unique symbol;

/**
 * How kernels share out their work on a machine, instead of the library's own
 * choice; results are equal but for rounding. Opaque, since its numbers change
 * with the kernels.
 *
 * `deno task tune` finds one for a machine and keeps it, `cachedTuning()` finds
 * it again, and `BackendInfo.tuning` is the one in use. It is plain data: JSON
 * that was made of one is one.
 */
export interface Tuning {
  /** Only for the compiler. */
  readonly [OPAQUE]: never;
}
