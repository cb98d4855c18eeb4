/** What the page to try shows before its visitor measures: times of the kept report. @module */
import type { Report } from "../../bench/measure/report_file.ts";
import { CONTENDERS } from "../../site/contenders.ts";
import type { KeptTimes } from "../../site/times_panel.ts";

/** The times of attention on WebAssembly against length, forward. */
export function keptTimes({ figures, machine }: Report): KeptTimes {
  const points = figures
    .filter(({ figure, backend }) => figure === "lengths" && backend === "wasm")
    .flatMap(({ points }) => points)
    .filter(({ panel }) => panel === "forward");
  return {
    machine: `${machine.cores} cores of an ${machine.cpu}`,
    measured: points.flatMap(({ series, at, time, memoryBytes }) => {
      const contender = CONTENDERS.find((name) => name === series);
      return contender && time
        ? [{ contender, length: at, ...time, peakBytes: memoryBytes ?? 0 }]
        : [];
    }),
  };
}
