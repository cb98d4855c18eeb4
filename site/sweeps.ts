/// <reference lib="dom" />
/** A row of the mask as what two sweeps carry to it. @module */
import { byId, draw } from "./elements.ts";

/** Milliseconds per token. */
const STEP = 450;

/** Steps for which the whole row is looked at. */
const PAUSE = 4;

/** The height of a bar of weight 1, of which a token is 1 wide. */
const HEIGHT = 3;

/**
 * Two rows of bars, above each other: what the forward sweep, from the left, and
 * the backward sweep, from the right, still hold of each token where they are.
 * Each ends where the chosen row is.
 */
export class Sweeps {
  readonly #button = byId("play", HTMLButtonElement);
  readonly #drawing = byId("sweeps", SVGSVGElement);
  #mask: readonly (readonly number[])[] = [];
  #row = 0;
  /** How many tokens each sweep has read; the longer one decides on the end. */
  #step = Infinity;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    this.#button.addEventListener("click", () => {
      if (this.#timer === undefined) this.#play();
      else this.#pause();
    });
  }

  /** Shows a row of a mask. */
  show(mask: readonly (readonly number[])[], row: number): void {
    if (row !== this.#row && this.#timer !== undefined) this.#step = 0;
    this.#mask = mask;
    this.#row = row;
    this.#draw();
  }

  #play(): void {
    this.#step = 0;
    this.#timer = setInterval(() => {
      const length = this.#mask.length;
      const steps = Math.max(this.#row + 1, length - this.#row);
      this.#step = this.#step + 1 >= steps + PAUSE ? 0 : this.#step + 1;
      this.#draw();
    }, STEP);
    this.#button.textContent = "Stop the sweeps";
  }

  /** Stands still, at the end of both sweeps. */
  #pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#step = Infinity;
    this.#button.textContent = "Play the sweeps";
    this.#draw();
  }

  #draw(): void {
    const length = this.#mask.length;
    if (length === 0) return;
    const forward = Math.min(this.#step, this.#row);
    const backward = Math.max(length - 1 - this.#step, this.#row);
    this.#drawing.setAttribute("viewBox", `0 0 ${length} ${2 * HEIGHT + 1.6}`);
    this.#drawing.replaceChildren(
      ...this.#bars("forward", forward, HEIGHT),
      ...this.#bars("backward", backward, 2 * HEIGHT + 0.8),
    );
  }

  /** What a sweep holds of each token that it has read, where it is. */
  #bars(
    direction: "forward" | "backward",
    at: number,
    base: number,
  ): SVGElement[] {
    const bars = this.#mask[at]!.map((weight, token) => {
      const isRead = direction === "forward" ? token <= at : token >= at;
      const height = isRead ? HEIGHT * weight : 0;
      return draw("rect", {
        ...{ x: token + 0.1, y: base - height, width: 0.8, height },
        class: direction,
      });
    });
    const line = draw("rect", {
      ...{ x: 0, y: base, width: this.#mask.length, height: 0.04 },
      class: "line",
    });
    const place = draw("path", {
      d: `M${at + 0.5} ${base + 0.1}l.3 .5h-.6z`,
      class: direction,
    });
    return [...bars, line, place];
  }
}
