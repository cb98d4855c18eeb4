/** What the page's Sudoku panel asks of the worker. */
import { assert, assertEquals } from "@std/assert";
import { useBackend } from "../../mod.ts";
import { drawSudoku, fillBy, sudokuModel } from "../../site/sudoku.ts";
import {
  countSolutions,
  levelOf,
  LEVELS,
  parseGrid,
} from "../../models/sudoku/puzzles/mod.ts";

const WEIGHTS = new URL(
  "../../models/sudoku/model.safetensors",
  import.meta.url,
);

const PUZZLE =
  "530070000600195000098000060800060003400803001700020006060000280000419005000080079";

Deno.test("a puzzle is filled in cell by cell, and compared with backtracking", async () => {
  await useBackend({ prefer: ["wasm"] });
  const model = await sudokuModel(await Deno.readFile(WEIGHTS));
  const clues = parseGrid(PUZZLE);
  const { cells, solutions, solution } = await fillBy(model, PUZZLE, "margin");
  assertEquals([cells.length, solutions], [51, 1]);
  assertEquals(new Set(cells.map(({ cell }) => cell)).size, 51);
  for (const { cell, digit, shares } of cells) {
    assertEquals([clues[cell], solution![cell]], [0, digit]);
    assertEquals(shares.length, 9);
    assertEquals(shares.indexOf(Math.max(...shares)), digit - 1);
  }
  // Two equal clues: it fills in what is left, and there is nothing to compare.
  const wrong = `55${".".repeat(79)}`;
  const none = await fillBy(model, wrong, "left-to-right");
  assertEquals([none.solutions, none.solution], [0, undefined]);
  assertEquals(none.cells.map(({ cell }) => cell).slice(0, 3), [2, 3, 4]);
  const nothing = await fillBy(model, solution!.join(""), "margin");
  assertEquals([nothing.cells, nothing.solutions], [[], 1]);
  model.dispose();
});

Deno.test("a drawn puzzle has the level that was asked for", async () => {
  for (const level of LEVELS) {
    const puzzle = parseGrid(await drawSudoku(level));
    assertEquals(levelOf(puzzle), level);
    assert(countSolutions(puzzle) === 1);
  }
});
