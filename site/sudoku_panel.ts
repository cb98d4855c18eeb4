/// <reference lib="dom" />
/** A grid that fills itself, in an order that one chooses. @module */
import type { DiffusionCalls, FilledCell, SudokuAnswer } from "./calls.ts";
import type { Computer } from "./computer.ts";
import { byId, make } from "./elements.ts";

/** The puzzle at first, which needs naked singles alone. */
const FIRST =
  "530070000600195000098000060800060003400803001700020006060000280000419005000080079";

/** Between two cells, in milliseconds. */
const PAUSE = 90;

/** Where arrow keys lead, in cells. */
const STEPS: Readonly<Record<string, number>> = {
  ...{ ArrowUp: -9, ArrowDown: 9, ArrowLeft: -1, ArrowRight: 1 },
};

/** Fills the panel, and keeps it up to date. */
export function sudokuPanel(computer: () => Computer<DiffusionCalls>): void {
  const inputs = makeGrid(byId("sudoku-grid", HTMLElement));
  const verdict = byId("sudoku-verdict", HTMLElement);
  const order = byId("sudoku-order", HTMLSelectElement);
  const level = byId("sudoku-level", HTMLSelectElement);
  const shown = byId("sudoku-shown", HTMLInputElement);
  const bars = makeBars(byId("sudoku-bars", HTMLElement));
  let clues = [...FIRST].map(Number);
  let answer: SudokuAnswer | undefined;
  let pointed: number | undefined;
  /** Counts what was asked: older answers no longer matter. */
  let version = 0;

  inputs.forEach((input, cell) => {
    input.addEventListener("input", () => write(cell, input.value));
    input.addEventListener("focus", () => {
      pointed = cell;
      showBars();
      input.select();
    });
    input.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (step === undefined || event.altKey || event.ctrlKey) return;
      event.preventDefault();
      inputs[cell + step]?.focus();
    });
  });
  byId("sudoku-fill", HTMLButtonElement).addEventListener("click", fill);
  order.addEventListener("change", () => answer && void fill());
  byId("sudoku-new", HTMLButtonElement).addEventListener("click", draw);
  byId("sudoku-empty", HTMLButtonElement).addEventListener("click", () => {
    take(clues.map(() => 0));
  });
  shown.addEventListener("input", () => {
    version++;
    show();
  });
  show();

  /** Takes another puzzle. */
  function take(puzzle: readonly number[]): void {
    version++;
    clues = [...puzzle];
    answer = undefined;
    verdict.textContent = "";
    show();
  }

  /** A digit that is typed is a clue; all that was filled in goes. */
  function write(cell: number, text: string): void {
    const digit = /[1-9]/.exec(text)?.[0] ?? "0";
    take(clues.map((clue, other) => other === cell ? Number(digit) : clue));
  }

  async function draw(): Promise<void> {
    const asked = ++version;
    try {
      const kind = level.value as Parameters<DiffusionCalls["drawSudoku"]>[0];
      const puzzle = await computer().call("drawSudoku", kind);
      if (asked === version) take([...puzzle].map(Number));
    } catch (error) {
      tell(error);
    }
  }

  async function fill(): Promise<void> {
    const asked = ++version;
    answer = undefined;
    show();
    verdict.textContent = "Filling in …";
    try {
      const kind = order.value as Parameters<DiffusionCalls["fillSudoku"]>[1];
      const found = await computer().call("fillSudoku", clues.join(""), kind);
      if (asked !== version) return;
      answer = found;
      await play(asked);
    } catch (error) {
      tell(error);
    }
  }

  /** Opens cell by cell, or all at once for those who want no motion. */
  async function play(asked: number): Promise<void> {
    const { cells } = answer!;
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    verdict.textContent = verdictOf(answer!);
    for (
      let count = isStill ? cells.length : 0;
      count <= cells.length;
      count++
    ) {
      if (asked !== version) return;
      shown.value = `${count}`;
      show(count);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  function tell(error: unknown): void {
    verdict.textContent = `This failed: ${(error as Error).message}`;
  }

  function show(count = Number(shown.value)): void {
    const cells = answer?.cells ?? [];
    shown.max = `${cells.length}`;
    shown.disabled = cells.length === 0;
    const open = new Map(
      cells.slice(0, count).map((filled) => [filled.cell, filled]),
    );
    inputs.forEach((input, cell) => {
      const clue = clues[cell]!, filled = open.get(cell);
      const digit = clue || filled?.digit;
      input.value = digit ? `${digit}` : "";
      const isWrong = filled && answer?.solution &&
        answer.solution[cell] !== filled.digit;
      input.className = clue
        ? "clue"
        : isWrong
        ? "wrong"
        : filled
        ? "filled"
        : "";
      input.style.setProperty("--margin", filled ? `${marginOf(filled)}` : "0");
      input.setAttribute("aria-label", labelOf(cell, clue, filled, !isWrong));
    });
    byId("sudoku-count", HTMLOutputElement).value = `${open.size}`;
    showBars();
  }

  /** The candidates of a cell when it was filled in. */
  function showBars(): void {
    const filled = answer?.cells.find(({ cell }) => cell === pointed);
    byId("sudoku-cell", HTMLElement).textContent = pointed === undefined
      ? "Choose a cell to see its candidates."
      : filled
      ? `${placeOf(pointed)}, filled in as number ${
        answer!.cells.indexOf(filled) + 1
      }:`
      : `${placeOf(pointed)}: ${
        clues[pointed] ? "a clue" : "not filled in yet"
      }.`;
    bars(filled?.shares ?? []);
  }
}

/** By how much the likeliest digit is likelier than the second. */
function marginOf({ shares }: FilledCell): number {
  const [first, second] = shares.toSorted((a, b) => b - a);
  return first! - second!;
}

function placeOf(cell: number): string {
  return `Row ${Math.floor(cell / 9) + 1}, column ${cell % 9 + 1}`;
}

function labelOf(
  cell: number,
  clue: number,
  filled: FilledCell | undefined,
  isRight: boolean,
): string {
  const what = clue
    ? "clue"
    : filled
    ? isRight ? "filled in" : "filled in wrongly"
    : "unknown";
  return `${placeOf(cell)}, ${what}`;
}

function verdictOf(
  { cells, solution, solutions, milliseconds }: SudokuAnswer,
): string {
  const time = `${cells.length} cells in ${milliseconds.toFixed(0)} ms`;
  if (solutions === 0) return `${time}. This puzzle has no solution.`;
  if (!solution) return `${time}. This puzzle has several solutions.`;
  const wrong = cells.filter(({ cell, digit }) => solution[cell] !== digit);
  return wrong.length === 0
    ? `Solved: ${time}, all right.`
    : `${time}, of which ${wrong.length} are wrong.`;
}

/** The inputs of a grid, by rows. */
function makeGrid(table: HTMLElement): HTMLInputElement[] {
  const inputs = Array.from({ length: 81 }, () =>
    make("input", {
      ...{ type: "text", inputmode: "numeric", maxlength: "2" },
      autocomplete: "off",
    }));
  for (let row = 0; row < 9; row++) {
    const own = inputs.slice(9 * row, 9 * row + 9);
    table.append(make("div", {}, ...own));
  }
  return inputs;
}

/** The bars of nine digits; returns what shows their shares. */
function makeBars(list: HTMLElement): (shares: readonly number[]) => void {
  const rows = Array.from({ length: 9 }, (_, i) => {
    const bar = make("span", { class: "bar" });
    const share = make("span", { class: "share" });
    list.append(make("li", {}, `${i + 1}`, bar, share));
    return { bar, share };
  });
  return (shares) =>
    rows.forEach(({ bar, share }, i) => {
      const value = shares[i];
      bar.style.setProperty("--share", `${value ?? 0}`);
      share.textContent = value === undefined
        ? ""
        : `${(100 * value).toFixed(1)}\u00a0%`;
    });
}
