/** What a figure of the report is: a row of subjects, sizes and passes, and what is said of it. @module */
import type { BackendInfo, BackendName } from "@lionjs/lion";
import type { FigureName, MeasuredFigure } from "../measure/report_file.ts";
import type { Budget } from "../measure/timing.ts";
import type { OpenGroup } from "../group.ts";
import type { AttentionPeer } from "../peers/attention_peer.ts";
import type { NamedPeer, TorchPeer, TorchPools } from "../peers/torch.ts";
import type { Collector, Place } from "./collector.ts";

/** What is measured on. */
export interface Setting {
  readonly info: BackendInfo;
  /** Of wasm and of PyTorch. */
  readonly threads: number;
  /** Whether sizes are the smallest ones. */
  readonly quick: boolean;
  /** How much of the machine there is; sizes depend on it. */
  readonly power: Power;
  readonly peers: Peers;
}

/** Who else computes attention; none of those that are not there. */
export interface Peers {
  /** PyTorch with its threads where products need them. */
  readonly scan: TorchPeer | null;
  /** More of PyTorch, for two computations at a time in either pool; none where it is not there. */
  readonly pools: readonly TorchPools[];
  /** PyTorch with its threads in each pool and in both, of which the quickest is compared. */
  readonly each: readonly NamedPeer[];
  /** ONNX Runtime. */
  readonly onnx: readonly NamedPeer[];
  /** Libraries in this process. */
  readonly libraries: readonly AttentionPeer[];
}

/** A GPU, WebAssembly, a software GPU, plain JavaScript. */
export type Power = "gpu" | "wasm" | "software" | "cpu";

/** Of each kind of backend. */
export type ByPower<Value> = Readonly<Record<Power, Value>>;

/** The kind of a backend. */
export function powerOf({ name, adapter }: BackendInfo): Power {
  if (name !== "webgpu") return name;
  return adapter?.isFallbackAdapter ? "software" : "gpu";
}

/** A figure of the report. */
export interface Figure {
  readonly title: string;
  /** What is measured, in the titles of its plots. */
  readonly short: string;
  /** The paper's, and why ours may differ, in Markdown. */
  readonly about: string;
  /** What is on the axis along which contenders are lines. @default none: they are bars */
  readonly axis?: string;
  /** What the numbers along the tops of its tables are. @default nothing */
  readonly column?: string;
  /** Whether it takes minutes, and so is measured only where it is named. @default false */
  readonly isLong?: boolean;
  /**
   * Whether PyTorch takes part: by its own scan and the like, or by the quickest of
   * its settings, so that each place is a pair of the library and PyTorch. @default neither
   */
  readonly torch?: "beside" | "pairs";
  /** Pairs whose crossing is told where both were measured: who should be faster at last, and than whom. */
  readonly crossings?: readonly (readonly [faster: string, slower: string])[];
  /** Ratios that should not be exceeded. */
  readonly bounds?: readonly Bound[];
  /** The paper's times relative to softmax. */
  readonly paper?: Readonly<Record<string, number>>;
  /** Seconds that it may take; 0 where it is not measured. */
  readonly seconds: ByPower<number>;
  /** Why it is not measured where it has no seconds. @default that it would take too long */
  readonly unfit?: string;
  /** How long each contender is timed. @default as in all others */
  readonly budget?: Budget;
  /** By which power of a place its tokens grow. @default 1 */
  readonly power?: number;
  /** Collects its points; returns what is the same for all of them, and what else it is made of. */
  measure(
    setting: Setting,
    collector: Collector,
  ): Promise<Pick<MeasuredFigure, "settings" | "kernels" | "costs" | "asked">>;
}

/** All figures. */
export type Figures = Readonly<Record<FigureName, Figure>>;

/** What a point has: its steady time, or its bytes. */
export type Measure = "time" | "memory";

/** A contender beside another, at some places of a figure. */
export interface Bound {
  readonly panel: string;
  /** @default "wasm" */
  readonly backend?: BackendName;
  /** What is divided. @default "time" */
  readonly measure?: Measure;
  readonly series: string;
  /**
   * The rival, of which the quickest counts if there are several, such as
   * PyTorch's with either pool of threads; or the place of the contender's own
   * shorter time.
   */
  readonly beside: string | { readonly at: number };
  readonly at: readonly number[];
  readonly most: number;
}

/** The same bound forward and with gradients. */
export function bothPasses(
  forward: number,
  gradients: number,
  bound: Omit<Bound, "panel" | "most">,
): Bound[] {
  return Object.entries({ forward, gradients })
    .map(([panel, most]) => ({ ...bound, panel, most }));
}

/** A size and a pass of a figure, and what is measured on. */
export interface Asked<Size, Pass> extends Setting {
  readonly size: Size;
  readonly pass: Pass;
  /** Notes why somebody is missing, there or at another place of the panel. */
  skip(name: string, why: string, at?: number): void;
}

/** Who is measured, at which sizes, in which passes. */
export interface Row<Size, Pass extends string> {
  /** From small to large. */
  readonly sizes: ByPower<readonly Size[]> | readonly Size[];
  /** Those of a quick report. */
  readonly quick: readonly Size[];
  readonly passes: readonly Pass[] | ((setting: Setting) => readonly Pass[]);
  /** Where the points lie. @default in a panel for each pass, at the size */
  readonly place?: (size: Size, pass: Pass) => Place;
  /** Names of contenders; the first is whom the others are compared with. */
  subjects(asked: Asked<Size, Pass>): readonly string[];
  /** Puts contenders in place, who say by themselves whether their results are right. */
  open(
    asked: Asked<Size, Pass>,
    names: readonly string[],
  ): Promise<OpenGroup>;
  /** What is the same for all points. */
  settings(
    setting: Setting,
    sizes: readonly Size[],
  ): MeasuredFigure["settings"];
}

/** Measures a row. */
export function measuring<Size, Pass extends string>(
  { sizes, quick, passes, subjects, open, settings, ...row }: Row<Size, Pass>,
): Figure["measure"] {
  const placeOf = row.place ??
    ((size, pass): Place => ({ panel: pass, at: Number(size) }));
  return async (setting, collector) => {
    const all = "gpu" in sizes ? sizes[setting.power] : sizes;
    const chosen = setting.quick ? quick : all;
    const taken = typeof passes === "function" ? passes(setting) : passes;
    for (const size of chosen) {
      for (const pass of taken) {
        const place = placeOf(size, pass);
        const skip = (name: string, why: string, at = place.at) =>
          collector.skip({ ...place, at }, name, why);
        const asked = { ...setting, size, pass, skip };
        await collector.measure(
          place,
          subjects(asked),
          (names) => open(asked, names),
        );
      }
    }
    return { settings: settings(setting, chosen) };
  };
}
