/**
 * Sudokus: random puzzles with one solution, their levels, their symmetries, and a
 * search that solves any of them.
 *
 * @module
 */
export {
  BOXES,
  CELLS,
  COLUMNS,
  formatGrid,
  freeDigits,
  type Grid,
  parseGrid,
  parseGrids,
  ROWS,
} from "./cells.ts";
export {
  drawPuzzle,
  drawSolution,
  type Puzzle,
  type Random,
} from "./generate.ts";
export { deduced, type Level, levelOf, LEVELS } from "./rate.ts";
export { countSolutions, solutionOf } from "./search.ts";
export {
  applySymmetry,
  canonicalForm,
  drawSymmetry,
  type Symmetry,
} from "./symmetries.ts";
