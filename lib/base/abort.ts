/** Waiting for a caller's promises and iterables until a signal aborts. @module */
import { shown } from "./shown.ts";

/** Throws unless a value is a signal, or absent. */
export function assertSignal(
  owner: string,
  signal: AbortSignal | undefined,
): void {
  if (signal === undefined) return;
  const given: unknown = signal;
  // Checked by its methods: pages and test environments have several AbortSignal classes.
  const { aborted, throwIfAborted, addEventListener } = Object(given);
  if (
    typeof aborted === "boolean" && typeof throwIfAborted === "function" &&
    typeof addEventListener === "function"
  ) return;
  throw new TypeError(
    `${owner} signal should be an AbortSignal, such as new AbortController().signal, got ${
      shown(given)
    }`,
  );
}

/**
 * Waits for a value, or until a signal aborts. A value that has arrived by then, or
 * arrives within the event loop's next turn, still counts.
 *
 * @param late Called with a value that arrives after the wait has ended.
 * @throws {unknown} What the promise rejects with, or the signal's reason.
 */
export async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  value: T | PromiseLike<T>,
  late: (value: T) => void = () => {},
): Promise<T> {
  if (!signal) return await value;
  const coming = Promise.resolve(value);
  let abort = () => {};
  let turn: ReturnType<typeof setTimeout> | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      turn = setTimeout(() => {
        reject(signal.reason);
        coming.then(late, () => {}); // errors after the abort are ignored
      });
    };
  });
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort);
  try {
    return await Promise.race([coming, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
    clearTimeout(turn);
  }
}

/**
 * The items of an iterable until a signal aborts, whose reason is then thrown.
 *
 * @param items The iterable. On an abort its `return` is called, but not awaited
 * while the iterable itself still waits for an item.
 * @param late Called with an item that arrives after the wait has ended.
 */
export async function* itemsUnlessAborted<T>(
  signal: AbortSignal | undefined,
  items: Iterable<T> | AsyncIterable<T>,
  late: (item: T) => void = () => {},
): AsyncGenerator<T, void> {
  const { [Symbol.asyncIterator]: asynchronous } = Object(items);
  const iterator: Iterator<T> | AsyncIterator<T> = asynchronous
    ? asynchronous.call(items)
    : (items as Iterable<T>)[Symbol.iterator]();
  let waits = false, ended = false;
  try {
    while (true) {
      waits = true;
      const { done, value } = await unlessAborted(
        signal,
        iterator.next(),
        ({ done, value }) => done || late(value),
      );
      waits = false;
      ended = Boolean(done);
      if (done) return;
      yield value;
    }
  } finally {
    if (waits) Promise.resolve(iterator.return?.()).catch(() => {});
    else if (!ended) await iterator.return?.();
  }
}

/** Milliseconds of work after which the event loop gets a turn. */
const MILLISECONDS_BETWEEN_TURNS = 100;

/**
 * Returns a function to await in each round of a loop: now and then it lets the event
 * loop take a turn. Where all is at hand, on WebAssembly say, a loop would never wait,
 * and neither a timer nor Ctrl-C could abort it.
 */
export function turns(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last <= MILLISECONDS_BETWEEN_TURNS) return;
    await new Promise((resolve) => setTimeout(resolve));
    last = performance.now();
  };
}
