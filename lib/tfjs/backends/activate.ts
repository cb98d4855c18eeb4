/** Making a backend TensorFlow.js's current one. @module */
import * as tf from "@tensorflow/tfjs-core";
import { replaceKernels } from "../replaced.ts";
import type { BackendName } from "./opened_backend.ts";
import type { Turn } from "./turns.ts";

/** The description of the modules that are loaded when a backend first starts, for messages. */
export const MODULES = "what loads the backend's modules";

/** A function that prepares a backend before it becomes TensorFlow.js's current one. */
export type Install<Backend> = (backend: Backend) => Promise<void> | void;

const registered = new WeakSet<object>();

/** Replaces the backend that tfjs or an earlier call has registered. */
export async function activate(
  name: BackendName,
  backend?: tf.KernelBackend,
): Promise<void> {
  if (backend && !registered.has(backend)) {
    registered.add(backend);
    // The backend that tfjs's own package registers, or an earlier one of ours.
    tf.removeBackend(name);
    tf.registerBackend(name, () => backend, name === "webgpu" ? 3 : 2);
  }
  if (await tf.setBackend(name)) return;
  throw new Error(`TensorFlow.js could not start its ${name} backend`);
}

/** Loads the cpu backend, by whose kernels the others compute integers. */
export async function loadCpu(turn: Turn): Promise<void> {
  const { CPU } = await turn.outside(MODULES, import("./cpu_modules.ts"));
  replaceKernels("cpu", CPU, undefined);
}
