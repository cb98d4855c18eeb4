/** A worker that dies of the first image that it gets. @module */
import process from "node:process";
import { parentPort } from "node:worker_threads";

parentPort!.on("message", (message: object) => {
  if ("seed" in message) process.exit(3);
});
