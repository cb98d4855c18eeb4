/** Trains models of recipes by all ranks of an MPI job together. @module */
import type { Communicator } from "@lionjs/lion/mpi";
import type { SharedBy } from "@lionjs/lion/training";
import type { Trainer } from "./protocol.ts";
import { type Finished, runTraining, type TrainingCall } from "./training.ts";
import {
  callOf,
  taskOf,
  type TaskPlace,
  type TrainingTask,
} from "./training_task.ts";

/** The ranks, and what they share. */
export interface Together {
  readonly communicator: Communicator;
  readonly ranks: SharedBy;
}

/** The first rank, which runs the protocol and tells the others what to train. */
export class TrainingRanks implements Trainer {
  /** All ranks train the same model. */
  readonly atOnce = 1;
  readonly #together: Together;
  readonly #place: TaskPlace;

  /** The others {@linkcode follow}. */
  constructor(together: Together, place: TaskPlace) {
    this.#together = together;
    this.#place = place;
  }

  /** Trains, with all ranks. */
  async train(call: TrainingCall): Promise<Finished | undefined> {
    await tell(this.#together.communicator, taskOf(call, this.#place));
    return await runTraining({ ...call, together: this.#together });
  }
}

/** The first rank tells the others that there is nothing more to train. */
export async function dismiss(communicator: Communicator): Promise<void> {
  await tell(communicator, null);
}

/** What the other ranks do: they train what they are told. */
export async function follow(
  together: Together,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const task = await hear(together.communicator);
    if (!task) return;
    const call = await callOf(task);
    await runTraining({ ...call, signal, progress: false, together });
  }
}

type Order = TrainingTask | null;

async function tell(communicator: Communicator, order: Order): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(order));
  await communicator.broadcast(Int32Array.of(bytes.length));
  await communicator.broadcast(bytes);
}

async function hear(communicator: Communicator): Promise<Order> {
  const [length] = await communicator.broadcast(new Int32Array(1));
  const bytes = await communicator.broadcast(new Uint8Array(length!));
  return JSON.parse(new TextDecoder().decode(bytes));
}
