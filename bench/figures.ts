/** What a run of the benches found out, as it is written to JSON. @module */
import type { BackendName } from "@lionjs/lion";
import type { Cost, Group, Usage } from "./group.ts";
import type { Measurement } from "./measure.ts";

/** Where it ran. */
export interface Machine {
  /** The model of the CPU. */
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly deno: string;
  /** What V8 was told, as by `deno task fast`. */
  readonly v8Flags: string | null;
  readonly tfjs: string;
  /** `null` where PyTorch was not there. */
  readonly torch: string | null;
  /** That each side was given. */
  readonly threads: number;
}

/** What a backend can do at best, as measured in the same run. */
export interface BackendFigures {
  readonly name: BackendName;
  /** The WebGPU adapter. */
  readonly adapter: string | null;
  /** Of its largest matrix product, in operations a second. */
  readonly operationsPerSecond: number;
  /** Of a copy of 64 MiB, read and written, in bytes per second. */
  readonly bytesPerSecond: number;
}

/** One contender's. */
export interface Row extends Measurement {
  readonly gflops: number | null;
  readonly cost: Cost | null;
  readonly usage: Usage | null;
  /** The kernel it ran on, or why on none. */
  readonly how: string | null;
}

/** Those of one group. */
export interface GroupFigures
  extends Pick<Group, "section" | "backend" | "parameters"> {
  readonly baseline: string;
  readonly rows: readonly Row[];
}

/** Those of a run. */
export interface Figures {
  /** What was typed. */
  readonly command: string;
  /** ISO 8601. */
  readonly date: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly backends: readonly BackendFigures[];
  readonly groups: readonly GroupFigures[];
}

/** Operations of a cost in a time, in 1e9 a second. */
export function gflopsOf(
  cost: Cost | undefined,
  milliseconds: number,
): number | null {
  return cost ? cost.operations / milliseconds / 1e6 : null;
}

/** The name of the contender that runs outside of this process. */
export const TORCH = "PyTorch";

/** The cells of a group's rows, for people. */
export function cellsOf({ rows }: GroupFigures): string[][] {
  const torch = rows.find(({ name }) => name === TORCH)?.median;
  return rows.map((row) => [
    row.name,
    threeDigits(row.median),
    `${threeDigits(row.p20)}–${threeDigits(row.p80)}`,
    `${row.samples}`,
    row.gflops?.toPrecision(3) ?? "",
    row.ratio.toFixed(2),
    torch ? (row.median / torch).toFixed(2) : "",
    mebibytes(row.usage?.peakBytes),
    mebibytes(row.cost?.peakBytes),
    `${row.usage?.kernels ?? ""}`,
  ]);
}

/** What {@linkcode cellsOf} gives for each row. */
export const CELLS: readonly string[] = [
  "",
  "median ms",
  "p20–p80",
  "runs",
  "GFLOP/s",
  "ratio",
  `× ${TORCH}`,
  "peak MiB",
  "planned MiB",
  "kernels",
];

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? "" : (bytes / 2 ** 20).toFixed(1);
}

/** Without an exponent above 1000. */
function threeDigits(value: number): string {
  return value < 999.5 ? value.toPrecision(3) : value.toFixed(0);
}
