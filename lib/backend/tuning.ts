/** The opaque tunings that callers handle. @module */

/** Brands the type of tunings for the compiler; no value has this property. */
declare const OPAQUE: unique symbol;

/**
 * A tuning: how kernels divide their work on a machine, instead of the
 * library's own choice. Results differ only by rounding. It is opaque, since
 * its numbers change with the kernels.
 *
 * `deno task tune` finds one for a machine and stores it, `cachedTuning()`
 * reads it, and `BackendInfo.tuning` is the one in use. It is plain data, and
 * can be stored as JSON.
 */
export interface Tuning {
  /** The brand, only for the compiler. */
  readonly [OPAQUE]: never;
}
