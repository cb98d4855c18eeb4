/**
 * The program of a worker that decodes images, in Deno, in Node and in browsers; it
 * is started, not imported.
 *
 * @module
 */
import { nodeModule } from "../../../contract/node_module.ts";
import { setCodecAddresses } from "../decoding/codecs.ts";
import { doJob, isBad, type JobSettings } from "./image_job.ts";
import type {
  WorkerAnswer,
  WorkerJob,
  WorkerStart,
} from "./worker_messages.ts";

/** The end of a channel to who started this worker. */
interface Port {
  postMessage(answer: WorkerAnswer, transfer: ArrayBuffer[]): void;
}

let settings: JobSettings | undefined;

async function answer(job: WorkerJob, port: Port): Promise<void> {
  try {
    const pixels = await doJob(job.bytes, job.seed, settings!);
    port.postMessage({ id: job.id, pixels }, [pixels.buffer]);
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    port.postMessage({ id: job.id, failure, isBad: isBad(error) }, []);
  }
}

function receive(message: WorkerStart | WorkerJob, port: Port): void {
  if ("settings" in message) {
    settings = message.settings;
    setCodecAddresses(message.codecs);
  } else void answer(message, port);
}

const parent = nodeModule("node:worker_threads")?.parentPort;
if (parent) parent.on("message", (message) => receive(message, parent));
else {
  const page = globalThis as unknown as Port & {
    addEventListener(
      type: "message",
      listen: (event: MessageEvent) => void,
    ): void;
  };
  page.addEventListener("message", ({ data }) => receive(data, page));
}
