/** The logs of a run, as its options ask for them. @module */
import { assertOptions, assertPath, optionsOf, shown } from "@lionjs/base";
import { eventsLog } from "./events_log.ts";
import { linesLog } from "./lines_log.ts";
import type { MetricsLog } from "./metrics_log.ts";

/** Where `train` writes what it measures: to one place, or to both. */
export interface LogOptions {
  /**
   * The path of a file with one line of JSON per step and evaluation. An existing
   * file is overwritten or, if training is resumed, cut at the checkpoint's step.
   * @default none
   */
  lines?: string | undefined;
  /**
   * A folder that TensorBoard reads: `tensorboard --logdir runs` compares what is in
   * the folders of `runs`. Each training adds a file; if it starts anew, TensorBoard
   * no longer shows what an earlier one wrote there. @default none
   */
  tensorBoard?: string | undefined;
}

const OPTIONS = optionsOf<LogOptions>()("lines tensorBoard");

/** Throws unless logs have places. */
export function assertLog(log: string | LogOptions): void {
  if (typeof log !== "object") return assertPath("log", log);
  assertOptions("train's log", log, OPTIONS);
  for (const name of ["lines", "tensorBoard"] as const) {
    if (log[name] !== undefined) assertPath(`log.${name}`, log[name]);
  }
  if (log.lines === undefined && log.tensorBoard === undefined) {
    throw new TypeError(
      `log should have lines, tensorBoard or both, got ${
        shown(log)
      }; leave it out to keep no log`,
    );
  }
}

/** Starts or continues the logs after a number of steps. */
export async function openLog(
  log: string | LogOptions,
  steps: number,
): Promise<MetricsLog> {
  const { lines, tensorBoard } = typeof log === "string"
    ? { lines: log } as LogOptions
    : log;
  const logs = await Promise.all([
    ...lines === undefined ? [] : [linesLog(lines, steps)],
    ...tensorBoard === undefined ? [] : [eventsLog(tensorBoard, steps)],
  ]);
  const each = async (use: (log: MetricsLog) => Promise<void>) => {
    for (const log of logs) await use(log);
  };
  return {
    append: (records) => each((log) => log.append(records)),
    sync: () => each((log) => log.sync()),
  };
}
