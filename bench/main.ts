/**
 * Measures lion beside tfjs, plain loops and other libraries: `deno task bench`
 * in the terminal, `deno task report` as a page, and `--compare` beside another
 * revision of itself. `--help` says what can be chosen.
 *
 * All numbers of a run are in one file (`bench/measure/report_file.ts`), of which tables,
 * pages and documents are views.
 *
 * @module
 */
import type { BackendName } from "@lionjs/lion";
import {
  positive,
  positiveInteger,
  readCommandLine,
  someOf,
  threadCount,
  wholeNumbers,
} from "../tools/command_line.ts";
import type { Implementation } from "../tools/mpirun.ts";
import { jsonRows } from "../tools/json_rows.ts";
import { outPath, writeOutput } from "../tools/out_folder.ts";
import { isKept, reachedIn } from "./bounds.ts";
import { COMPARED } from "./compare/cases.ts";
import {
  type CompareOptions,
  compareRevisions,
  tellComparison,
} from "./compare/compare_revisions.ts";
import { commitOf } from "./compare/revision.ts";
import { describeMachine } from "./machine.ts";
import { measureRanks, SHORT, WHOLE } from "./rank_figures.ts";
import { implementationOf, tellRanks } from "./ranks.ts";
import { ParityError } from "./measure/timing.ts";
import { FIGURES } from "./report/figures.ts";
import { makeReport, type ReportOptions } from "./report/make_report.ts";
import { packReport } from "./report/pack.ts";
import { reportPage } from "./report/page.ts";
import { FIGURE_NAMES, type Report } from "./measure/report_file.ts";
import { asRows } from "./measure/report_rows.ts";
import { tellFigure } from "./report/tell_figure.ts";
import { writeViews } from "./views.ts";

const BACKENDS: readonly BackendName[] = ["wasm", "webgpu", "cpu"];

/** The task that was called: `report` is `bench --page`. */
const TASK = Deno.args.includes("--page")
  ? "deno task report"
  : "deno task bench";

/** Figures that take minutes each. */
const LONG_FIGURES = FIGURE_NAMES.filter((name) => FIGURES[name].isLong);

const USAGE = `Usage: ${TASK} [options]

Checks results, then measures the figures of speed and memory, and reports whether
bounds are met: if not, bench exits with 1. report writes ${
  outPath("report.html")
}, a
page that needs no network, and ${outPath("report.json")}.

  --backend NAMES   some of ${BACKENDS.join(", ")} (default: all that start)
  --only FIGURES    ${FIGURE_NAMES.slice(0, 7).join(", ")},
                    ${FIGURE_NAMES.slice(7, 13).join(", ")},
                    ${FIGURE_NAMES.slice(13, 19).join(", ")},
                    ${FIGURE_NAMES.slice(19).join(", ")}
                    (default: all but ${LONG_FIGURES.join(", ")})
  --long            also ${
  LONG_FIGURES.join(", ")
}, which may take over half an hour
  --quick           the smallest sizes, for a few seconds: to see that it runs
  --threads N       threads of wasm and PyTorch (default: one per core)
  --json FILE       also write the figures there
  --page            make the report: deno task report is bench --page
  --views           measure nothing, but make the tables in documents from the kept
                    report, bench/report/two_cores.json
  --pack FILE       measure nothing, but make a .tar.gz for a machine of this kind
                    without a network: unpacked there, lion-report/run.sh takes
                    these options and makes the report
  --help            print this

Lists are separated by commas. Without a GPU all figures together take about
twenty minutes; times on a busy machine mean little. The task sets V8 flags;
\`deno run -A bench/main.ts\` measures without them.

  --compare REV     time this tree and another git revision in turns, after
                    comparing their results; exits with 1 if anything takes
                    more than --most times as long, in a second measurement too
  --only SECTIONS   some of ${COMPARED.join(", ")} (default: all)
  --filter TEXT     only cases whose titles contain TEXT
  --lengths TOKENS  default 1024
  --backend NAME    default wasm
  --rounds N        turns per revision and case (default 6)
  --most RATIO      default 1.05
  --json FILE, --threads N

  --ranks           time training by ranks that share a batch, one thread each, and
                    what they exchange, under MPI; exits with 1 if two are not
                    faster than one by the goal. --quick takes half a minute
  --mpi NAME        one of those installed (default: the first)
  --json FILE       docs/cluster.md tells of bench/ranks.json`;

/** What to do. */
type Options =
  | { readonly views: true }
  | { readonly pack: string }
  | {
    readonly ranks: Implementation;
    readonly quick: boolean;
    readonly json?: string;
  }
  | { readonly compare: Omit<CompareOptions, "tell">; readonly json?: string }
  | {
    readonly measure: Omit<ReportOptions, "tell" | "command">;
    readonly isPage: boolean;
    readonly json?: string;
  };

function readOptions(): Promise<Options> {
  return readCommandLine(USAGE, {
    backend: { type: "string" },
    only: { type: "string" },
    long: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    threads: { type: "string", default: String(navigator.hardwareConcurrency) },
    json: { type: "string" },
    page: { type: "boolean", default: false },
    views: { type: "boolean", default: false },
    pack: { type: "string" },
    ranks: { type: "boolean", default: false },
    mpi: { type: "string" },
    compare: { type: "string" },
    filter: { type: "string" },
    lengths: { type: "string" },
    rounds: { type: "string" },
    most: { type: "string" },
  }, async (values): Promise<Options> => {
    const { backend, only, compare, pack } = values;
    if (values.long && only !== undefined) {
      throw new RangeError("--long adds to all figures, and --only has others");
    }
    const threads = threadCount("--threads", values.threads);
    const json = values.json === undefined ? {} : { json: values.json };
    if (values.views) return { views: true };
    if (pack !== undefined) return { pack: archiveOf(pack) };
    if (values.ranks) {
      const ranks = await implementationOf(values.mpi);
      return { ranks, quick: values.quick, ...json };
    }
    if (compare === undefined) {
      const usual = FIGURE_NAMES.filter((name) =>
        values.long || !LONG_FIGURES.includes(name)
      );
      for (const name of ["filter", "lengths", "rounds", "most"] as const) {
        if (values[name] === undefined) continue;
        throw new RangeError(`--${name} is of --compare`);
      }
      return {
        measure: {
          backends: someOf("--backend", backend ?? BACKENDS.join(), BACKENDS),
          figures: someOf("--only", only ?? usual.join(), FIGURE_NAMES),
          ...{ quick: values.quick, threads },
        },
        ...{ isPage: values.page, ...json },
      };
    }
    const [one, ...more] = someOf("--backend", backend ?? "wasm", BACKENDS);
    if (more.length > 0) {
      throw new RangeError(`--backend should be one with --compare`);
    }
    await commitOf(compare);
    return {
      compare: {
        ...{ revision: compare, backend: one!, threads },
        sections: someOf("--only", only ?? COMPARED.join(), COMPARED),
        filter: values.filter ?? "",
        lengths: wholeNumbers("--lengths", values.lengths ?? "1024"),
        rounds: positiveInteger("--rounds", values.rounds ?? "6"),
        most: positive("--most", values.most ?? "1.05"),
      },
      ...json,
    };
  });
}

/** Where to pack to. */
function archiveOf(path: string): string {
  if (path.endsWith(".tar.gz")) return path;
  throw new RangeError(`--pack should end with .tar.gz, got "${path}"`);
}

const command = [
  TASK,
  ...Deno.args.filter((argument) => argument !== "--page"),
].join(" ");

async function pack(archive: string): Promise<void> {
  await packReport(archive);
  const { size } = await Deno.stat(archive);
  const mebibytes = (size / 2 ** 20).toFixed(0);
  console.log(`${archive}, ${mebibytes} MiB: unpack it there, and run it by`);
  console.log(`tar -xzf ${archive.split("/").at(-1)} && lion-report/run.sh`);
}

/** Digits of times, of which the third is seldom the same a second time. */
const DIGITS = 5;

async function write(file: string, data: object): Promise<void> {
  await writeOutput(file, jsonRows(data, DIGITS));
  console.log(file);
}

/** Whether nothing is slower than in the other revision. */
async function compare(
  options: Omit<CompareOptions, "tell">,
  json: string | undefined,
): Promise<boolean> {
  const found = {
    ...{ command, date: new Date().toISOString() },
    machine: describeMachine(options.threads, null),
    ...await compareRevisions({ ...options, tell: console.log }),
  };
  console.log(`\n${tellComparison(found)}`);
  if (json !== undefined) await write(json, found);
  return !found.cases.some(({ isSlower }) => isSlower);
}

/** Whether all bounds are kept. */
function tellBounds(report: Report): boolean {
  const reached = reachedIn(report);
  console.log("\nbounds of ratios");
  for (const one of reached) {
    const { what, ratio, most } = one;
    console.log(
      `  ${what}: ${ratio.toFixed(2)}, bound ${most}${
        isKept(one) ? "" : ": EXCEEDED"
      }`,
    );
  }
  return reached.every(isKept);
}

/** Does what is asked; whether nothing is to be said against it. */
async function main(options: Options): Promise<boolean> {
  if ("views" in options) {
    console.log((await writeViews()).join("\n") || "nothing has changed");
    return true;
  }
  if ("pack" in options) {
    await pack(options.pack);
    return true;
  }
  if ("ranks" in options) {
    const { ranks, quick, json } = options;
    const figures = await measureRanks(ranks, quick ? SHORT : WHOLE);
    if (json !== undefined) await write(json, figures);
    return tellRanks(figures);
  }
  if ("compare" in options) return await compare(options.compare, options.json);
  const { measure, isPage, json } = options;
  const report = await makeReport({
    ...{ ...measure, command, tell: console.log },
    ...!isPage && { tellFigure: (one) => console.log(tellFigure(one)) },
  });
  if (json !== undefined) await write(json, asRows(report));
  if (!isPage) return tellBounds(report);
  await write(outPath("report.json"), asRows(report));
  await writeOutput(outPath("report.html"), await reportPage(report));
  console.log(`${outPath("report.html")}, ${report.seconds} s`);
  return true;
}

let isFine = false;
try {
  isFine = await main(await readOptions());
} catch (error) {
  if (!(error instanceof ParityError)) throw error;
  console.error(`there is no time, since a result is wrong: ${error.message}`);
}
// Workers of a backend must not keep the process.
Deno.exit(isFine ? 0 : 1);
