/**
 * Times lion beside tfjs, plain loops and PyTorch: `deno task bench`, with
 * `--help` for what can be chosen, and `--json` to keep the figures, of which
 * `deno run -A bench/results.ts out/bench.json > bench/RESULTS.md` makes tables.
 *
 * All results are checked before the first time is taken: a mismatch ends the
 * run. Contenders take turns, and GFLOP/s count the operations that
 * `explainAttention` gives for the form, three times those with gradients.
 *
 * @module
 */
import type { BackendName } from "@lionjs/lion";
import {
  positiveInteger,
  readCommandLine,
  readFiles,
  someOf,
  threadCount,
} from "../tools/command_line.ts";
import { outPath, writeOutput } from "../tools/out_folder.ts";
import { attentionGroup, longestOn } from "./attention.ts";
import { PASSES, type Variant, VARIANTS } from "./attention_problem.ts";
import {
  compareRuns,
  quickestRows,
  slowerGroups,
  tellComparisons,
  titleOf,
} from "./compare.ts";
import {
  type BackendFigures,
  CELLS,
  cellsOf,
  type Figures,
  gflopsOf,
  type GroupFigures,
  type Row,
} from "./figures.ts";
import { type Group, SECTIONS, startBackend } from "./group.ts";
import { describeMachine, measurePeaks } from "./machine.ts";
import { matmulGroups } from "./matmul.ts";
import { assertParity, ParityError, timeAlternating } from "./measure.ts";
import { HOW_TO_GET_TORCH, TorchPeer } from "./peers/torch.ts";
import { trainingGroups } from "./training_step.ts";
import { visionGroups } from "./vision.ts";

const USAGE = `Usage: deno task bench [options]

  --only SECTIONS     of attention, matmul, training, vision (default: all but
                      vision)
  --backends NAMES    of wasm, webgpu, cpu (default: all that start)
  --variants NAMES    of lit, d, s (default: all)
  --lengths TOKENS    default 256,1024,4096,16384; of lit and d only 1024, of
                      forms of quadratic time 1024 at most, on cpu only 256
  --full              all variants and forms at all lengths, and PyTorch beside
                      all backends; takes far longer
  --heads N           default 4
  --threads N         of wasm and of PyTorch (default: one for each core)
  --json [FILE]       also write the figures, to ${
  outPath("bench.json")
} by default
  --compare FILE      say what is slower beyond noise than in the figures that an
                      earlier run has written, and end with 1 if anything is
  --help              print this

Lists are separated by commas.`;

const BACKENDS = ["wasm", "webgpu", "cpu"] as const;
const LENGTHS = [256, 1024, 4096, 16_384];

/** In a run without --full, for what takes seconds beyond, or shows little more. */
const LONGEST_IN_SHORT_RUN = 1024;

interface Options {
  readonly sections: readonly Group["section"][];
  readonly backends: readonly BackendName[];
  readonly variants: readonly Variant[];
  /** `undefined` if not chosen. */
  readonly lengths: readonly number[] | undefined;
  readonly full: boolean;
  readonly heads: number;
  readonly threads: number;
  /** The file to write. */
  readonly json: string | undefined;
  /** What an earlier run has written. */
  readonly base: Figures | undefined;
}

function readOptions(): Promise<Options> {
  return readCommandLine(USAGE, {
    only: { type: "string", default: "attention,matmul,training" },
    backends: { type: "string", default: BACKENDS.join() },
    variants: { type: "string", default: VARIANTS.join() },
    lengths: { type: "string" },
    full: { type: "boolean", default: false },
    heads: { type: "string", default: "4" },
    threads: {
      type: "string",
      default: String(navigator.hardwareConcurrency),
    },
    json: { type: "boolean", default: false },
    compare: { type: "string" },
  }, async (values, files) => {
    const { json, lengths, full } = values;
    const [unexpected] = files.slice(json ? 1 : 0);
    if (unexpected !== undefined) {
      throw new RangeError(`unexpected argument "${unexpected}"`);
    }
    return {
      sections: someOf("--only", values.only, SECTIONS),
      backends: someOf("--backends", values.backends, BACKENDS),
      variants: someOf("--variants", values.variants, VARIANTS),
      lengths: lengths?.split(",").map((text) =>
        positiveInteger("--lengths", text)
      ),
      full,
      heads: positiveInteger("--heads", values.heads),
      threads: threadCount("--threads", values.threads),
      json: json ? files[0] ?? outPath("bench.json") : undefined,
      base: values.compare === undefined
        ? undefined
        : await readFigures(values.compare),
    };
  });
}

/** What an earlier run has written. */
async function readFigures(file: string): Promise<Figures> {
  const [text] = await readFiles([file]);
  let figures: Partial<Figures> | null = null;
  try {
    figures = JSON.parse(text!);
  } catch {
    // Not JSON at all.
  }
  if (Array.isArray(figures?.groups)) return figures as Figures;
  throw new RangeError(
    `--compare should be figures that --json has written, got ${file}`,
  );
}

/** All that a run measures on a backend. */
function groupsOf(
  options: Options,
  backend: BackendName,
  peer: TorchPeer | null,
): Group[] {
  const { sections, variants, heads, threads, full } = options;
  // PyTorch computes on the CPU, as wasm does.
  const torch = backend === "wasm" || full ? peer : null;
  const isShown = (variant: Variant, length: number) =>
    backend === "cpu"
      ? variant === "s" && length === LENGTHS[0]
      : variant === "s" || length === LONGEST_IN_SHORT_RUN;
  const lengthsOf = (variant: Variant) =>
    options.lengths ??
      LENGTHS.filter((length) => full || isShown(variant, length));
  const attention = () =>
    variants.flatMap((variant) =>
      lengthsOf(variant)
        .filter((length) => length <= longestOn(backend))
        .flatMap((length) =>
          PASSES.map((pass) =>
            attentionGroup({
              backend,
              pass,
              variant,
              length,
              heads,
              threads,
              longestQuadratic: full ? Infinity : LONGEST_IN_SHORT_RUN,
              torch,
            })
          )
        )
    );
  const matmul = () =>
    backend === "wasm" || full ? matmulGroups({ backend, threads, torch }) : [];
  // On cpu a step of the long sequence takes most of a minute, and on webgpu
  // without a GPU some seconds.
  const trained = (variant: Variant) =>
    backend === "wasm" || backend === "webgpu" && (full || variant === "s");
  const training = () =>
    variants.filter(trained).flatMap((variant) =>
      trainingGroups({ backend, variant, threads, torch })
    );
  const vision = () =>
    variants.flatMap((variant) => visionGroups({ backend, variant, threads }));
  const makers = { attention, matmul, training, vision };
  return sections.flatMap((section) => makers[section]());
}

/** The backends that start here, and what they do at best. */
async function measureBackends(
  { backends, threads }: Options,
): Promise<BackendFigures[]> {
  const found: BackendFigures[] = [];
  for (const name of backends) {
    try {
      found.push(await measurePeaks(await startBackend(name, threads)));
    } catch (error) {
      if (error instanceof ParityError) throw error;
      console.warn(
        `nothing is measured on ${name}: ${(error as Error).message}`,
      );
    }
  }
  return found;
}

async function checkGroup(group: Group): Promise<number> {
  const { contenders, close } = await group.open();
  try {
    await assertParity(contenders);
  } catch (error) {
    if (!(error instanceof ParityError)) throw error;
    throw new ParityError(`${titleOf(group)}: ${error.message}`);
  } finally {
    await close();
  }
  return contenders.length;
}

async function measureGroup(group: Group): Promise<GroupFigures> {
  const { section, backend, parameters } = group;
  const { contenders, baseline, close } = await group.open();
  // All results were checked before.
  const measurements = await timeAlternating(contenders, baseline);
  const rows: Row[] = [];
  for (const [i, measurement] of measurements.entries()) {
    const { cost, how, usage } = contenders[i]!;
    rows.push({
      ...measurement,
      gflops: gflopsOf(cost, measurement.median),
      cost: cost ?? null,
      usage: await usage?.() ?? null,
      how: how ?? null,
    });
  }
  await close();
  return { section, backend, parameters, baseline, rows };
}

function printGroup(group: GroupFigures): void {
  console.log(`\n${titleOf(group)}; ratio to ${group.baseline}`);
  const rows = [CELLS, ...cellsOf(group)];
  const widths = CELLS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length))
  );
  for (const [name, ...cells] of rows) {
    const aligned = cells.map((cell, i) => cell.padStart(widths[i + 1]!));
    console.log([name!.padEnd(widths[0]!), ...aligned].join("  "));
  }
}

async function writeFigures(file: string, figures: Figures): Promise<void> {
  await writeOutput(file, JSON.stringify(figures, null, 2) + "\n");
  console.log(`figures: ${file}`);
}

/** Measures; whether nothing is slower than in an earlier run. */
async function main(options: Options): Promise<boolean> {
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1000);
  await using torch = await TorchPeer.start(options.threads);
  if (!torch) {
    console.log(`PyTorch is not here to compare with: ${HOW_TO_GET_TORCH}`);
  }
  const machine = describeMachine(options.threads, torch?.version ?? null);
  console.log(
    `${machine.cpu}, ${machine.cores} cores, ${options.threads} threads, ` +
      `Deno ${machine.deno}, tfjs ${machine.tfjs}, PyTorch ${
        machine.torch ?? "none"
      }`,
  );
  const backends = await measureBackends(options);
  const groups = backends.flatMap(({ name }) => groupsOf(options, name, torch));
  let checked = 0;
  for (const group of groups) checked += await checkGroup(group);
  console.log(
    `${checked} results agree with their references (${seconds()} s)`,
  );

  for (const { name, adapter, ...peak } of backends) {
    console.log(
      `${name}${adapter ? ` (${adapter})` : ""} at best: ${
        (peak.operationsPerSecond / 1e9).toFixed(1)
      } GFLOP/s, ${(peak.bytesPerSecond / 1e9).toFixed(1)} GB/s`,
    );
  }
  const measured: GroupFigures[] = [];
  for (const group of groups) {
    measured.push(await measureGroup(group));
    printGroup(measured.at(-1)!);
  }
  console.log(`\nwhole run: ${seconds()} s`);
  const figures = (): Figures => ({
    command: [
      machine.v8Flags ? "deno task bench" : "deno run -A bench/main.ts",
      ...Deno.args,
    ].join(" "),
    date: new Date().toISOString(),
    seconds: seconds(),
    machine,
    backends,
    groups: measured,
  });
  const { base, json } = options;
  const suspects = base ? slowerGroups(compareRuns(base, figures())) : [];
  for (const [i, group] of groups.entries()) {
    if (!suspects.includes(titleOf(group))) continue;
    console.log(`again, since something is slower: ${titleOf(group)}`);
    measured[i] = quickestRows(measured[i]!, await measureGroup(group));
  }
  if (json !== undefined) await writeFigures(json, figures());
  if (!base) return true;
  const comparisons = compareRuns(base, figures());
  console.log(`\n${tellComparisons(comparisons)}`);
  return comparisons.rows.every(({ verdict }) => verdict !== "slower");
}

let isFine = false;
try {
  isFine = await main(await readOptions());
} catch (error) {
  if (!(error instanceof ParityError)) throw error;
  console.error(`no time was taken, since a result is wrong: ${error.message}`);
  Deno.exit(1);
}
// Workers of a backend must not keep the process.
Deno.exit(isFine ? 0 : 1);
