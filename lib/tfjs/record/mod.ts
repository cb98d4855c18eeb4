/**
 * Recorded runs of a program, which are replayed without it.
 *
 * @module
 */
export { compileAhead, compileAheadOnce } from "./compile_ahead.ts";
export { composed, isRecorded, recordRun, runInReplays } from "./recorder.ts";
export { type Place, ReplayedRuns } from "./runs.ts";
export type { Step, Trace, View } from "./trace.ts";
export { valuesAtHand } from "./values_at_hand.ts";
