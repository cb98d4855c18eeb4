/**
 * Tunings: how kernels divide their work on a machine, as `deno task tune` or a
 * program found out, for the option `tuning` of `useBackend`.
 *
 * @module
 */
export { cachedTuning, saveTuning } from "../backend/tuning_cache.ts";
export type { Tuning } from "../backend/tuning.ts";
