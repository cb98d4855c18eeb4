/** Another thread of the WebAssembly modules. @module */
import { nodeModule } from "@lionjs/base/files";

/** The data with which a thread starts. */
export interface ThreadStart {
  /** The modules that all threads run. */
  readonly modules: readonly WebAssembly.Module[];
  /** The memory that all threads share. */
  readonly memory: WebAssembly.Memory;
  /** The address of the queue. */
  readonly queue: number;
  /** The thread's number; the calling thread has 0. */
  readonly thread: number;
  /** The number of times that the thread looks for a job before it falls asleep. */
  readonly spins: number;
  /** Fields of the queue, as indices into the memory as integers. */
  readonly turn: number;
  readonly ready: number;
  readonly left: number;
  readonly over: number;
}

/** A started thread. */
export interface Thread {
  /** The error that the thread's worker reported, if it failed. */
  readonly error?: unknown;
  /** Ends the thread's worker, if the host can: see abandoned.ts. */
  stop(): void;
}

/**
 * The code of a thread. It is passed as text, since every bundler would have to
 * find a file, so it must not refer to anything outside.
 */
function serve(start: ThreadStart): void {
  const { modules, memory, queue, thread, spins } = start;
  /** Milliseconds of sleep after which the thread goes back to the host's event loop. */
  const longestSleep = 1000;
  const count = (field: number) =>
    Atomics.add(new Int32Array(memory.buffer), field, 1);
  /** A failure ends this thread and the job. */
  const guard = <Result>(run: () => Result): Result => {
    try {
      return run();
    } catch (error) {
      Atomics.store(new Int32Array(memory.buffer), start.over, 1);
      count(start.left);
      throw error;
    }
  };
  const serveIn = guard(() => {
    const env = { memory, now: () => performance.now() };
    const all = modules.map((module, number) => {
      const { exports } = new WebAssembly.Instance(module, { env });
      const { open, serve } = exports as unknown as {
        open(queue: number, module: number): void;
        serve(thread: number, spins: number): number;
      };
      open(queue, number);
      return serve;
    });
    count(start.ready);
    return all;
  });
  /**
   * The result of a module's `serve` when the thread is no longer wanted. A number from 0
   * on is that of the module that has a job, and -1 says that no job came.
   */
  const ended = -2;
  /** The module that had the last job, in which the thread looks for the next. */
  let at = 0;
  // As clearVectors() does, wherever this thread goes on outside of the module.
  const decoder = new TextDecoder(), text = new Uint8Array(64).fill(65);
  // Deno ends a worker whose parent has ended, unless it sleeps on an atomic.
  const goOn = () => {
    const integers = new Int32Array(memory.buffer);
    let woken: string;
    do {
      const turn = Atomics.load(integers, start.turn);
      let next: number;
      while ((next = guard(() => serveIn[at]!(thread, spins))) >= 0) at = next;
      decoder.decode(text);
      if (next === ended) return void count(start.left);
      // A turn that has come since then is not equal, so that the thread does not sleep.
      woken = Atomics.wait(integers, start.turn, turn, longestSleep);
    } while (woken !== "timed-out");
    setTimeout(goOn);
  };
  goOn();
}

/** Starts a thread. It does not keep the process alive. */
export function startThread(start: ThreadStart): Thread {
  // Node's workers in Deno too: Deno's own, when asleep, keeps the process alive even if terminated.
  const threads = nodeModule("node:worker_threads");
  return threads ? startNodeThread(start, threads) : startWebThread(start);
}

function startNodeThread(
  start: ThreadStart,
  { Worker }: typeof import("node:worker_threads"),
): Thread {
  const source = `import { workerData } from "node:worker_threads";
    (${serve})(workerData);`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const worker = new Worker(url, { workerData: start });
  const thread = { error: undefined, stop: () => void worker.terminate() };
  worker.unref();
  worker.on("error", (error) => Object.assign(thread, { error }));
  return thread;
}

function startWebThread(start: ThreadStart): Thread {
  const worker = new Worker(webSource(), { type: "module" });
  const thread = { error: undefined, stop: () => worker.terminate() };
  worker.addEventListener("error", (event) => {
    const blocked = "the page's Content-Security-Policy may not allow " +
      "workers of blob: URLs (worker-src blob:)";
    // A worker that was never loaded sends no message.
    const error = new Error(event.message || blocked);
    Object.assign(thread, { error });
  });
  worker.postMessage(start);
  return thread;
}

let webUrl: string | undefined;

/** The URL of the script of a page's workers, shared by all of them. */
function webSource(): string {
  const source = `onmessage = ({ data }) => (${serve})(data);`;
  const type = "text/javascript";
  return webUrl ??= URL.createObjectURL(new Blob([source], { type }));
}
