import { display, type DisplayHandle, type DisplayValue } from "./display.ts";

/** A notebook output that is redrawn in place, in order and at a limited rate. */
export class LiveOutput {
  readonly #milliseconds: number;
  #drawn = -Infinity;
  #handle: DisplayHandle | undefined;
  #last: Promise<void> = Promise.resolve();

  /** @param milliseconds The least time between two redraws. */
  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** Shows the result of `draw`, unless the last redraw was too recent. */
  show(draw: () => DisplayValue): void {
    const now = performance.now();
    if (now - this.#drawn < this.#milliseconds) return;
    this.#drawn = now;
    this.#send(draw());
  }

  /** Shows the final state, and waits until everything is shown. */
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
