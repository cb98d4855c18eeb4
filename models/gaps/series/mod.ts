/**
 * What the model of gaps reads of a series: simple guesses, periods, and how wrong the
 * guesses are elsewhere in it; and what is made of the model's answers.
 *
 * @module
 */
export { type Filled, filledOf, outliersOf } from "./answers.ts";
export { COLUMNS, type Columns, columnsOf } from "./columns.ts";
export { GUESSES, type Guesses, guessesOf } from "./guesses.ts";
export { type Period, periodsOf, seasonOf, withoutTrend } from "./periods.ts";
export {
  LEVELS,
  OUTPUTS,
  type Quantiles,
  quantilesBy,
  quantilesOf,
} from "./reader.ts";
export { type Observed, observed, type Scaled, scaled } from "./scaling.ts";
export { line, smoother } from "./smoothing.ts";
export { LONGEST, LONGEST_GAP, type Window, windowsOf } from "./windows.ts";
