/// <reference lib="dom" />
/** The mask of a sequence whose decays one pulls, and a row of it as two sweeps. @module */
import type { Calls, MaskProblem } from "./calls.ts";
import type { Computer } from "./computer.ts";
import { byId, draw, make, radios } from "./elements.ts";
import { Sweeps } from "./sweeps.ts";

/** Decays at first; the sixth token forgets. */
const DECAYS = [.92, .88, .95, .9, .85, .2, .93, .9, .87, .94, .9, .85];

const LENGTH = DECAYS.length;

const EXPLANATIONS: Readonly<Record<MaskProblem["variant"], string>> = {
  lit: "LION-LIT has no decay: each token weighs the same at any distance.",
  d: "LION-D has one decay per head: weights depend on the distance alone.",
  s: "With LION-S each token chooses its decay: a token that lets nothing " +
    "through separates those before it from those after it.",
};

/** Units of the drawing, of which a cell is one wide, that numbers and titles have. */
const MARGIN = 1.9;

/** Fills the panel, and keeps it up to date. */
export function maskPanel(computer: Computer<Calls>): void {
  const sliders = DECAYS.map((value, token) => sliderOf(token, value));
  const chosen = byId("row", HTMLInputElement);
  const pointed = byId("pointed", HTMLElement);
  const cells = makeCells((row) => {
    chosen.value = `${row + 1}`;
    showRow();
  }, (i, j) => pointed.textContent = mask[i] ? weightText(mask, i, j) : "");
  const sweeps = new Sweeps();
  let mask: readonly (readonly number[])[] = [];
  let isBusy = false, isStale = false;

  byId("sliders", HTMLElement).append(...sliders.map(({ label }) => label));
  sliders.forEach(({ input }) => input.addEventListener("input", update));
  chosen.max = `${LENGTH}`;
  chosen.addEventListener("input", showRow);
  const variants = radios<MaskProblem["variant"]>("variant", update);
  const conventions = radios<MaskProblem["convention"]>("convention", update);
  update();

  function update(): void {
    const variant = variants.value();
    byId("variant-explained", HTMLElement).textContent = EXPLANATIONS[variant];
    byId("conventions", HTMLFieldSetElement).hidden = variant !== "s";
    sliders.forEach(({ input, name, value }, token) => {
      const isUsed = variant === "s" || (variant === "d" && token === 0);
      input.disabled = !isUsed;
      name.textContent = variant === "d" && token === 0
        ? "all tokens"
        : `token ${token + 1}`;
      value.textContent = Number(input.value).toFixed(2);
    });
    isStale = true;
    if (!isBusy) void work();
  }

  async function work(): Promise<void> {
    isBusy = true;
    try {
      while (isStale) {
        isStale = false;
        mask = await computer.call("mask", {
          variant: variants.value(),
          convention: conventions.value(),
          decays: sliders.map(({ input }) => Number(input.value)),
        });
        show();
      }
    } catch (error) {
      byId("row-values", HTMLElement).textContent = `This failed: ${
        (error as Error).message
      }`;
    } finally {
      isBusy = false;
    }
  }

  function show(): void {
    mask.forEach((weights, i) =>
      weights.forEach((weight, j) => {
        const { cell, title } = cells[i * LENGTH + j]!;
        cell.setAttribute("fill-opacity", weight.toFixed(4));
        title.textContent = weightText(mask, i, j);
      })
    );
    showRow();
  }

  function showRow(): void {
    if (mask.length === 0) return;
    const row = Number(chosen.value) - 1;
    byId("row-number", HTMLOutputElement).value = chosen.value;
    byId("row-frame", SVGRectElement).setAttribute("y", `${row}`);
    byId("row-values", HTMLElement).textContent = `Row ${row + 1}: ${
      mask[row]!.map((weight) => weight.toFixed(2)).join("  ")
    }`;
    sweeps.show(mask, row);
  }
}

/** A slider with its name and its value. */
function sliderOf(token: number, first: number) {
  const input = make("input", {
    ...{ type: "range", min: "0.01", max: "1", step: "0.01" },
    ...{ value: `${first}`, id: `decay-${token + 1}` },
  });
  const name = make("span", {}, `token ${token + 1}`);
  const value = make("span", { class: "value" });
  const label = make("label", { for: input.id }, name, input, value);
  return { input, label, name, value };
}

function weightText(
  mask: readonly (readonly number[])[],
  i: number,
  j: number,
): string {
  return `token ${i + 1} reads token ${j + 1}: ${mask[i]![j]!.toFixed(3)}`;
}

/** The cells of the heat map, by rows; a click chooses a row, a pointer a cell. */
function makeCells(
  onChoose: (row: number) => void,
  onPoint: (i: number, j: number) => void,
) {
  const map = byId("mask", SVGSVGElement);
  const size = LENGTH + MARGIN + 0.1;
  map.setAttribute("viewBox", `${-MARGIN} ${-MARGIN} ${size} ${size}`);
  const cells = Array.from({ length: LENGTH ** 2 }, (_, at) => {
    const [i, j] = [Math.floor(at / LENGTH), at % LENGTH];
    const title = draw("title");
    const direction = j < i ? "forward" : j > i ? "backward" : "own";
    const cell = draw(
      "rect",
      { x: j, y: i, width: 1, height: 1, class: direction, "fill-opacity": 0 },
      title,
    );
    cell.addEventListener("click", () => onChoose(i));
    cell.addEventListener("pointerenter", () => onPoint(i, j));
    return { cell, title };
  });
  map.append(
    ...axes(),
    ...cells.map(({ cell }) => cell),
    draw("rect", {
      ...{ id: "row-frame", x: 0, y: 0, width: LENGTH, height: 1 },
    }),
  );
  return cells;
}

/** The numbers of the tokens, and what rows and columns are. */
function axes(): SVGElement[] {
  const text = (x: number, y: number, content: string, turn = 0) =>
    draw("text", {
      ...{ x, y, "text-anchor": "middle", "dominant-baseline": "central" },
      ...turn === 0 ? {} : { transform: `rotate(${turn} ${x} ${y})` },
    }, content);
  const middle = LENGTH / 2;
  return [
    text(middle, -1.4, "token j, which is read"),
    text(-1.4, middle, "token i, which reads", -90),
    ...Array.from({ length: LENGTH }, (_, at) => [
      text(at + 0.5, -0.5, `${at + 1}`),
      text(-0.5, at + 0.5, `${at + 1}`),
    ]).flat(),
  ];
}
