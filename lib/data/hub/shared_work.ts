/** Work that several callers want at once, and one does. @module */
import { unlessAborted } from "@lionjs/base";

interface Running {
  readonly result: Promise<unknown>;
  readonly abort: AbortController;
  readonly listeners: Set<(bytes: number) => void>;
  waiting: number;
}

const running = new Map<string, Running>();

/**
 * Joins the work of this name, or starts it. It ends early when all who wait for
 * it have gone.
 *
 * @param name Identifies the work: two calls with the same name share it.
 * @throws {unknown} The error of the work, or the reason of the caller's
 * signal.
 */
export async function shared<T>(
  name: string,
  { signal, onBytes }: {
    readonly signal: AbortSignal | undefined;
    readonly onBytes: (bytes: number) => void;
  },
  start: (
    signal: AbortSignal,
    onBytes: (bytes: number) => void,
  ) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  // An error of a caller's own `onBytes` ends the wait of this caller alone.
  const failed = new AbortController();
  const hear = (bytes: number) => {
    try {
      onBytes(bytes);
    } catch (error) {
      failed.abort(error);
    }
  };
  const gone = AbortSignal.any([failed.signal, ...(signal ? [signal] : [])]);
  let work = running.get(name);
  if (!work) {
    const abort = new AbortController();
    const listeners = new Set<(bytes: number) => void>();
    const result = start(
      abort.signal,
      (bytes) => listeners.forEach((hear) => hear(bytes)),
    ).finally(() => {
      if (running.get(name) === work) running.delete(name);
    });
    // The work may fail when no caller waits for it any more.
    result.catch(() => {});
    running.set(name, work = { result, abort, listeners, waiting: 0 });
  }
  const current = work;
  current.waiting++;
  current.listeners.add(hear);
  try {
    return await unlessAborted(gone, current.result as Promise<T>);
  } finally {
    current.listeners.delete(hear);
    if (--current.waiting === 0) {
      // A caller that comes now starts new work, which continues the part
      // that has arrived.
      if (running.get(name) === current) running.delete(name);
      current.abort.abort();
      if (gone.aborted) await current.result.catch(() => {});
    }
  }
}
