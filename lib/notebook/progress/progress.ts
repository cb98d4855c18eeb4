import {
  assertFinite,
  assertNumber,
  assertOptions,
  optionsOf,
} from "@lionjs/base";
import { screenHere } from "./progress_screen.ts";
import { progressText } from "./progress_text.ts";

/** Options of {@linkcode Progress}. */
export interface ProgressOptions {
  /** The total amount of work. @default unknown: counts without a bar */
  total?: number | undefined;
  /** Text to show before the bar. @default none */
  description?: string | undefined;
  /** The amount of work done in an earlier run. @default 0 */
  initial?: number | undefined;
  /** The unit of the counts. @default "it" */
  unit?: string | undefined;
}

/** The names of the options of {@linkcode Progress}. */
export const PROGRESS_OPTIONS = optionsOf<ProgressOptions>()(
  "total description initial unit",
);

/**
 * Shows progress in tqdm's format: a bar in a notebook, one line on a terminal,
 * and elsewhere a line every ten seconds and a last one, on the standard error
 * stream.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Progress } from "@lionjs/lion/notebook";
 *
 * const progress = new Progress({ total: 3, description: "files" });
 * for (const loss of [0.5, 0.25, 0.125]) progress.update(1, { loss });
 * assertEquals(progress.done, 3);
 * await progress.close();
 * // files: 100%|██████████| 3/3 [00:00<00:00, 312.50it/s, loss=0.1250]
 * ```
 */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #screen = screenHere();
  readonly #began = performance.now();
  #done: number;
  #figures: Readonly<Record<string, number | string>> = {};

  /**
   * Starts counting, and shows the progress.
   *
   * @param options See {@linkcode ProgressOptions}.
   * @throws {TypeError} If an option is unknown, or of the wrong type.
   * @throws {RangeError} If the total is not a number of 0 or more.
   */
  constructor(options: ProgressOptions = {}) {
    assertOptions("Progress", options, PROGRESS_OPTIONS);
    const { total = 0, initial = 0, description = "", unit = "it" } = options;
    for (const [name, text] of Object.entries({ description, unit })) {
      if (typeof text === "string") continue;
      throw new TypeError(`${name} should be a string, got ${typeof text}`);
    }
    assertFinite("initial", initial);
    if (initial < 0) {
      throw new RangeError(`initial should be 0 or more, got ${initial}`);
    }
    assertNumber("total", total);
    if (!(total >= 0 && total < Infinity)) {
      throw new RangeError(
        `total should be 0 or more, or undefined if unknown, got ${total}`,
      );
    }
    this.#options = options;
    this.#done = initial;
    this.#screen.show(this.#text);
  }

  /** The amount of work done. */
  get done(): number {
    return this.#done;
  }

  /**
   * Adds to the amount of work done, and shows the progress if enough time has
   * passed.
   *
   * @param count The amount done since the last call; 1 by default.
   * @param figures Figures to show after the rate, by name; those of the last
   * call by default.
   */
  update(
    count = 1,
    figures: Readonly<Record<string, number | string>> = this.#figures,
  ): void {
    this.#done += count;
    this.#figures = figures;
    this.#screen.show(this.#text);
  }

  /** Shows the final state, and waits until it is shown. */
  async close(): Promise<void> {
    await this.#screen.end(this.#text());
  }

  readonly #text = () => {
    const { total, initial = 0, unit = "it", description = "" } = this.#options;
    return progressText({
      done: this.#done,
      total,
      initial,
      seconds: (performance.now() - this.#began) / 1000,
      unit,
      description,
      figures: this.#figures,
    });
  };
}
