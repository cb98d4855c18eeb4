/** What a report has found out, as it is written to JSON. @module */
import type {
  AttentionVariant,
  BackendInfo,
  BackendName,
  KernelProfile,
} from "@lionjs/lion";
import type { Pass } from "./tensors.ts";
import { type Measurement, MOST_SPREAD, spreadOf } from "./timing.ts";

/** The figures of a report, in its order. */
export const FIGURE_NAMES = [
  "forms",
  "lengths",
  "peers",
  "chunks",
  "resolutions",
  "tokens",
  "memory",
  "training",
  "family",
  "newer",
  "scan",
  "products",
  "steps",
  "operations",
  "models",
  "large",
  "exported",
  "optimizers",
  "mixer",
  "overhead",
  "recompute",
  "hessian",
  "flags",
  "size",
  "launches",
  "kernels",
] as const;
/** One of {@linkcode FIGURE_NAMES}. */
export type FigureName = typeof FIGURE_NAMES[number];

/** Milliseconds: a median, and what a fifth of the samples was below and above. */
export type Time = Pick<Measurement, "median" | "p20" | "p80" | "samples">;

/** One contender at one place of a figure. */
export interface Point {
  /** The part of the figure, such as "forward". */
  readonly panel: string;
  /** The contender. */
  readonly series: string;
  /** Where: tokens, pixels, tokens of a chunk, numbers, examples of a batch. */
  readonly at: number;
  /** `null` where only memory was measured. */
  readonly time: Time | null;
  /** Of the kernels alone, by the GPU's timestamps. */
  readonly gpuMilliseconds: number | null;
  /** Bytes at the worst moment beyond those that inputs and weights take; of the figure "size" those of a file. */
  readonly memoryBytes: number | null;
  /** Multiplications and additions on paper. */
  readonly operations: number | null;
  /** Bytes read and written at the least, on paper. */
  readonly bytes: number | null;
}

/** What a figure lacks, and why. */
export interface Gap extends Pick<Point, "panel" | "series" | "at"> {
  readonly why: string;
}

/** What was measured for a figure on a backend. */
export interface MeasuredFigure {
  readonly figure: FigureName;
  readonly backend: BackendName;
  /** How long it took. */
  readonly seconds: number;
  /** What is the same for all points. */
  readonly settings: Readonly<Record<string, string | number>>;
  readonly points: readonly Point[];
  readonly gaps: readonly Gap[];
  /** Of the figure "launches": what each kind of step asks of WebGPU. */
  readonly asked?: readonly AskedCalls[];
  /** Of the figure "kernels". */
  readonly kernels?: readonly KernelProfile[];
  /** Of the figure "kernels": those whose work is known. */
  readonly costs?: readonly KernelCost[];
}

/** How often a step of a model calls WebGPU: medians of steps in which all is there already. */
export interface AskedCalls {
  readonly model: string;
  /** Whose times are the points of this series, in a panel for each clock. */
  readonly series: string;
  readonly launches: number;
  readonly submissions: number;
  /** Uploads: the batch, and numbers that differ from step to step. */
  readonly writes: number;
  readonly bindGroups: number;
  readonly buffersCreated: number;
  /** The first step on a new device, until its loss has been read; it makes the pipelines. */
  readonly first?: {
    readonly milliseconds: number;
    readonly pipelines: number;
  };
}

/** What a kernel takes, and what it has to do on paper. */
export interface KernelCost extends Work {
  /** Its name in TensorFlow.js, whatever it launches. */
  readonly kernel: string;
}

/** Some work and its time. */
export interface Work {
  /** Of the kernels alone where a GPU has timestamps. */
  readonly milliseconds: number;
  /** Multiplications and additions. */
  readonly operations: number;
  /** Bytes read and written at the least. */
  readonly bytes: number;
}

/** A result beside the float64 reference. */
export interface Parity {
  readonly backend: BackendName;
  readonly variant: AttentionVariant;
  readonly form: string;
  readonly pass: Pass;
  readonly length: number;
  /** Largest error, relative to the largest value. */
  readonly error: number;
  readonly tolerance: number;
}

/** Where something was measured. */
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
  /** The vectors that PyTorch computes on, such as "AVX512"; missing where it was not there. */
  readonly torchVectors?: string;
  /** That each side was given. */
  readonly threads: number;
}

/** What a backend can do at best, as measured in the same run. */
export interface BackendFigures {
  readonly name: BackendName;
  /** The WebGPU adapter. */
  readonly adapter: string | null;
  /** Of its largest matrix product, in operations per second. */
  readonly operationsPerSecond: number;
  /** Of a copy that no cache holds, read and written, in bytes per second. */
  readonly bytesPerSecond: number;
}

/** A backend that answered, and what it does at best. */
export interface ReportBackend extends BackendFigures {
  readonly info: BackendInfo;
}

/** Who or what is not there. */
export interface Absence {
  readonly name: string;
  readonly why: string;
}

/** A report. */
export interface Report {
  /** What was typed. */
  readonly command: string;
  /** ISO 8601. */
  readonly date: string;
  readonly seconds: number;
  readonly machine: Machine;
  /** Other libraries that took part, with their versions. */
  readonly peers: readonly string[];
  /** The library's version. */
  readonly version: string;
  /** Processes that wanted to run, on average of a minute: before and after. */
  readonly load: { readonly before: number; readonly after: number };
  /** Of a time whose number is given: p80 − p20 relative to the median. */
  readonly mostSpread: number;
  readonly backends: readonly ReportBackend[];
  /** Backends and peers that are not there, and figures that a backend is too slow for. */
  readonly absent: readonly Absence[];
  readonly parity: readonly Parity[];
  readonly figures: readonly MeasuredFigure[];
}

/** A time's milliseconds if it is steady. */
export function steadyMilliseconds(
  time: Time | null,
  mostSpread: number = MOST_SPREAD,
): number | null {
  return time && spreadOf(time) <= mostSpread ? time.median : null;
}
