/** Starting the cpu backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { activate, loadCpu } from "./activate.ts";
import type { StartedBackend } from "./opened_backend.ts";
import type { Turn } from "./turns.ts";

/** Starts the backend, or keeps the running one. */
export async function startCpu(turn: Turn): Promise<StartedBackend> {
  await loadCpu(turn);
  await activate("cpu");
  // The cpu backend advertises another package on its first use in Deno or Node.
  (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  return { info: { name: "cpu", features: [], limits: {} } };
}
