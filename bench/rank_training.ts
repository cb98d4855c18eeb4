/** A training that takes as many steps as it is told to, and then waits. @module */
import type { MpiCommunicator } from "@lionjs/lion/mpi";
import { crossEntropy, train } from "@lionjs/lion/training";
import {
  batchesOf,
  modelOf,
  type Steps,
  type Traffic,
} from "./rank_problem.ts";

/** Steps that are taken, and who waits for their end. */
interface Turn {
  left: number;
  readonly losses: number[];
  readonly end: () => void;
}

/** Of this rank; all ranks of a job have the same. */
export class RankTraining {
  readonly #mpi: MpiCommunicator;
  readonly #counted: Counted;
  readonly #stop = new AbortController();
  readonly #trained: Promise<unknown>;
  readonly #begun = Promise.withResolvers<void>();
  #turn: Turn | undefined;
  #wake = Promise.withResolvers<void>();
  #making = 0;

  /**
   * @param batch Sequences of a batch, of all ranks.
   * @param sharedBy What ranks share; nothing for one without a communicator.
   */
  constructor(
    mpi: MpiCommunicator,
    counted: Counted,
    batch: number,
    sharedBy: "data" | "sequence" | undefined,
  ) {
    this.#mpi = mpi;
    this.#counted = counted;
    const model = modelOf();
    const data = batchesOf(batch, (milliseconds) => {
      this.#making += milliseconds;
    });
    this.#trained = train(model, data, {
      steps: 1_000_000,
      loss: crossEntropy(),
      optimizer: { learningRate: () => 1e-3 },
      progress: false,
      signal: this.#stop.signal,
      ...(sharedBy ? { communicator: mpi, ranks: sharedBy } : {}),
      callbacks: {
        onTrainBegin: () => {
          this.#begun.resolve();
          return this.#wake.promise;
        },
        onBatchEnd: (_, logs) => this.#stepped(Number(logs!["loss"])),
      },
    }).finally(() => model.dispose());
  }

  /** Returns when the ranks have compared what they train, and are ready for steps. */
  async ready(): Promise<void> {
    await Promise.race([this.#begun.promise, this.#trained]);
  }

  /** Takes steps; all ranks begin together. */
  async take(steps: number): Promise<Steps> {
    await this.#mpi.barrier();
    const before = this.#counted();
    this.#making = 0;
    const begun = performance.now();
    const losses: number[] = [];
    const ended = new Promise<void>((end) => {
      this.#turn = { left: steps, losses, end };
    });
    this.#wake.resolve();
    // A training that fails ends no turn.
    await Promise.race([ended, this.#trained]);
    const milliseconds = performance.now() - begun;
    const after = this.#counted();
    return {
      milliseconds,
      losses,
      making: this.#making,
      messages: difference(after.messages, before.messages),
      reductions: difference(after.reductions, before.reductions),
    };
  }

  /** Takes a last step, and frees the model. */
  async end(): Promise<void> {
    this.#stop.abort();
    this.#turn = { left: 2, losses: [], end() {} };
    this.#wake.resolve();
    await this.#trained;
  }

  async #stepped(loss: number): Promise<void> {
    const turn = this.#turn!;
    turn.losses.push(loss);
    if (--turn.left > 0) return;
    this.#wake = Promise.withResolvers();
    turn.end();
    await this.#wake.promise;
  }
}

/** What a rank has sent so far. */
export type Counted = () => {
  readonly messages: Traffic;
  readonly reductions: Traffic;
};

function difference(after: Traffic, before: Traffic): Traffic {
  return {
    count: after.count - before.count,
    bytes: after.bytes - before.bytes,
  };
}

/** Counts from now on what a rank sends. */
export function counted(mpi: MpiCommunicator): Counted {
  const messages = { count: 0, bytes: 0 };
  const reductions = { count: 0, bytes: 0 };
  const exchange = mpi.exchange.bind(mpi);
  mpi.exchange = (values, peers, about) => {
    messages.count++;
    messages.bytes += values.byteLength;
    return exchange(values, peers, about);
  };
  const allreduce = mpi.allreduce.bind(mpi);
  mpi.allreduce = (values, reduction) => {
    reductions.count++;
    reductions.bytes += values.byteLength;
    return allreduce(values, reduction);
  };
  return () => ({ messages: { ...messages }, reductions: { ...reductions } });
}
