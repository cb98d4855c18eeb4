/**
 * A worker that answers an image as its address says: never, as a script that is none of
 * a worker's; never, since it is busy; or with what is no picture.
 *
 * @module
 */
import { parentPort } from "node:worker_threads";

const ANSWERS: Readonly<Record<string, object>> = {
  short: { pixels: new Uint8Array(3) },
  empty: {},
  text: { pixels: "pixels" },
};

const fault = new URL(import.meta.url).search.slice(1);
parentPort!.on("message", (message: { id?: number; seed?: string }) => {
  if (message.seed === undefined) return;
  while (fault === "busy");
  parentPort!.postMessage(
    fault in ANSWERS ? { id: message.id, ...ANSWERS[fault] } : null,
  );
});
