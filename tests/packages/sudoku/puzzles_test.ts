/** Puzzles have one solution, levels are what their techniques solve, symmetries change neither. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import seedrandom from "seedrandom";
import {
  applySymmetry,
  canonicalForm,
  CELLS,
  countSolutions,
  deduced,
  drawPuzzle,
  drawSolution,
  drawSymmetry,
  formatGrid,
  type Grid,
  levelOf,
  LEVELS,
  parseGrid,
  solutionOf,
} from "../../../models/sudoku/puzzles/mod.ts";

const KNOWN =
  "530070000600195000098000060800060003400803001700020006060000280000419005000080079";
const SOLVED =
  "534678912672195348198342567859761423426853791713924856961537284287419635345286179";

/** Whether each row, column and box has each digit once, by the rules themselves. */
function isSolved(grid: Grid): boolean {
  return Array.from({ length: 9 }, (_, i) => i).every((unit) =>
    [
      (i: number) => 9 * unit + i,
      (i: number) => 9 * i + unit,
      (i: number) =>
        27 * Math.floor(unit / 3) + 3 * (unit % 3) + 9 * Math.floor(i / 3) +
        i % 3,
    ].every((cellOf) =>
      new Set(Array.from({ length: 9 }, (_, i) => grid[cellOf(i)])).size === 9
    )
  );
}

Deno.test("backtracking solves a known puzzle, and counts solutions up to a number", () => {
  const puzzle = parseGrid(KNOWN);
  assertEquals(formatGrid(solutionOf(puzzle)!), SOLVED);
  assertEquals(countSolutions(puzzle), 1);
  assertEquals(countSolutions(new Uint8Array(CELLS), 7), 7);
  // Two fives in a row.
  const wrong = parseGrid(KNOWN.replace("530", "550"));
  assertEquals([countSolutions(wrong), solutionOf(wrong)], [0, undefined]);
  // Nothing is left for a cell, though no two digits clash.
  const stuck = parseGrid(`12345678.........9${".".repeat(63)}`);
  assertEquals(countSolutions(stuck), 0);
});

Deno.test("drawn puzzles have one solution, and the number of clues that is aimed at", () => {
  const random = seedrandom("puzzles");
  for (let i = 0; i < 60; i++) {
    const { clues, solution } = drawPuzzle(random);
    assert(isSolved(solution));
    assertEquals(countSolutions(clues), 1);
    assertEquals(solutionOf(clues), solution);
    const count = clues.filter((digit) => digit > 0).length;
    assert(count >= 20 && count <= 36, `${count} clues`);
  }
});

Deno.test("a level is the first whose techniques solve a puzzle, and they are never wrong", () => {
  const random = seedrandom("levels");
  const counts = new Map(LEVELS.map((level) => [level, 0]));
  for (let i = 0; i < 200; i++) {
    const { clues, solution } = drawPuzzle(random);
    const level = levelOf(clues);
    counts.set(level, counts.get(level)! + 1);
    for (const [rank, techniques] of LEVELS.slice(0, -1).entries()) {
      const found = deduced(clues, techniques);
      found.forEach((digit, cell) =>
        assert(digit === 0 || digit === solution[cell])
      );
      const isEnough = found.every((digit) => digit > 0);
      assertEquals(isEnough, rank >= LEVELS.indexOf(level));
    }
  }
  for (const level of LEVELS) assert(counts.get(level)! > 5, level);
  assertEquals(levelOf(parseGrid(KNOWN)), "naked");
});

Deno.test("symmetries keep solutions, levels and the canonical form", () => {
  const random = seedrandom("symmetries");
  for (let i = 0; i < 10; i++) {
    const { clues, solution } = drawPuzzle(random);
    const symmetry = drawSymmetry(random);
    const turned = applySymmetry(symmetry, clues);
    assert(formatGrid(turned) !== formatGrid(clues));
    assertEquals(solutionOf(turned), applySymmetry(symmetry, solution));
    assertEquals(levelOf(turned), levelOf(clues));
    const form = canonicalForm(solution);
    assertEquals(canonicalForm(applySymmetry(symmetry, solution)), form);
    assert(isSolved(parseGrid(form)));
    assertEquals(form.slice(0, 9), "123456789");
    assert(form <= formatGrid(solution));
    assert(canonicalForm(drawSolution(random)) !== form);
  }
});

Deno.test("parseGrid() reads dots and zeros, and names what is none", () => {
  assertEquals(parseGrid(KNOWN.replaceAll("0", ".")), parseGrid(KNOWN));
  assertEquals(formatGrid(parseGrid(KNOWN)), KNOWN);
  assertThrows(() => parseGrid(KNOWN.slice(1)), RangeError, "which has 80");
  assertThrows(() => parseGrid(KNOWN.replace("5", "x")), RangeError, "digits");
  assertThrows(
    () => parseGrid(7 as unknown as string),
    TypeError,
    "a string of 81 characters, got 7",
  );
});
