/** Ranks without MPI, in one process. @module */
import type {
  Communicator,
  RankNumbers,
  Reduction,
} from "../../lib/base/communicator.ts";

const REDUCTIONS: Readonly<
  Record<Reduction, (a: number, b: number) => number>
> = {
  sum: (a, b) => a + b,
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
};

/** Waits for all ranks, and gives each what they have brought, in their order. */
class Meeting {
  #brought: RankNumbers[] = [];
  #all = Promise.withResolvers<readonly RankNumbers[]>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  async of(rank: number, values: RankNumbers): Promise<readonly RankNumbers[]> {
    const all = this.#all;
    this.#brought[rank] = values.slice();
    if (Object.keys(this.#brought).length === this.#size) {
      all.resolve(this.#brought);
      this.#brought = [];
      this.#all = Promise.withResolvers();
    }
    return await all.promise;
  }
}

/** As many communicators as there are ranks; of what training uses. */
export function inProcessRanks(size: number): Communicator[] {
  const meeting = new Meeting(size);
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    async allreduce<T extends RankNumbers>(
      values: T,
      reduction: Reduction = "sum",
    ): Promise<T> {
      const all = await meeting.of(rank, values);
      for (let i = 0; i < values.length; i++) {
        values[i] = all.map((of) => of[i]!).reduce(REDUCTIONS[reduction]);
      }
      return values;
    },
    async broadcast<T extends RankNumbers>(values: T, root = 0): Promise<T> {
      values.set((await meeting.of(rank, values))[root]!);
      return values;
    },
    gather: unused,
    exscan: unused,
    barrier: unused,
    send: unused,
    receive: unused,
  }));
}

function unused(): Promise<never> {
  throw new Error("training does not use it");
}
