/**
 * Trains several models at once, each on some of the processor's cores: small
 * models have too little work for all of them.
 *
 * @module
 */
import type { BackendInfo } from "@lionjs/lion";
import { CannotBegin } from "./needed_files.ts";
import type { Trainer } from "./protocol.ts";
import type { Finished, TrainingCall } from "./training.ts";
import { taskOf, type TaskPlace, type TrainingTask } from "./training_task.ts";
import type { FromWorker, ToWorker } from "./training_worker.ts";

/** What all trainings have in common. */
export interface WorkersCall extends TaskPlace {
  /** How many models are trained at once. */
  readonly atOnce: number;
  readonly backend: Pick<BackendInfo, "name">;
}

/** Threads that train; they end with `using`. */
export class TrainingWorkers implements Trainer {
  readonly atOnce: number;
  readonly #place: TaskPlace;
  readonly #idle: Worker[];
  readonly #all: readonly Worker[];

  /** Starts the threads. */
  constructor(call: WorkersCall) {
    const { atOnce, backend, ...place } = call;
    this.#place = place;
    this.atOnce = atOnce;
    const threads = Math.max(
      1,
      Math.floor(navigator.hardwareConcurrency / atOnce),
    );
    this.#all = Array.from({ length: atOnce }, () => {
      const worker = new Worker(
        new URL("training_worker.ts", import.meta.url),
        { type: "module" },
      );
      tell(worker, { backend: backend.name, threads });
      return worker;
    });
    this.#idle = [...this.#all];
  }

  /**
   * Trains in a thread that is idle.
   *
   * @throws {RangeError} If all are busy.
   */
  async train(call: TrainingCall): Promise<Finished | undefined> {
    const worker = this.#idle.pop();
    if (!worker) {
      throw new RangeError(
        `trainings at once should be ${this.atOnce} or fewer, got one more`,
      );
    }
    try {
      return await trained(worker, taskOf(call, this.#place), call.signal);
    } finally {
      this.#idle.push(worker);
    }
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    for (const worker of this.#all) worker.terminate();
  }
}

/** What a worker makes of a task. */
function trained(
  worker: Worker,
  task: TrainingTask,
  signal: AbortSignal,
): Promise<Finished | undefined> {
  return new Promise((resolve, reject) => {
    const stop = () => tell(worker, { stop: true });
    signal.addEventListener("abort", stop, { once: true });
    const ended = () => signal.removeEventListener("abort", stop);
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      ended();
      if ("error" in data) reject(data.error);
      else if ("refused" in data) reject(new CannotBegin(data.refused));
      else resolve(data.result);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      ended();
      reject(new Error(event.message));
    };
    tell(worker, { task });
  });
}

function tell(worker: Worker, message: ToWorker): void {
  worker.postMessage(message);
}
