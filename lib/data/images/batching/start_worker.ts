/** Starting the workers that decode images, in Deno, in Node and in browsers. @module */
import { nodeModule } from "@lionjs/base/files";
import { WORKER_SCRIPT } from "./image_worker.ts";
import {
  WORKER_NAME,
  type WorkerAnswer,
  type WorkerJob,
  type WorkerStart,
} from "./worker_messages.ts";

/** The worker's script in the library's source. */
const SOURCE = "lib/data/images/batching/image_worker.ts";

/** Receives a worker's answers and its failure. */
export interface WorkerListener {
  answered(answer: WorkerAnswer): void;
  /** Called if the worker has ended by itself, or was never loaded. */
  failed(reason: string): void;
}

/** A started worker. It keeps the process alive only while it has an image. */
export interface ImageWorker {
  post(message: WorkerStart | WorkerJob, transfer?: ArrayBuffer[]): void;
  /** Ends the worker, whose answers and failure are no longer reported. */
  stop(): Promise<void>;
}

/** Whether this host has workers. */
export function hasWorkers(): boolean {
  return nodeModule("node:worker_threads") !== undefined ||
    typeof Worker === "function";
}

/**
 * The default number of workers: 1 in Deno and Node; 0 in pages, and in bundles,
 * which have no script of their own for workers.
 */
export function usualWorkers(): 0 | 1 {
  return nodeModule("node:worker_threads") && hasOwnScript() ? 1 : 0;
}

/** Whether the worker's script is a file of its own, and not part of a bundle. */
function hasOwnScript(): boolean {
  return /\/image_worker\.[jt]s$/.test(WORKER_SCRIPT);
}

/**
 * Starts a worker.
 *
 * @param path The path of its script, if it is not next to this module.
 */
export function startWorker(
  path: string | URL | undefined,
  listener: WorkerListener,
): ImageWorker {
  const threads = nodeModule("node:worker_threads");
  return threads
    ? startNodeWorker(path, listener, threads)
    : startWebWorker(path, listener);
}

function startNodeWorker(
  path: string | URL | undefined,
  listener: WorkerListener,
  { Worker }: typeof import("node:worker_threads"),
): ImageWorker {
  const script = urlOf(path ?? ownScript());
  const worker = new Worker(script, { workerData: WORKER_NAME });
  worker.unref();
  let images = 0;
  let isStopped = false;
  const fail = (reason: string) => {
    if (!isStopped) listener.failed(reason);
    isStopped = true;
  };
  worker.on("message", (answer) => {
    if (--images === 0) worker.unref();
    if (!isStopped) listener.answered(answer);
  });
  worker.on("error", (error) => {
    fail(`${(error as Error)?.message ?? error}, in its script ${script}`);
  });
  worker.on("exit", (code) => fail(`it has ended, with code ${code}`));
  return {
    post(message, transfer = []) {
      if ("seed" in message && images++ === 0) worker.ref();
      worker.postMessage(message, transfer);
    },
    async stop() {
      isStopped = true;
      await worker.terminate();
    },
  };
}

/** The URL of a path or a URL; a single letter before the colon is a drive of Windows. */
function urlOf(path: string | URL): URL {
  return path instanceof URL || /^[a-z][a-z+.-]+:/i.test(path)
    ? new URL(path)
    : nodeModule("node:url")!.pathToFileURL(path);
}

/** The address of the worker's script; throws in a bundle, which would start itself. */
function ownScript(): string {
  if (hasOwnScript()) return WORKER_SCRIPT;
  throw new Error(
    `in a bundle, the workers' script is separate: bundle ${SOURCE} too and pass its URL as imageBatches' workerPath, or decode without workers: workers: 0`,
  );
}

function startWebWorker(
  path: string | URL | undefined,
  listener: WorkerListener,
): ImageWorker {
  // Bundlers look for this very expression, and bundle the worker.
  const worker = path === undefined
    ? new Worker(new URL("./image_worker.js", import.meta.url), {
      type: "module",
      name: "lion-image-worker",
    })
    : new Worker(new URL(path, globalThis.location?.href), {
      type: "module",
      name: WORKER_NAME,
    });
  worker.addEventListener("message", ({ data }) => listener.answered(data));
  worker.addEventListener("error", (event) => {
    // A worker that was never loaded sends no message.
    listener.failed(
      event.message ||
        `its script should be at ${
          path ?? "image_worker.js, next to this script"
        }; pass the URL of a bundle of ${SOURCE} as imageBatches' workerPath, or decode without workers: workers: 0`,
    );
  });
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    stop() {
      worker.terminate();
      return Promise.resolve();
    },
  };
}
