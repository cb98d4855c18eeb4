/** The level of a puzzle: the weakest set of techniques that solves it. @module */
import { ALL_DIGITS, CELLS, type Grid, PEERS, SIZES, UNITS } from "./cells.ts";

/**
 * The levels, from the easiest. Each has the techniques of those before it: naked
 * singles (a cell with one possible digit); hidden singles (a digit with one possible
 * cell in a unit); locked candidates, and naked and hidden pairs and triples; whatever
 * else there is, such as guessing.
 */
export const LEVELS = ["naked", "hidden", "sets", "hard"] as const;

/** One of {@linkcode LEVELS}. */
export type Level = typeof LEVELS[number];

/** The level of a puzzle that has one solution. */
export function levelOf(clues: ArrayLike<number>): Level {
  const known = LEVELS.slice(0, -1).find((level) =>
    deduced(clues, level).every((digit) => digit > 0)
  );
  return known ?? "hard";
}

/** What the techniques of a level make of a puzzle; 0 where they find no digit. */
export function deduced(clues: ArrayLike<number>, level: Level): Grid {
  const grid = new Uint8Array(CELLS);
  /** The digits that each open cell may have; none of a known cell. */
  const candidates = new Uint16Array(CELLS).fill(ALL_DIGITS);
  const place = (cell: number, bit: number) => {
    grid[cell] = 32 - Math.clz32(bit);
    candidates[cell] = 0;
    for (const peer of PEERS[cell]!) candidates[peer]! &= ~bit;
  };
  for (let cell = 0; cell < CELLS; cell++) {
    if (clues[cell]! > 0) place(cell, 1 << clues[cell]! - 1);
  }
  const rank = LEVELS.indexOf(level);
  while (
    placeNaked(candidates, place) ||
    rank > 0 && placeHidden(candidates, place) ||
    rank > 1 && (removeLocked(candidates) || removeBySets(candidates))
  );
  return grid;
}

type Place = (cell: number, bit: number) => void;

/** Places all naked singles; whether there was one. */
function placeNaked(candidates: Uint16Array, place: Place): boolean {
  let isPlaced = false;
  for (let cell = 0; cell < CELLS; cell++) {
    if (SIZES[candidates[cell]!] !== 1) continue;
    place(cell, candidates[cell]!);
    isPlaced = true;
  }
  return isPlaced;
}

/** Places the hidden singles of a unit; whether there was one. */
function placeHidden(candidates: Uint16Array, place: Place): boolean {
  for (const unit of UNITS) {
    let once = 0, twice = 0;
    for (const cell of unit) {
      twice |= once & candidates[cell]!;
      once |= candidates[cell]!;
    }
    const single = once & ~twice;
    if (single === 0) continue;
    for (const cell of unit) {
      const bit = candidates[cell]! & single;
      if (SIZES[bit] === 1) place(cell, bit);
    }
    return true;
  }
  return false;
}

/** The cells that two units share, where one is a box: three each. */
const CROSSINGS = UNITS.flatMap((unit, i) =>
  UNITS.flatMap((other, j) => {
    const shared = unit.filter((cell) => other.includes(cell));
    return i === j || shared.length !== 3 ? [] : [{
      inside: unit.filter((cell) => !shared.includes(cell)),
      outside: other.filter((cell) => !shared.includes(cell)),
      shared,
    }];
  })
);

/**
 * Locked candidates: a digit whose cells in one unit all lie in another one too stands
 * in no other cell of that.
 */
function removeLocked(candidates: Uint16Array): boolean {
  let isRemoved = false;
  for (const { inside, outside, shared } of CROSSINGS) {
    const locked = unionOf(candidates, shared) & ~unionOf(candidates, inside);
    if (locked === 0) continue;
    for (const cell of outside) {
      if (!(candidates[cell]! & locked)) continue;
      candidates[cell]! &= ~locked;
      isRemoved = true;
    }
  }
  return isRemoved;
}

/** All sets of two or three numbers from 0 to 8, as bits. */
const FEW = Array.from({ length: ALL_DIGITS + 1 }, (_, bits) => bits)
  .filter((bits) => SIZES[bits] === 2 || SIZES[bits] === 3);

/** Naked and hidden pairs and triples. */
function removeBySets(candidates: Uint16Array): boolean {
  let isRemoved = false;
  for (const unit of UNITS) {
    for (const few of FEW) {
      const size = SIZES[few]!;
      // Cells by their place in the unit: as many digits as cells.
      const isIn = (_: number, i: number) => (few >> i & 1) === 1;
      const own = unit.filter(isIn);
      if (own.every((cell) => candidates[cell]! > 0)) {
        const digits = unionOf(candidates, own);
        if (SIZES[digits] === size) {
          const others = unit.filter((cell) => !own.includes(cell));
          isRemoved = keep(candidates, others, ~digits) || isRemoved;
        }
      }
      // The same of digits: as many cells as digits.
      if ((unionOf(candidates, unit) & few) !== few) continue;
      const cells = unit.filter((cell) => candidates[cell]! & few);
      if (cells.length === size) {
        isRemoved = keep(candidates, cells, few) || isRemoved;
      }
    }
    if (isRemoved) return true;
  }
  return false;
}

/** Keeps only some digits in cells; whether one was removed. */
function keep(
  candidates: Uint16Array,
  cells: readonly number[],
  digits: number,
): boolean {
  let isRemoved = false;
  for (const cell of cells) {
    if (!(candidates[cell]! & ~digits)) continue;
    candidates[cell]! &= digits;
    isRemoved = true;
  }
  return isRemoved;
}

function unionOf(candidates: Uint16Array, cells: readonly number[]): number {
  let union = 0;
  for (const cell of cells) union |= candidates[cell]!;
  return union;
}
