/** Trains models of recipes in a thread of its own: see training_workers.ts. @module */
/// <reference lib="deno.worker" />
import { type BackendName, useBackend } from "@lionjs/lion";
import { contendersOf, type OpenRecipe, type Setting } from "./recipe.ts";
import { RECIPES } from "./recipes.ts";
import { folderOf } from "./run_recipe.ts";
import { type Finished, runTraining } from "./training.ts";

/** What to train: names, and numbers. */
export interface WorkerTask {
  /** Of all recipes' trainings. */
  readonly root: string;
  readonly recipe: string;
  readonly setting: Setting;
  readonly contender: string;
  readonly seed: number;
  readonly steps: number;
  readonly rate: number;
  readonly validations: number;
  readonly folder: string;
  readonly isFinal: boolean;
}

/** What a worker is told. */
export type ToWorker =
  | { readonly backend: BackendName; readonly threads: number }
  | { readonly task: WorkerTask }
  | { readonly stop: true };

/** What it answers to a task; nothing where it was stopped. */
export type FromWorker = { readonly result: Finished | undefined } | {
  readonly error: unknown;
};

const stop = new AbortController();
let started: Promise<unknown> | undefined;

/** The recipe that was opened last: its data are read once. */
let opened: { readonly key: string; readonly open: Promise<OpenRecipe> };

async function run(
  { root, recipe: name, setting, contender: wanted, ...task }: WorkerTask,
): Promise<Finished | undefined> {
  await started;
  const recipe = RECIPES[name]!;
  const key = `${name}-${setting}`;
  if (opened?.key !== key) opened = { key, open: recipe.open(setting) };
  const contender = contendersOf(recipe, setting)
    .find(({ name }) => name === wanted)!;
  const { seed, steps, rate, ...others } = task;
  return await runTraining({
    ...others,
    open: await opened.open,
    choice: {
      ...{ contender, seed, steps, rate },
      folderOf: folderOf({ folder: root, setting }),
    },
    signal: stop.signal,
    progress: false,
  });
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
    answer = { error };
  }
  self.postMessage(answer);
};
