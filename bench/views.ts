/**
 * What documents say of the report that is kept: each part between two marks is
 * made of it, by `deno task bench --views`. A test compares them.
 *
 * @module
 */
import {
  asMarkdownTexts,
  codeOf,
  markdownTable,
  withoutPadding,
} from "../tools/markdown_text.ts";
import { isKept, ratioIn, reachedIn } from "./bounds.ts";
import {
  type Crossing,
  crossingOf,
  tellCrossings,
} from "./report/crossings.ts";
import {
  absentLines,
  machineLines,
  tellReached,
  tellSettings,
} from "./report/page.ts";
import { readKept } from "./measure/read_report.ts";
import type { FigureName, Report } from "./measure/report_file.ts";
import { detailedTables } from "./report/tables.ts";
import { FIGURES } from "./report/figures.ts";

const ROOT = new URL("../", import.meta.url);

const BEGIN = "<!-- made by `deno task bench --views`, from here -->";
const END = "<!-- to here -->";

/** Files of the repository, and what is made in them. */
const VIEWS: Readonly<Record<string, (report: Report) => string>> = {
  "README.md": ratiosToPyTorch,
  "docs/attention.md": familyCosts,
  "docs/choosing.md": fullOrChunks,
  "bench/RESULTS.md": allTables,
};

/** A file, as it is and as it should be. */
export interface View {
  readonly file: string;
  readonly is: string;
  readonly shouldBe: string;
}

/**
 * The files with what they should hold.
 *
 * @throws {Error} If a file has not one part between marks.
 */
export async function viewsOf(report: Report): Promise<View[]> {
  const views: View[] = [];
  for (const [file, make] of Object.entries(VIEWS)) {
    const is = await Deno.readTextFile(new URL(file, ROOT));
    const [before, rest, ...more] = is.split(BEGIN);
    const [, after, ...others] = rest?.split(END) ?? [];
    if (after === undefined || more.length + others.length > 0) {
      throw new Error(`${file} should have one part between marks`);
    }
    const aligned = await formatted(make(report));
    const part = make === allTables ? withoutPadding(aligned) : aligned;
    const shouldBe = `${before}${BEGIN}\n\n${part.trim()}\n\n${END}${after}`;
    views.push({ file, is, shouldBe });
  }
  return views;
}

/** Writes what changed; returns the files. */
export async function writeViews(): Promise<string[]> {
  const changed = (await viewsOf(await readKept()))
    .filter(({ is, shouldBe }) => is !== shouldBe);
  for (const { file, shouldBe } of changed) {
    await Deno.writeTextFile(new URL(file, ROOT), shouldBe);
  }
  return changed.map(({ file }) => file);
}

/** Markdown as the rest of the repository has it. */
async function formatted(markdown: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--ext", "md", "-"],
    ...{ stdin: "piped", stdout: "piped" },
  }).spawn();
  await ReadableStream.from([new TextEncoder().encode(`${markdown}\n`)])
    .pipeTo(child.stdin);
  return new TextDecoder().decode((await child.output()).stdout);
}

/** Rows of the table in README.md: what, in which figure, and beside whom. */
const RATIOS: readonly {
  readonly what: string;
  readonly figure: FigureName;
  readonly panel: string;
  readonly series: string;
  readonly beside: string;
}[] = [
  {
    what: "`chunkwise`, against our chunks in PyTorch",
    ...{ figure: "peers", panel: "forward" },
    ...{ series: "chunkwise", beside: "PyTorch" },
  },
  {
    what: "… with gradients",
    ...{ figure: "peers", panel: "gradients" },
    ...{ series: "chunkwise", beside: "PyTorch" },
  },
  {
    what: "`full`, against the full form",
    ...{ figure: "peers", panel: "forward" },
    ...{ series: "full", beside: "PyTorch full" },
  },
  {
    what: "our softmax attention, against SDPA",
    ...{ figure: "peers", panel: "forward" },
    ...{ series: "softmax", beside: "PyTorch SDPA" },
  },
  {
    what: "Mamba's selective scan, against the same",
    ...{ figure: "scan", panel: "forward" },
    ...{ series: "selectiveScan", beside: "PyTorch" },
  },
];

function ratiosToPyTorch(report: Report): string {
  const rows = RATIOS.map(({ what, ...ratio }) => [
    what,
    ...[1024, 4096].map((at) => ratioIn(report, ratio, at)?.toFixed(2) ?? ""),
  ]).filter(([, ...numbers]) => numbers.some((number) => number !== ""));
  return markdownTable(
    ["our time divided by PyTorch's", "1,024 tokens", "4,096 tokens"],
    rows,
  );
}

/** From which length on chunks are faster than the full form, where both were measured. */
function fullOrChunks(report: Report): string {
  return report.figures.flatMap(({ figure, backend, points }) => {
    if (figure !== "lengths") return [];
    const crossings = ["forward", "gradients"].map((panel) => {
      const crossing = crossingOf(points, panel, "chunkwise", "full");
      return crossing ? fromWhere(crossing) : "not measured";
    });
    const { info } = report.backends.find(({ info }) => info.name === backend)!;
    const where = info.adapter?.isFallbackAdapter
      ? `${backend}, in software`
      : backend;
    return crossings.every((one) => one === "not measured")
      ? []
      : [`- **${where}**: ${crossings[0]}; with gradients, ${crossings[1]}.`];
  }).join("\n");
}

function fromWhere({ at, from, to }: Crossing): string {
  if (at === 0) {
    return `at every length measured with steady times (${from} tokens and more)`;
  }
  if (at === Infinity) return `at no length up to ${to}`;
  return `from about ${Number(at.toPrecision(2))} tokens on`;
}

/** How many times as long as one decay per token the others take on WebAssembly. */
function familyCosts(report: Report): string {
  const range = (series: string) => {
    const ratios = ["forward", "gradients"].flatMap((panel) =>
      [1024, 4096].flatMap((at) =>
        ratioIn(
          report,
          { figure: "family", panel, series, beside: "scalar" },
          at,
        ) ?? []
      )
    );
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
    return `${least.toFixed(1)} to ${most.toFixed(1)} times`;
  };
  return `On WebAssembly, for 1,024 and 4,096 tokens, forward and with gradients, a
decay per channel takes ${range("diagonal")} as long as one decay per token, the
gated delta rule ${
    range("gated delta")
  }, and Kimi Delta Attention, which combines
both, ${
    range("Kimi delta")
  } ([times](../bench/RESULTS.md#what-the-family-costs)).`;
}

/** All figures, with the ranges of times; and the bounds. */
export function allTables(plain: Report): string {
  const report = asMarkdownTexts(plain);
  const { command, date, seconds, figures, backends } = report;
  return [
    `${codeOf(command)}, ${date.slice(0, 10)}, ${seconds} s:`,
    [
      machineLines(report),
      ...absentLines(report),
    ].join("\n"),
    "## Bounds",
    "A ratio is a contender's time divided by its rival's, or by the quicker one's if PyTorch " +
    "has two thread pools; _unsteady_ times have no ratio.",
    markdownTable(
      ["what", "ratio", "bound", ""],
      reachedIn(report).map((one) => [
        one.what,
        one.ratio.toFixed(2),
        `${one.most}`,
        isKept(one) ? "" : "exceeded",
      ]),
    ),
    ...figures.flatMap((figure, at) => {
      const isNew = figures[at - 1]?.backend !== figure.backend;
      const backend = backends.find(({ name }) => name === figure.backend)!;
      return [
        ...isNew ? [`## On ${figure.backend}`] : [],
        `### ${FIGURES[figure.figure].title}`,
        `${tellSettings(figure.settings)}.`,
        ...detailedTables(figure),
        tellCrossings(figure).map((line) => `- ${line}`).join("\n"),
        ...(figure.costs ?? []).map((cost) => tellReached(cost, backend)),
      ];
    }),
  ].filter((part) => part !== "").join("\n\n");
}
