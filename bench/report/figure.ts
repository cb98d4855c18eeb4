/** What a figure of the report is made by. @module */
import type { BackendInfo } from "@lionjs/lion";
import type { AttentionPeer } from "../peers/attention_peer.ts";
import type { NamedPeer, TorchPeer, TorchPools } from "../peers/torch.ts";
import type { Budget } from "../../measure/timing.ts";
import type { Collector } from "./collector.ts";
import type { MeasuredFigure } from "../../measure/report_file.ts";

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

/** How a figure is measured. */
export interface FigureMaker {
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
