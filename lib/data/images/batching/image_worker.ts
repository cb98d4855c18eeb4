/** The program of a worker that decodes images, in Deno, in Node and in browsers. @module */
import { messageOf } from "@lionjs/base";
import { nodeModule } from "@lionjs/base/files";
import { setCodecAddresses } from "../decoding/codecs.ts";
import { doJob, isBad, type JobSettings } from "./image_job.ts";
import {
  WORKER_NAME,
  type WorkerAnswer,
  type WorkerJob,
  type WorkerStart,
} from "./worker_messages.ts";

/** The address of this script; in a bundle, the bundle's address. */
export const WORKER_SCRIPT = import.meta.url;

/** The end of the channel to the program that started this worker. */
interface Port {
  postMessage(answer: WorkerAnswer, transfer: ArrayBuffer[]): void;
}

let settings: JobSettings | undefined;

async function answer(job: WorkerJob, port: Port): Promise<void> {
  try {
    const pixels = await doJob(job.bytes, job.seed, settings!);
    port.postMessage({ id: job.id, pixels }, [pixels.buffer]);
  } catch (error) {
    const failure = messageOf(error);
    port.postMessage({ id: job.id, failure, isBad: isBad(error) }, []);
  }
}

function receive(message: WorkerStart | WorkerJob, port: Port): void {
  if ("settings" in message) {
    settings = message.settings;
    setCodecAddresses(message.codecs);
  } else void answer(message, port);
}

/**
 * Whether this is the program of a worker that startWorker started: elsewhere the
 * module is imported, for its address, by pages and by workers of others.
 */
function isStarted(): boolean {
  const threads = nodeModule("node:worker_threads");
  return threads
    ? threads.workerData === WORKER_NAME
    : (globalThis as { name?: unknown }).name === WORKER_NAME;
}

if (isStarted()) {
  const parent = nodeModule("node:worker_threads")?.parentPort;
  if (parent) parent.on("message", (message) => receive(message, parent));
  else {
    addEventListener("message", (event) => {
      const { data } = event as MessageEvent;
      receive(data, globalThis as unknown as Port);
    });
  }
}
