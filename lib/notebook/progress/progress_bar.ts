import {
  assertIterable,
  assertOptions,
  assertSignal,
  itemsUnlessAborted,
  optionsOf,
  turns,
} from "@lionjs/base";
import { interruptSignal } from "../jupyter/interrupt.ts";
import { isNotebook } from "../jupyter/kernel.ts";
import {
  Progress,
  PROGRESS_OPTIONS,
  type ProgressOptions,
} from "./progress.ts";

/** Options of {@linkcode progressBar}; `total` is the number of items if they have one. */
export interface ProgressBarOptions extends ProgressOptions {
  /**
   * A signal that aborts the loop with its reason, an `AbortError`, even while
   * the loop waits for an item.
   * @default `interruptSignal()` in a notebook, none in a script
   */
  signal?: AbortSignal | undefined;
}

const OPTIONS = optionsOf<ProgressBarOptions>()(PROGRESS_OPTIONS, "signal");

/**
 * Shows the progress of a loop; see {@linkcode Progress}. In a notebook, Stop
 * ends the loop and the cell.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { progressBar } from "@lionjs/lion/notebook";
 *
 * let sum = 0;
 * for await (const i of progressBar(10, { description: "sums" })) sum += i;
 * assertEquals(sum, 45);
 * for await (const word of progressBar(["one", "two"])) assertEquals(word.length, 3);
 * ```
 *
 * @param items The items, or a count n for the integers from 0 to n - 1.
 * @param options See {@linkcode ProgressBarOptions}.
 * @returns The items, one by one.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} If a count is not a whole number of 0 or more.
 * @throws {DOMException} An `AbortError`, if it is stopped.
 */
export function progressBar(
  items: number,
  options?: ProgressBarOptions,
): AsyncGenerator<number, void>;
/** Shows the progress of a loop over any items. */
export function progressBar<T>(
  items: Iterable<T> | AsyncIterable<T>,
  options?: ProgressBarOptions,
): AsyncGenerator<T, void>;
export async function* progressBar<T>(
  items: number | Iterable<T> | AsyncIterable<T>,
  options: ProgressBarOptions = {},
): AsyncGenerator<T | number, void> {
  assertOptions("progressBar", options, OPTIONS);
  const { signal = isNotebook() ? interruptSignal() : undefined, ...shown } =
    options;
  assertSignal("progressBar's", signal);
  const count = lengthOf(items);
  const { total = count } = shown;
  const progress = new Progress({ ...shown, total });
  const takeTurn = turns();
  try {
    signal?.throwIfAborted();
    const all = typeof items === "number" ? below(items) : items;
    for await (const item of itemsUnlessAborted<T | number>(signal, all)) {
      yield item;
      progress.update();
      // Timers get a turn here, so that a loop that never waits shows its
      // progress, too.
      await takeTurn();
      signal?.throwIfAborted();
    }
  } finally {
    await progress.close();
  }
}

function lengthOf(items: unknown): number | undefined {
  if (typeof items === "number") {
    if (Number.isInteger(items) && items >= 0) return items;
    throw new RangeError(
      `items should be a whole number of 0 or more, or iterable, got ${items}`,
    );
  }
  // A text is tracked letter by letter.
  if (typeof items !== "string") {
    assertIterable("items", items as Iterable<unknown>);
  }
  const { length, size } = items as { length?: unknown; size?: unknown };
  const count = length ?? size;
  return typeof count === "number" ? count : undefined;
}

function* below(count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i;
}
