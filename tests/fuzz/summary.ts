/** What runs of the fuzzer have found, as people read it. @module */
import { type Found, larger, type Tally } from "./campaign.ts";
import { type Place, placeText } from "./order.ts";
import type { Errors } from "./target.ts";

/** A run on a backend. */
export interface Run extends Place {
  readonly minutes: number;
  readonly tallies: ReadonlyMap<string, Tally>;
}

/** The command line that repeats a failure. */
export function repeating({ backend, threads, target, seed }: Found): string {
  return `deno task fuzz --backend ${backend}` +
    (backend === "wasm" ? ` --threads ${threads}` : "") +
    ` --only ${target} --seed ${seed} --cases 1`;
}

/** Letters of a case that are printed. */
const LONGEST = 2000;

/** A failure in some lines. */
export function failureText(found: Found): string {
  const { first, message, shrunk, path } = found.failure;
  const lines = [
    `${placeText(found)}, ${found.target}, seed ${found.seed}: ${first}`,
  ];
  if (shrunk !== undefined) {
    lines.push(
      `  as small as it gets: ${message}`,
      `  ${shrunk.length > LONGEST ? `${shrunk.slice(0, LONGEST)}…` : shrunk}`,
    );
  }
  lines.push(`  ${repeating(found)}`);
  if (path?.includes(":")) lines.push(`  ${repeating(found)} --path ${path}`);
  return lines.join("\n");
}

function errorsText(errors: Errors): string {
  const gradients = Object.entries(errors).filter(([name]) => name !== "y");
  const largest = Object.values(
    gradients.reduce<Errors>(
      (all, [, error]) => larger(all, { gradients: error }),
      {},
    ),
  );
  return [errors["y"], largest[0]].map((error) =>
    error === undefined ? "–" : error.toExponential(1)
  ).join(" | ");
}

/** A table of all runs, for docs/testing.md. */
export function table(runs: readonly Run[]): string {
  const lines = [
    "| backend | target | cases | seeds from | largest error, y | gradients | failures |",
    "| --- | --- | --: | --: | --: | --: | --: |",
  ];
  for (const run of runs) {
    for (const [name, tally] of run.tallies) {
      const { cases, failures, first, errors } = tally;
      if (cases === 0) continue;
      lines.push(
        `| ${placeText(run)} | ${name} | ${cases} | ${first} | ${
          errorsText(errors)
        } | ${failures} |`,
      );
    }
  }
  return lines.join("\n");
}

/** All of it, for programs: errors by tensor, too. */
export function figures(runs: readonly Run[], found: readonly Found[]): string {
  return JSON.stringify(
    {
      runs: runs.map(({ tallies, ...run }) => ({
        ...run,
        targets: Object.fromEntries(tallies),
      })),
      failures: found.map((one) => ({ ...one, repeat: repeating(one) })),
    },
    null,
    2,
  );
}
