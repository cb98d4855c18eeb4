/** Compares a run of the benches with an earlier one: what is slower beyond noise. @module */
import { LOOP } from "./attention.ts";
import { type Figures, type GroupFigures, type Row, TORCH } from "./figures.ts";
import { quantile } from "./measure.ts";

/** Those whose code is not ours: what changed their time is the machine. */
const OUTSIDERS: readonly string[] = [LOOP, TORCH];

/** Ratios of outsiders without which nothing is said about the machine. */
const FEWEST_OUTSIDERS = 2;

/** One contender in both runs. */
export interface Comparison {
  /** The group, as both runs name it. */
  readonly group: string;
  readonly name: string;
  /** Medians in milliseconds. */
  readonly before: number;
  readonly now: number;
  /** Of the medians, and of what is left of it once the machine's is taken out. */
  readonly ratio: number;
  readonly ownRatio: number;
  /** p80 − p20 relative to the median. */
  readonly spreadBefore: number;
  readonly spreadNow: number;
  /** Beyond noise: whether a fifth of the samples on one side passes a fifth on the other. */
  readonly verdict: "slower" | "faster" | "same";
}

/** Two runs beside each other. */
export interface Comparisons {
  /** How much longer the machine takes now, by the median of who is not ours; 1 if nobody tells. */
  readonly drift: number;
  /** Outsiders that told it. */
  readonly outsiders: number;
  /** What else differs, so that the ratios may not be of the code. */
  readonly differences: readonly string[];
  /** Ours, the slowest first. */
  readonly rows: readonly Comparison[];
  /** Who is in one run only. */
  readonly onlyBefore: readonly string[];
  readonly onlyNow: readonly string[];
}

/** Compares the times of two runs. */
export function compareRuns(before: Figures, now: Figures): Comparisons {
  const [old, fresh] = [rowsOf(before), rowsOf(now)];
  const common = [...fresh.keys()].filter((key) => old.has(key));
  const ratioOf = (key: string) =>
    fresh.get(key)!.row.median / old.get(key)!.row.median;
  const told = common
    .filter((key) => OUTSIDERS.includes(fresh.get(key)!.row.name));
  const drift = told.length >= FEWEST_OUTSIDERS
    ? quantile(told.map(ratioOf), 0.5)
    : 1;
  const rows = common
    .filter((key) => !OUTSIDERS.includes(fresh.get(key)!.row.name))
    .map((key): Comparison => {
      const [{ row: a }, { row: b, group }] = [old.get(key)!, fresh.get(key)!];
      return {
        group,
        name: b.name,
        before: a.median,
        now: b.median,
        ratio: ratioOf(key),
        ownRatio: ratioOf(key) / drift,
        spreadBefore: (a.p80 - a.p20) / a.median,
        spreadNow: (b.p80 - b.p20) / b.median,
        verdict: b.p20 / drift > a.p80
          ? "slower"
          : b.p80 / drift < a.p20
          ? "faster"
          : "same",
      };
    })
    .sort((a, b) => b.ownRatio - a.ownRatio);
  return {
    drift,
    outsiders: told.length,
    differences: differencesOf(before, now),
    rows,
    onlyBefore: [...old.keys()].filter((key) => !fresh.has(key)),
    onlyNow: [...fresh.keys()].filter((key) => !old.has(key)),
  };
}

/** The groups in which anything is slower. */
export function slowerGroups({ rows }: Comparisons): string[] {
  return rows.filter(({ verdict }) => verdict === "slower")
    .map(({ group }) => group);
}

/**
 * A group that was measured twice, with the shorter time of each contender: what
 * is slower only once was slowed by something else.
 */
export function quickestRows(
  once: GroupFigures,
  again: GroupFigures,
): GroupFigures {
  const rows = once.rows.map((row) => {
    const other = again.rows.find(({ name }) => name === row.name);
    return other && other.median < row.median ? other : row;
  });
  return { ...once, rows };
}

/** What is told about two runs. */
export function tellComparisons(
  { drift, outsiders, differences, rows, onlyBefore, onlyNow }: Comparisons,
): string {
  const times = (verdict: Comparison["verdict"]) =>
    rows.filter((row) => row.verdict === verdict);
  const [slower, faster] = [times("slower"), times("faster")];
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  const line = (row: Comparison) =>
    `  ${row.ownRatio.toFixed(2)}  ${row.group}, ${row.name}: ` +
    `${row.before.toPrecision(3)} ms (spread ${
      percent(row.spreadBefore)
    }) before, ` +
    `${row.now.toPrecision(3)} ms (${percent(row.spreadNow)}) now`;
  return [
    ...differences.map((difference) => `the runs differ: ${difference}`),
    outsiders >= FEWEST_OUTSIDERS
      ? `the machine takes ${drift.toFixed(2)} times as long as before, by ` +
        `${outsiders} contenders whose code is not ours; ratios are without it`
      : "nobody tells whether the machine is as fast as before",
    `${rows.length} compared: ${slower.length} slower, ${faster.length} faster beyond noise`,
    ...(slower.length > 0 ? ["slower:", ...slower.map(line)] : []),
    ...(faster.length > 0 ? ["faster:", ...faster.toReversed().map(line)] : []),
    ...onlyBefore.map((key) => `only before: ${key}`),
    ...onlyNow.map((key) => `only now: ${key}`),
  ].join("\n");
}

/** Rows by group and name. */
function rowsOf(
  { groups }: Figures,
): Map<string, { group: string; row: Row }> {
  return new Map(groups.flatMap((group) => {
    const title = titleOf(group);
    return group.rows.map((row) =>
      [`${title}, ${row.name}`, { group: title, row }] as const
    );
  }));
}

/** A group in words. */
export function titleOf(
  { section, backend, parameters }: Pick<
    GroupFigures,
    "section" | "backend" | "parameters"
  >,
): string {
  const chosen = Object.entries(parameters)
    .map(([name, value]) => `${name} ${value}`);
  return [section, backend, ...chosen].join(", ");
}

function differencesOf(before: Figures, now: Figures): string[] {
  const of = ({ machine, backends }: Figures): Record<string, unknown> => ({
    CPU: machine.cpu,
    cores: machine.cores,
    threads: machine.threads,
    "flags of V8": machine.v8Flags ?? "none",
    Deno: machine.deno,
    "WebGPU adapter": backends.find(({ adapter }) => adapter)?.adapter ??
      "none",
  });
  const [a, b] = [of(before), of(now)];
  return Object.keys(a)
    .filter((what) => a[what] !== b[what])
    .map((what) => `${what} ${a[what]} before, ${b[what]} now`);
}
