/** Another thread of LION's WebAssembly module. @module */

import { nodeModule } from "../../contract/node_module.ts";

/** What a thread starts with. */
export interface ThreadStart {
  /** The module that all threads run. */
  readonly module: WebAssembly.Module;
  /** The memory that they share. */
  readonly memory: WebAssembly.Memory;
  /** The address of the queue. */
  readonly queue: number;
  /** Its number; the calling thread has 0. */
  readonly thread: number;
  /** How often it looks for a job before it falls asleep. */
  readonly spins: number;
  /** Where it says that it died: an index into the memory as integers. */
  readonly failed: number;
}

/** A thread that was started. */
export interface Thread {
  /** Ends it. */
  stop(): void;
}

/**
 * What the thread runs. It travels as text, since a file would have to be
 * found by every bundler: it must not refer to anything outside.
 */
function serve(start: ThreadStart): void {
  const { module, memory, queue, thread, spins, failed } = start;
  try {
    const env = { memory, now: () => performance.now() };
    const { exports } = new WebAssembly.Instance(module, { env });
    const { open, serve } = exports as unknown as {
      open(queue: number): void;
      serve(thread: number, spins: number): void;
    };
    open(queue);
    serve(thread, spins);
  } catch (error) {
    Atomics.store(new Int32Array(memory.buffer), failed, 1);
    throw error;
  }
}

/** Starts a thread. It does not keep the process alive. */
export function startThread(start: ThreadStart): Thread {
  // In Deno too: its own Worker, asleep, keeps the process alive even when terminated.
  const threads = nodeModule("node:worker_threads");
  if (threads) {
    const { Worker } = threads;
    const source = `import { workerData } from "node:worker_threads";
      (${serve})(workerData);`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const worker = new Worker(url, { workerData: start });
    worker.unref();
    worker.on("error", () => {});
    return { stop: () => void worker.terminate() };
  }
  const source = `onmessage = (event) => (${serve})(event.data);`;
  const type = "text/javascript";
  const url = URL.createObjectURL(new Blob([source], { type }));
  const worker = new Worker(url, { type: "module" });
  worker.postMessage(start);
  return { stop: () => worker.terminate() };
}
