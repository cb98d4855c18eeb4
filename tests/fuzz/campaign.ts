/** A run of the fuzzer on one backend, whatever becomes of the process that does it. @module */
import { fileURLToPath } from "node:url";
import type { Line, Order, Place } from "./order.ts";
import type { Failure } from "./run_case.ts";
import type { Errors } from "./target.ts";

/** A case that failed, or that its process did not survive. */
export interface Found extends Place {
  readonly target: string;
  readonly seed: number;
  readonly failure: Pick<Failure, "first"> & Partial<Failure>;
}

/** What came of a target's cases. */
export interface Tally {
  /** Seeds from the first on, one a case. */
  readonly first: number;
  cases: number;
  failures: number;
  /** The largest relative errors. */
  errors: Errors;
  /** The case that took longest, of those that came to their end. */
  slowest: { readonly seed: number; readonly milliseconds: number } | null;
}

/** Milliseconds after which a case is taken to have no end. */
const ENDLESS = 180_000;

/** Cases of a run that may end their process, before it is given up. */
const MOST_ENDS = 20;

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Runs an order, in as many processes as it takes.
 *
 * @param hear Is told of each failure when it is found.
 * @param patience Milliseconds that a case may take.
 * @param worker The program that does it.
 * @returns What came of each target, by its name.
 */
export async function campaign(
  order: Order,
  hear: (found: Found) => void,
  { patience = ENDLESS, worker = WORKER }: {
    patience?: number;
    worker?: string;
  } = {},
): Promise<Map<string, Tally>> {
  const { backend, threads } = order;
  const tallies = new Map(
    Object.entries(order.seeds).map(([name, first]): [string, Tally] => [
      name,
      { first, cases: 0, failures: 0, errors: {}, slowest: null },
    ]),
  );
  const count = (
    target: string,
    seed: number,
    errors: Errors,
    failure: Found["failure"] | undefined,
  ) => {
    const tally = tallies.get(target)!;
    tally.cases++;
    tally.errors = larger(tally.errors, errors);
    if (!failure) return;
    tally.failures++;
    hear({ backend, threads, target, seed, failure });
  };
  const end = performance.now() + (order.milliseconds ?? Infinity);
  for (let ends = 0; ends < MOST_ENDS; ends++) {
    const left = end - performance.now();
    const { until = Infinity } = order;
    const seeds = Object.fromEntries(
      [...tallies].map(([name, { first, cases }]) => [name, first + cases])
        .filter(([, seed]) => Number(seed) < until),
    );
    if (left <= 0 || Object.keys(seeds).length === 0) break;
    const rest: Order = {
      ...order,
      seeds,
      ...order.milliseconds === undefined ? {} : { milliseconds: left },
    };
    const at = await runWorker(worker, rest, patience, (line) => {
      if (line.said === "begins") return;
      const { target, seed, milliseconds } = line;
      count(target, seed, line.errors, line.failure);
      const tally = tallies.get(target)!;
      if (milliseconds <= (tally.slowest?.milliseconds ?? 0)) return;
      tally.slowest = { seed, milliseconds: Math.round(milliseconds) };
    });
    if (!at) break;
    if (!at.line) throw new Error(`the fuzzer did not start: ${at.why}`);
    count(at.line.target, at.line.seed, {}, { first: at.why });
  }
  return tallies;
}

/** The larger of each error. */
export function larger(a: Errors, b: Errors): Errors {
  const sum: Record<string, number> = { ...a };
  for (const [name, error] of Object.entries(b)) {
    sum[name] = Math.max(sum[name] ?? 0, error);
  }
  return sum;
}

/** Runs a process; returns what it was at, and why it ended, unless it came to its end. */
async function runWorker(
  worker: string,
  order: Order,
  patience: number,
  hear: (line: Line) => void,
): Promise<{ line: Line | undefined; why: string } | undefined> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", worker, JSON.stringify(order)],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let isEndless = false;
  const giveUp = () => {
    isEndless = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(giveUp, patience);
  const errors = new Response(child.stderr).text();
  let begun: Line | undefined;
  for await (const text of linesOf(child.stdout)) {
    clearTimeout(timer);
    timer = setTimeout(giveUp, patience);
    const line: Line = JSON.parse(text);
    begun = line.said === "begins" ? line : undefined;
    hear(line);
  }
  const { code, signal } = await child.status;
  clearTimeout(timer);
  if (code === 0) return undefined;
  const last = (await errors).trim().split("\n").slice(-3).join(" ");
  const why = isEndless
    ? `it did not end within ${patience / 1000} s`
    : `it ended the process with ${signal ?? code}: ${last}`;
  return { line: begun, why };
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
