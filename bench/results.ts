/**
 * Makes Markdown of the figures that `deno task bench --json` wrote:
 * `deno run -A bench/results.ts out/bench.json > bench/RESULTS.md`.
 *
 * @module
 */
import {
  type BackendFigures,
  CELLS,
  cellsOf,
  type Figures,
  type GroupFigures,
  type Row,
} from "./figures.ts";
import { readCommandLine, readFiles } from "../tools/command_line.ts";
import {
  asMarkdownTexts,
  codeOf,
  markdownTable,
} from "../tools/markdown_text.ts";
import { SECTIONS } from "./group.ts";

const USAGE = `Usage: deno run -A bench/results.ts FILE.json …

Prints bench/RESULTS.md, made of what \`deno task bench --json\` has written.

  --help   print this`;

const TITLES = {
  attention: "Attention",
  matmul: "Matrix products",
  training: "Training steps",
  vision: "Vision transformers",
};

const INTRODUCTION = `# Results of the benches

Made by \`bench/results.ts\` of figures and of \`NOTES.md\`; do not edit. Contenders took turns, after all
results were found to be right. *ratio* is to the baseline of the same rows, the
one with 1.00. *GFLOP/s* count multiplications and additions of the form, with
gradients three times those of the forward pass. *floor* is the time that the
same operations, or the bytes that must be moved, would take at the backend's
best rates, whichever is longer, and *reached* its share of the median. *peak*
was measured, and counts what is in use with the kernels' scratch: memory on
wasm, on webgpu buffers, on cpu tensors; *planned* is what
\`explainAttention\` says.`;

/** The report on some runs; `notes` say what the figures mean. */
export function resultsOf(runs: readonly Figures[], notes: string): string {
  const parts = [
    INTRODUCTION,
    notes.trim(),
    ...asMarkdownTexts(runs).flatMap(reportRun),
  ];
  return parts.join("\n\n") + "\n";
}

function reportRun(run: Figures): string[] {
  const { machine, backends, groups } = run;
  return [
    `## ${machine.cpu}, ${machine.threads} threads`,
    [
      `- ${codeOf(run.command)}, ${run.date}, ${run.seconds} s`,
      `- ${machine.cores} cores, ${
        (machine.memoryBytes / 2 ** 30).toFixed(1)
      } GiB, ${machine.system}`,
      `- Deno ${machine.deno}${
        machine.v8Flags ? ` with ${machine.v8Flags}` : ""
      }, tfjs ${machine.tfjs}, PyTorch ${machine.torch ?? "not installed"}`,
      ...backends.map(reportBackend),
    ].join("\n"),
    ...SECTIONS.flatMap((section) => {
      const found = groups.filter((group) => group.section === section);
      return found.length > 0
        ? [`### ${TITLES[section]}`, reportGroups(found, backends)]
        : [];
    }),
  ];
}

function reportBackend(backend: BackendFigures): string {
  const { name, adapter, operationsPerSecond, bytesPerSecond } = backend;
  return `- ${name}${adapter ? ` (${adapter})` : ""} at best: ${
    (operationsPerSecond / 1e9).toFixed(1)
  } GFLOP/s in a matrix product, ${
    (bytesPerSecond / 1e9).toFixed(1)
  } GB/s in a copy`;
}

/** One table of groups that have the same parameters. */
function reportGroups(
  groups: readonly GroupFigures[],
  backends: readonly BackendFigures[],
): string {
  const parameters = Object.keys(groups[0]!.parameters);
  const head = ["backend", ...parameters, ...CELLS, "floor ms", "reached"];
  const rows = groups.flatMap((group) => {
    const backend = backends.find(({ name }) => name === group.backend);
    return cellsOf(group).map((cells, i) => [
      group.backend,
      ...parameters.map((name) => `${group.parameters[name]}`),
      ...cells,
      ...floorCells(group.rows[i]!, backend),
    ]);
  });
  return markdownTable(head, rows);
}

/** Of what runs on the backend whose rates were measured: what it takes is known. */
function floorCells(row: Row, backend: BackendFigures | undefined): string[] {
  const { cost, usage, median } = row;
  if (!cost || !usage || !backend) return ["", ""];
  const ofOperations = 1e3 * cost.operations / backend.operationsPerSecond;
  const ofBytes = 1e3 * cost.bytes / backend.bytesPerSecond;
  const floor = Math.max(ofOperations, ofBytes);
  return [floor.toPrecision(3), `${(100 * floor / median).toFixed(0)} %`];
}

if (import.meta.main) {
  const texts = await readCommandLine(
    USAGE,
    {},
    (_, files) => readFiles(files),
  );
  const notes = await Deno.readTextFile(new URL("NOTES.md", import.meta.url));
  console.log(
    resultsOf(texts.map((text) => JSON.parse(text)), notes).trimEnd(),
  );
}
