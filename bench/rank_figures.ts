/** What ranks cost: steps of training, and what they exchange. @module */
import { cpus } from "node:os";
import type { Implementation } from "../tools/mpirun.ts";
import {
  type Budget,
  type Candidate,
  difference,
  measureAlternating,
} from "./measure/timing.ts";
import { RankJob } from "./rank_job.ts";
import {
  OPERATIONS,
  PROBLEM,
  type Reply,
  type Request,
  type Steps,
  type Traffic,
} from "./rank_problem.ts";

/** Steps of training, timed. */
export interface StepFigures {
  readonly name: string;
  readonly ranks: number;
  /** `null` of one rank without a communicator. */
  readonly sharedBy: "data" | "sequence" | null;
  /** Of a batch, on all ranks together. */
  readonly tokens: number;
  /** Of a step, the median. */
  readonly milliseconds: number;
  /** A fifth of the samples took less. */
  readonly p20: number;
  /** A fifth of the samples took more. */
  readonly p80: number;
  /** Of these, for making the batch. */
  readonly making: number;
  /** What the rank that sends most exchanges in a step inside operations. */
  readonly messages: Traffic;
  /** And in reductions over all ranks. */
  readonly reductions: Traffic;
}

/** An exchange, timed. */
export interface ExchangeFigures {
  readonly operation: typeof OPERATIONS[number];
  readonly ranks: number;
  readonly bytes: number;
  /** Until the last rank has it; the fastest, for other programs make the rest wait. */
  readonly milliseconds: number;
}

/** All that was measured. */
export interface RankFigures {
  /** Such as 2026-01-31. */
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly deno: string;
  readonly mpi: string;
  readonly problem: typeof PROBLEM;
  /** Numbers of the model, and so of its gradient. */
  readonly weights: number;
  readonly steps: readonly StepFigures[];
  readonly exchanges: readonly ExchangeFigures[];
}

/** How long to measure. */
export interface RankBudget {
  /** Steps of a sample. */
  readonly steps: number;
  /** Samples of each training, and for how long. */
  readonly samples: Budget;
  /** Exchanges of a size. */
  readonly times: number;
}

/** Some minutes. */
export const WHOLE: RankBudget = {
  steps: 4,
  samples: { milliseconds: 8000, fewest: 7, most: 15 },
  times: 100,
};

/** Half a minute, on an idle machine. */
export const SHORT: RankBudget = {
  steps: 2,
  samples: { milliseconds: 1500, fewest: 3, most: 5 },
  times: 30,
};

/** Bytes that are exchanged. */
const SIZES = [4, 2 ** 12, 2 ** 16, 2 ** 18, 2 ** 20, 2 ** 22];

/** Steps whose losses are compared before anything is timed. */
const CHECKED_STEPS = 2;

/** Of losses, which are sums in another order, after some steps. */
const TOLERANCE = 1e-4;

/** One rank's, with the whole batch; all ratios are to it. */
export const BASELINE = "1 rank";

/** A training that is compared. */
interface Training {
  readonly name: string;
  readonly ranks: number;
  readonly batch: number;
  readonly sharedBy?: "data" | "sequence";
}

/** One rank with the whole batch, with parts of it, and ranks that share it. */
function trainingsOf(ranks: readonly number[]): Training[] {
  const { batch } = PROBLEM;
  const shared = (["data", "sequence"] as const).flatMap((sharedBy) =>
    ranks.filter((count) => count > 1).map((count) => ({
      name: `${count} ranks, ${sharedBy}`,
      ...{ ranks: count, batch, sharedBy },
    }))
  );
  const parts = [2, 4].map((part) => ({
    name: `1 rank, 1/${part} of the batch`,
    ...{ ranks: 1, batch: batch / part },
  }));
  return [{ name: BASELINE, ranks: 1, batch }, ...parts, ...shared];
}

/**
 * Measures ranks with one thread each, in turns; losses and sums are checked
 * first.
 *
 * @param ranks How many ranks share a batch.
 * @throws {ParityError} If a loss is not that of one rank.
 */
export async function measureRanks(
  implementation: Implementation,
  { steps, samples, times }: RankBudget,
  ranks: readonly number[] = [2, 4],
): Promise<RankFigures> {
  await using jobs = new AsyncDisposableStack();
  const byRanks = new Map<number, RankJob>();
  let first: (Reply & { kind: "ready" }) | undefined;
  for (const count of [1, ...ranks]) {
    const { job, ready } = await RankJob.start(implementation, count);
    jobs.use(job);
    byRanks.set(count, job);
    if (ready.kind === "ready") first ??= ready;
  }
  const trainings = trainingsOf(ranks);
  const last = new Map<string, Steps>();
  const expected = Promise.withResolvers<readonly number[]>();
  const candidates: Candidate[] = [];
  for (const { name, ranks, batch, sharedBy } of trainings) {
    const job = byRanks.get(ranks)!;
    await job.ask({ kind: "open", name, batch, ...sharedBy && { sharedBy } });
    candidates.push({
      name,
      async check() {
        const { losses } = await stepped(job, name, CHECKED_STEPS);
        if (name === BASELINE) expected.resolve(losses);
        // Parts of the batch have no reference.
        if (batch < PROBLEM.batch) return null;
        const pairs = [[losses, await expected.promise] as const];
        return difference("the losses of the first steps", pairs, TOLERANCE);
      },
      async run() {
        const taken = await stepped(job, name, steps);
        last.set(name, taken);
        return taken.milliseconds;
      },
    });
  }
  const measured = await measureAlternating(candidates, BASELINE, samples);
  const each = ({ count, bytes }: Traffic): Traffic => {
    return { count: count / steps, bytes: bytes / steps };
  };
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
    mpi: first!.version,
    problem: PROBLEM,
    weights: first!.weights,
    steps: measured.map(({ name, median, p20, p80 }, i) => {
      const { ranks, batch, sharedBy = null } = trainings[i]!;
      const { making, messages, reductions } = last.get(name)!;
      return {
        ...{ name, ranks, sharedBy, tokens: batch * PROBLEM.length },
        milliseconds: median / steps,
        ...{ p20: p20 / steps, p80: p80 / steps, making: making / steps },
        ...{ messages: each(messages), reductions: each(reductions) },
      };
    }),
    exchanges: await exchangesOf(ranks.map((one) => byRanks.get(one)!), times),
  };
}

/** Steps of all ranks: the time of the slowest, and what one of them sends. */
async function stepped(
  job: RankJob,
  name: string,
  steps: number,
): Promise<Steps> {
  const replies = await job.ask({ kind: "step", name, steps });
  const all = replies.map((reply) => (reply as Stepped).steps);
  const slowest = all.reduce((a, b) => b.milliseconds > a.milliseconds ? b : a);
  const most = (of: "messages" | "reductions") =>
    all.map((one) => one[of]).reduce((a, b) => b.bytes > a.bytes ? b : a);
  return {
    ...slowest,
    messages: most("messages"),
    reductions: most("reductions"),
  };
}

type Stepped = Reply & { kind: "stepped" };
type Exchanged = Reply & { kind: "exchanged" };

async function exchangesOf(
  jobs: readonly RankJob[],
  times: number,
): Promise<ExchangeFigures[]> {
  const found: ExchangeFigures[] = [];
  for (const job of jobs) {
    for (const operation of OPERATIONS) {
      for (const bytes of SIZES) {
        const request = { kind: "exchange", operation, bytes, times } as const;
        const replies = await job.ask(request satisfies Request);
        const ranks = replies.map((reply) => (reply as Exchanged).milliseconds);
        const slowest = ranks[0]!.map((_, i) =>
          Math.max(...ranks.map((one) => one[i]!))
        );
        const milliseconds = Math.min(...slowest);
        found.push({ operation, ranks: job.size, bytes, milliseconds });
      }
    }
  }
  return found;
}
