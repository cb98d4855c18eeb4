/**
 * Times this tree beside another revision: both compute the same cases in
 * processes of their own, which take turns, after their results were compared.
 *
 * @module
 */
import type { Machine } from "../measure/report_file.ts";
import { ParityError, quantile } from "../measure/timing.ts";
import { wrongIn } from "../operations.ts";
import { rest } from "../peers/peer_process.ts";
import { type Case, casesOf, type COMPARED } from "./cases.ts";
import {
  CheckedOut,
  commitOf,
  ownRevision,
  RevisionProcess,
  type Turn,
  type WorkerOptions,
} from "./revision.ts";

/** What to compare, and for how long. */
export interface CompareOptions extends WorkerOptions {
  /** A name of git's for the other revision. */
  readonly revision: string;
  readonly sections: readonly typeof COMPARED[number][];
  /** Text that is in the titles of all that are compared. */
  readonly filter: string;
  /** Turns of each revision for a case. */
  readonly rounds: number;
  /** Ratio above which a case is slower. */
  readonly most: number;
  /** Is told each case. */
  readonly tell: (line: string) => void;
}

/** Milliseconds of a revision: their median and the least of them. */
export interface Times {
  readonly median: number;
  readonly least: number;
  readonly samples: number;
}

/** A case of both revisions. */
export interface ComparedCase extends Omit<Case, "open" | "together"> {
  readonly before: Times;
  readonly now: Times;
  /** The median of the ratios of rounds, each of neighbouring turns. */
  readonly ratio: number;
  /** Of the least times. */
  readonly ratioOfLeast: number;
  /** Whether both ratios are above the bound, in a second measurement too. */
  readonly isSlower: boolean;
}

/** What was found out about two revisions. */
export interface RevisionComparison {
  /** What was typed. */
  readonly command: string;
  /** ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  /** The backend, and of webgpu the adapter. */
  readonly backend: string;
  readonly adapter: string;
  /** Commits. */
  readonly before: string;
  readonly now: string;
  readonly most: number;
  readonly cases: readonly ComparedCase[];
  /** What the other revision cannot compute, and why. */
  readonly absent: readonly { readonly name: string; readonly why: string }[];
}

/** Of models, whose layers add up. */
const TOLERANCE_OF_MODELS = { forward: 1e-3, gradients: 1e-3 };

const TURN: Turn = { milliseconds: 60, most: 15, long: 300 };

/** Seconds after which a case has no further round, if it has three. */
const LONG_CASE = 30;

/** Compares this tree with a revision, but for the fields that tell of the run. */
export async function compareRevisions(
  options: CompareOptions,
): Promise<Omit<RevisionComparison, "command" | "date" | "machine">> {
  const { revision, backend, most, tell } = options;
  const before = await commitOf(revision), now = await ownRevision();
  await using files = await CheckedOut.of(before);
  await using old = await RevisionProcess.start(
    revision,
    options,
    files.folder,
  );
  await using own = await RevisionProcess.start("this tree", options);
  const cases: ComparedCase[] = [];
  const absent: { name: string; why: string }[] = [];
  for (const [at, one] of casesOf(options.lengths).entries()) {
    if (!isChosen(one, options)) continue;
    try {
      await own.open(at);
      const why = await old.open(at).then(() => null, messageOf);
      const found = why ?? await compareCase(one, old, own, options);
      if (typeof found === "string") {
        absent.push({ name: titleOf(one), why: found });
        tell(`${titleOf(one)} is not in ${revision}: ${found}`);
      } else {
        cases.push(found);
        tell(lineOf(found));
      }
    } finally {
      await own.release();
      await old.release();
    }
  }
  const adapter = own.version;
  return { backend, adapter, before, now, most, cases, absent };
}

/** The case with its times, or why the other revision cannot compute it. */
async function compareCase(
  one: Case,
  old: RevisionProcess,
  own: RevisionProcess,
  { rounds, most }: CompareOptions,
): Promise<ComparedCase | string> {
  const results = await own.outputs();
  const reference = await own.reference();
  const older = await old.outputs().catch(messageOf);
  if (typeof older === "string") return older;
  for (
    const [who, values] of [["this tree", results], ["it", older]] as const
  ) {
    const wrong = wrongIn(
      values,
      reference,
      one.together,
      one.section === "models" ? TOLERANCE_OF_MODELS : undefined,
    );
    if (wrong) throw new ParityError(`${titleOf(one)}, ${who}: ${wrong}`);
  }
  const taken: Round[] = [];
  await takeRounds(taken, old, own, rounds);
  const ratios = () => {
    const [before, now] = [0, 1].map((side) => timesOf(taken, side as 0 | 1));
    return {
      ...{ before: before!, now: now! },
      ratio: quantile(
        taken.map(([a, b]) => quantile(b, 0.5) / quantile(a, 0.5)),
        0.5,
      ),
      ratioOfLeast: now!.least / before!.least,
    };
  };
  const isAbove = () => {
    const { ratio, ratioOfLeast } = ratios();
    return ratio > most && ratioOfLeast > most;
  };
  // What is slower only once was slowed by something else.
  if (isAbove()) await takeRounds(taken, old, own, 2 * rounds);
  const { section, name, length, work } = one;
  return { section, name, length, work, ...ratios(), isSlower: isAbove() };
}

/** Samples of neighbouring turns, of the other revision and of this tree. */
type Round = readonly [before: number[], now: number[]];

async function takeRounds(
  taken: Round[],
  old: RevisionProcess,
  own: RevisionProcess,
  rounds: number,
): Promise<void> {
  const start = performance.now();
  const turnOf = async (side: RevisionProcess) => {
    await rest();
    return await side.turn(TURN);
  };
  // Neither has compiled and warmed all that it runs.
  if (taken.length === 0) { for (const side of [old, own]) await turnOf(side); }
  for (let round = 0; round < rounds; round++) {
    const seconds = (performance.now() - start) / 1000;
    if (round >= 3 && seconds > LONG_CASE) break;
    // Who is first takes turns, too.
    if (round % 2 === 0) {
      const before = await turnOf(old);
      taken.push([before, await turnOf(own)]);
    } else {
      const now = await turnOf(own);
      taken.push([await turnOf(old), now]);
    }
  }
}

function timesOf(rounds: readonly Round[], side: 0 | 1): Times {
  const samples = rounds.flatMap((round) => round[side]);
  return {
    median: quantile(samples, 0.5),
    least: Math.min(...samples),
    samples: samples.length,
  };
}

function isChosen(one: Case, { sections, filter }: CompareOptions): boolean {
  return sections.includes(one.section) && titleOf(one).includes(filter);
}

/** A case in words. */
export function titleOf(
  { section, name, work, length }: Pick<
    Case,
    "section" | "name" | "work" | "length"
  >,
): string {
  const tokens = length === null ? [] : [`${length} tokens`];
  return [section, name, work, ...tokens].join(", ");
}

/** The times of a case and their ratio, in a line. */
export function lineOf(one: ComparedCase): string {
  const { before, now, ratio, ratioOfLeast, isSlower } = one;
  const times = [before, now].map(({ median, least }) =>
    `${median.toPrecision(3)} (${least.toPrecision(3)})`
  );
  return `${titleOf(one).padEnd(60)} ${times.join(" → ")} ms: ${
    ratio.toFixed(2)
  }, of the least ${ratioOfLeast.toFixed(2)}${isSlower ? ": SLOWER" : ""}`;
}

/** The ranges of ratios of cases that begin alike, and what is slower. */
export function tellComparison(
  { before, now, most, cases, absent }: Pick<
    RevisionComparison,
    "before" | "now" | "most" | "cases" | "absent"
  >,
): string {
  const alike = Map.groupBy(cases, ({ section, name, work, length }) => {
    const tokens = length === null ? "" : `, ${length} tokens`;
    return `${section}, ${name.split(", ")[0]}, ${work}${tokens}`;
  });
  const range = (numbers: readonly number[]) =>
    [
      ...new Set([Math.min(...numbers), Math.max(...numbers)].map((ratio) =>
        ratio.toFixed(2)
      )),
    ].join("–");
  const slower = cases.filter(({ isSlower }) => isSlower);
  return [
    `time now divided by time before: medians, and of the least times; ${
      before.slice(0, 12)
    } before, ${now} now`,
    ...[...alike].map(([title, own]) =>
      `  ${title.padEnd(50)} ${range(own.map(({ ratio }) => ratio))}, ${
        range(own.map(({ ratioOfLeast }) => ratioOfLeast))
      }`
    ),
    `${cases.length} compared, ${absent.length} only now: ` +
    (slower.length === 0
      ? `none takes more than ${most} of the time`
      : `${slower.length} take more than ${most} of the time:`),
    ...slower.map((one) => `  ${lineOf(one)}`),
  ].join("\n");
}

function messageOf(error: unknown): string {
  return (error as Error).message;
}
