import process from "node:process";
import { isNotebook } from "./kernel.ts";

let stop = new AbortController();
let isListening = false;

/**
 * Returns a signal that Jupyter's Stop aborts or, in a script, Ctrl-C. After
 * each stop there is a new one, so call this where a loop starts. In a script,
 * a second Ctrl-C ends the process as usual.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { stopSignal } from "@lionjs/lion/notebook";
 *
 * const signal = stopSignal();
 * assertEquals(signal.aborted, false);
 * // await train(model, data, { signal, … });
 * ```
 *
 * @returns The signal, which is valid until the next stop.
 */
export function stopSignal(): AbortSignal {
  listen();
  return stop.signal;
}

function listen(): void {
  if (isListening) return;
  isListening = true;
  process.on("SIGINT", onInterrupt);
}

function onInterrupt(): void {
  const stopped = stop;
  stop = new AbortController();
  if (!isNotebook()) {
    process.off("SIGINT", onInterrupt);
    isListening = false;
  }
  stopped.abort(new DOMException("Stopped (SIGINT)", "AbortError"));
}

/** Prints an error that no cell awaits; unhandled, it would hang the kernel. */
function report(event: ErrorEvent | PromiseRejectionEvent): void {
  event.preventDefault();
  console.error(event instanceof ErrorEvent ? event.error : event.reason);
}

if (isNotebook()) {
  // Without a listener, Stop ends the kernel.
  listen();
  globalThis.addEventListener("error", report);
  globalThis.addEventListener("unhandledrejection", report);
}
