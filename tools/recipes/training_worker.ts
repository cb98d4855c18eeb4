/** Trains models of recipes in a thread of its own: see training_workers.ts. @module */
/// <reference lib="deno.worker" />
import { type BackendName, useBackend } from "@lionjs/lion";
import { CannotBegin } from "./needed_files.ts";
import { type Finished, runTraining } from "./training.ts";
import { callOf, type TrainingTask } from "./training_task.ts";

/** What a worker is told. */
export type ToWorker =
  | { readonly backend: BackendName; readonly threads: number }
  | { readonly task: TrainingTask }
  | { readonly stop: true };

/** What it answers to a task; nothing where it was stopped. */
export type FromWorker =
  | { readonly result: Finished | undefined }
  | { readonly error: unknown }
  /** The message of a {@linkcode CannotBegin}, whose class messages do not keep. */
  | { readonly refused: string };

const stop = new AbortController();
let started: Promise<unknown> | undefined;

async function run(task: TrainingTask): Promise<Finished | undefined> {
  await started;
  const call = await callOf(task);
  return await runTraining({ ...call, signal: stop.signal, progress: false });
}

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  if ("stop" in data) return stop.abort();
  if ("backend" in data) {
    const { backend, threads } = data;
    started = useBackend({
      prefer: [backend],
      ...backend === "wasm" ? { threads } : {},
    });
    return;
  }
  let answer: FromWorker;
  try {
    answer = { result: await run(data.task) };
  } catch (error) {
    answer = error instanceof CannotBegin
      ? { refused: error.message }
      : { error };
  }
  self.postMessage(answer);
};
