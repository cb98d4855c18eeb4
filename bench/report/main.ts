/**
 * Makes the paper's figures of speed and memory on the machine at hand:
 * `deno task report`, with `--help` for what can be chosen.
 *
 * @module
 */
import type { BackendName } from "@lionjs/lion";
import {
  readCommandLine,
  someOf,
  threadCount,
} from "../../tools/command_line.ts";
import { outPath, writeOutput } from "../../tools/out_folder.ts";
import { ParityError } from "../measure.ts";
import { makeReport } from "./make_report.ts";
import { packReport } from "./pack.ts";
import { reportPage } from "./page.ts";
import { FIGURE_NAMES } from "./report_file.ts";

const BACKENDS: readonly BackendName[] = ["wasm", "webgpu", "cpu"];

const USAGE = `Usage: deno task report [options]

Checks results, then measures the paper's figures of speed and memory, and writes
${outPath("report.html")}, a page that needs no network, and ${
  outPath("report.json")
}.

  --backend NAMES   of ${BACKENDS.join(", ")} (default: all that start)
  --only FIGURES    of ${FIGURE_NAMES.slice(0, 5).join(", ")},
                    ${FIGURE_NAMES.slice(5).join(", ")} (default: all)
  --quick           the smallest sizes, for some seconds: to see that it runs
  --threads N       of wasm and of PyTorch (default: one for each core)
  --pack FILE       measure nothing, but make a .tar.gz for a machine of this kind
                    without a network: unpacked there, lion-report/run.sh takes
                    these options and makes the report
  --help            print this

Lists are separated by commas. Without a GPU all figures together are given twelve
minutes, of which an idle machine needs less; times of a busy one mean little.`;

const { backends, figures, quick, threads, pack } = await readCommandLine(
  USAGE,
  {
    backend: { type: "string", default: BACKENDS.join() },
    only: { type: "string", default: FIGURE_NAMES.join() },
    quick: { type: "boolean", default: false },
    threads: { type: "string", default: String(navigator.hardwareConcurrency) },
    pack: { type: "string" },
  },
  ({ backend, only, quick, threads, pack }) => ({
    backends: someOf("--backend", backend, BACKENDS),
    figures: someOf("--only", only, FIGURE_NAMES),
    quick,
    threads: threadCount("--threads", threads),
    pack: pack === undefined ? null : archiveOf(pack),
  }),
);

/** Where to pack to. */
function archiveOf(path: string): string {
  if (path.endsWith(".tar.gz")) return path;
  throw new RangeError(`--pack should end with .tar.gz, got "${path}"`);
}

if (pack !== null) {
  await packReport(pack);
  const { size } = await Deno.stat(pack);
  const told = (size / 2 ** 20).toFixed(0);
  console.log(`${pack}, ${told} MiB: unpack it there, and run it by`);
  console.log(`tar -xzf ${pack.split("/").at(-1)} && lion-report/run.sh`);
  Deno.exit(0);
}

try {
  const report = await makeReport({
    ...{ backends, figures, quick, threads },
    tell: (line) => console.log(line),
    command: ["deno task report", ...Deno.args].join(" "),
  });
  const files = [outPath("report.json"), outPath("report.html")];
  await writeOutput(files[0]!, `${JSON.stringify(report, null, 2)}\n`);
  await writeOutput(files[1]!, await reportPage(report));
  console.log(`${files.join(" and ")}, ${report.seconds} s`);
} catch (error) {
  if (!(error instanceof ParityError)) throw error;
  console.error(
    `there is no report, since a result is wrong: ${error.message}`,
  );
  Deno.exit(1);
}
// Workers of a backend must not keep the process.
Deno.exit(0);
