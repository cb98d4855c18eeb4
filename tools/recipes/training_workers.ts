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

/** Milliseconds in which a training that is told to stop should answer. */
const STOPS_WITHIN = 60_000;

/** Threads that train; they end with `using`. */
export class TrainingWorkers implements Trainer {
  readonly atOnce: number;
  readonly #place: TaskPlace;
  readonly #idle: Thread[];
  readonly #all: readonly Thread[];

  /** Starts the threads. */
  constructor(call: WorkersCall) {
    const { atOnce, backend, ...place } = call;
    this.#place = place;
    this.atOnce = atOnce;
    const threads = Math.max(
      1,
      Math.floor(navigator.hardwareConcurrency / atOnce),
    );
    this.#all = Array.from(
      { length: atOnce },
      () => new Thread({ backend: backend.name, threads }),
    );
    this.#idle = [...this.#all];
  }

  /**
   * Trains in a thread that is idle.
   *
   * @throws {RangeError} If all are busy.
   * @throws {Error} If its thread has ended, or does not stop when it is told to.
   */
  async train(call: TrainingCall): Promise<Finished | undefined> {
    const thread = this.#idle.pop();
    if (!thread) {
      throw new RangeError(
        `trainings at once should be ${this.atOnce} or fewer, got one more`,
      );
    }
    try {
      return await thread.train(taskOf(call, this.#place), call.signal);
    } finally {
      this.#idle.push(thread);
    }
  }

  /** Ends the threads. */
  [Symbol.dispose](): void {
    for (const thread of this.#all) thread.end("all trainings are done");
  }
}

/** A worker, which may end at any time: whoever waits for it must hear of that. */
class Thread {
  readonly #worker = new Worker(
    new URL("training_worker.ts", import.meta.url),
    { type: "module" },
  );
  readonly #ended = Promise.withResolvers<never>();

  constructor(first: ToWorker) {
    this.#ended.promise.catch(() => {}); // perhaps nobody waits
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.end(event.message);
    };
    this.#tell(first);
  }

  /** Ends it, and rejects what it is asked for from now on. */
  end(why: string): void {
    this.#ended.reject(new Error(why));
    this.#worker.terminate();
  }

  /** What it makes of a task. */
  async train(
    task: TrainingTask,
    signal: AbortSignal,
  ): Promise<Finished | undefined> {
    let late: ReturnType<typeof setTimeout> | undefined;
    const stop = () => {
      this.#tell({ stop: true });
      const seconds = STOPS_WITHIN / 1000;
      late = setTimeout(() =>
        this.end(
          `training in ${task.folder} should stop within ${seconds} seconds, and its thread was ended; it goes on from its last checkpoint`,
        ), STOPS_WITHIN);
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      const answer = new Promise<FromWorker>((resolve) => {
        this.#worker.onmessage = ({ data }) => resolve(data);
      });
      this.#tell({ task });
      const data = await Promise.race([answer, this.#ended.promise]);
      if ("error" in data) throw data.error;
      if ("refused" in data) throw new CannotBegin(data.refused);
      return data.result;
    } finally {
      signal.removeEventListener("abort", stop);
      clearTimeout(late);
    }
  }

  #tell(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
}
