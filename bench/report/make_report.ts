/** Measures a report. @module */
import { loadavg } from "node:os";
import type { BackendName } from "@lionjs/lion";
import config from "../../deno.json" with { type: "json" };
import { startBackend } from "../group.ts";
import { describeMachine, measurePeaks } from "../machine.ts";
import { type Budget, MOST_SPREAD, ParityError } from "../measure/timing.ts";
import { Collector } from "./collector.ts";
import { type Figure, powerOf, type Setting } from "./figure.ts";
import { FIGURES } from "./figures.ts";
import { measureParity } from "./parity.ts";
import { StartedPeers } from "./peers.ts";
import type {
  Absence,
  FigureName,
  MeasuredFigure,
  Parity,
  Report,
  ReportBackend,
} from "../measure/report_file.ts";

/** What to measure. */
export interface ReportOptions {
  readonly backends: readonly BackendName[];
  readonly figures: readonly FigureName[];
  /** Of wasm and of PyTorch. */
  readonly threads: number;
  /** The smallest sizes, for some seconds each. */
  readonly quick: boolean;
  /** Is told how it goes on. */
  readonly tell: (line: string) => void;
  /** Is told each figure. @default nobody */
  readonly tellFigure?: (figure: MeasuredFigure) => void;
  /** What was typed. */
  readonly command: string;
}

/** How long each contender is timed for a point. */
const BUDGET: Budget = {
  ...{ milliseconds: 250, fewest: 5, most: 15, turn: 3, warmUp: 60 },
};

/** … in a quick report. */
const QUICK: Budget = {
  ...{ milliseconds: 30, fewest: 3, most: 5, turn: 2, warmUp: 3 },
};

/**
 * Measures what a report is made of: first small problems beside the reference,
 * then each figure on each backend that starts.
 *
 * @throws {ParityError} If a result is wrong.
 */
export async function makeReport(options: ReportOptions): Promise<Report> {
  const { backends, figures, threads, quick, tell, command } = options;
  const { tellFigure } = options;
  const budget = options.quick ? QUICK : undefined;
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1000);
  const before = loadavg()[0]!;
  const absent: Absence[] = [];
  await using peers = await StartedPeers.start(options);
  absent.push(...peers.absent);
  const found: ReportBackend[] = [];
  const parity: Parity[] = [];
  const measured: MeasuredFigure[] = [];
  for (const name of backends) {
    try {
      const info = await startBackend(name, threads);
      found.push({ info, ...await measurePeaks(info, budget) });
    } catch (error) {
      if (error instanceof ParityError) throw error;
      absent.push({ name, why: (error as Error).message });
      tell(`nothing is measured on ${name}: ${(error as Error).message}`);
    }
  }
  for (const { info } of found) {
    parity.push(...await measureParity(info.name, powerOf(info), threads));
    tell(`${info.name}: all forms agree with float64 (${seconds()} s)`);
  }
  for (const { info } of found) {
    for (const figure of figures) {
      const row = FIGURES[figure];
      const power = powerOf(info);
      if (row.seconds[power] === 0) {
        const { unfit: why = "too slow there" } = row;
        absent.push({ name: `${figure} on ${info.name}`, why });
        continue;
      }
      const setting = { info, threads, quick, power, peers };
      measured.push(await measureFigure(figure, row, setting));
      tellFigure?.(measured.at(-1)!);
      const { points, gaps, seconds: took } = measured.at(-1)!;
      tell(
        `${info.name}, ${figure}: ${points.length} points, ` +
          `${gaps.length} left out, ${took.toFixed(0)} s (${seconds()} s)`,
      );
    }
  }
  // The best of the run: the machine may have been busy before.
  for (const [i, { info, ...before }] of found.entries()) {
    await startBackend(info.name, threads);
    const after = await measurePeaks(info, budget);
    const best = (what: "operationsPerSecond" | "bytesPerSecond") =>
      Math.max(before[what], after[what]);
    found[i] = {
      ...{ ...before, info },
      operationsPerSecond: best("operationsPerSecond"),
      bytesPerSecond: best("bytesPerSecond"),
    };
  }
  return {
    command,
    date: new Date().toISOString(),
    seconds: seconds(),
    machine: describeMachine(threads, peers.scan),
    peers: peers.versions,
    version: config.version,
    load: { before, after: loadavg()[0]! },
    mostSpread: MOST_SPREAD,
    ...{ backends: found, absent, parity, figures: measured },
  };
}

async function measureFigure(
  figure: FigureName,
  row: Figure,
  setting: Setting,
): Promise<MeasuredFigure> {
  const { info, threads, quick, power } = setting;
  await startBackend(info.name, threads);
  const start = performance.now();
  const collector = new Collector(
    row.seconds[power],
    quick ? QUICK : row.budget ?? BUDGET,
    row.power,
  );
  const made = await row.measure(setting, collector);
  const { points, gaps } = collector;
  return {
    figure,
    backend: info.name,
    seconds: (performance.now() - start) / 1000,
    ...made,
    points,
    gaps,
  };
}
