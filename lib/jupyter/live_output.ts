import { display, type DisplayHandle, type DisplayValue } from "./display.ts";

/** An output of a notebook that is redrawn in place, in order and not too often. */
export class LiveOutput {
  readonly #milliseconds: number;
  #drawn = -Infinity;
  #handle: DisplayHandle | undefined;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param milliseconds Between two redrawings.
   */
  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** Shows what `draw` makes, unless the last redrawing was just now. */
  show(draw: () => DisplayValue): void {
    const now = performance.now();
    if (now - this.#drawn < this.#milliseconds) return;
    this.#drawn = now;
    this.#send(draw());
  }

  /** Shows the final state, and waits until all is shown. */
  async end(value: DisplayValue): Promise<void> {
    this.#send(value);
    await this.#last;
  }

  #send(value: DisplayValue): void {
    this.#last = this.#last.then(async () => {
      if (this.#handle) await this.#handle.update(value);
      else this.#handle = await display(value);
    });
  }
}
