/**
 * A worker that dies of the first image that it gets, unless there is the file
 * that its address names; it makes it.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { parentPort } from "node:worker_threads";

const marker = new URL(import.meta.url).searchParams.get("marker")!;
try {
  writeFileSync(marker, "", { flag: "wx" });
  parentPort!.on("message", (message: object) => {
    if ("seed" in message) process.exit(3);
  });
} catch {
  await import("../../../lib/data/images/batching/image_worker.ts");
}
