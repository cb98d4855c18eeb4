/** Starts whoever else computes attention, as far as it is there. @module */
import config from "../../deno.json" with { type: "json" };
import type { BackendName } from "@lionjs/lion";
import type { AttentionPeer } from "../peers/attention_peer.ts";
import { startJax } from "../peers/jax_peer.ts";
import { startOnnx } from "../peers/onnx.ts";
import {
  endPeers,
  HOW_TO_GET_TORCH,
  type NamedPeer,
  startPools,
  TorchPeer,
  type TorchPools,
} from "../peers/torch.ts";
import type { Peers } from "./figure.ts";
import { FIGURES } from "./figures.ts";
import type { Absence, FigureName } from "../measure/report_file.ts";

/** What decides who is needed. */
export interface PeersOptions {
  readonly backends: readonly BackendName[];
  readonly figures: readonly FigureName[];
  readonly threads: number;
  readonly quick: boolean;
}

/** The peers of a report, until it is disposed of. */
export class StartedPeers implements Peers, AsyncDisposable {
  scan: TorchPeer | null = null;
  readonly pools: TorchPools[] = [];
  each: readonly NamedPeer[] = [];
  #both: TorchPools | undefined;
  readonly onnx: NamedPeer[] = [];
  readonly libraries: AttentionPeer[] = [];
  /** Names of libraries with their versions. */
  readonly versions: string[] = [];
  /** Who is not there, and why. */
  readonly absent: Absence[] = [];

  /** Starts those that a figure has a use for. */
  static async start(options: PeersOptions): Promise<StartedPeers> {
    const { backends, figures, threads, quick } = options;
    const peers = new StartedPeers();
    const onCpu = backends.includes("wasm");
    const besideTorch = figures.flatMap((name) => FIGURES[name].torch ?? []);
    if (onCpu && besideTorch.length > 0) {
      await peers.#orAbsent("PyTorch", () => {
        const inBest = besideTorch.includes("pairs");
        if (!quick) return peers.#startTorch(threads, inBest);
        throw new Error("it is not in a quick report");
      });
    }
    const takesPart = (...names: FigureName[]) =>
      names.some((name) => figures.includes(name));
    if (onCpu && takesPart("peers", "exported")) {
      await peers.#orAbsent("ONNX Runtime", async () => {
        const peer = await startOnnx(threads);
        peers.onnx.push({ name: "ONNX Runtime, LinearAttention", peer });
        return peer.version;
      });
    }
    const devices = (["wasm", "webgpu"] as const)
      .filter((device) => backends.includes(device));
    if (devices.length > 0 && takesPart("peers")) {
      await peers.#orAbsent("jax-js", async () => {
        peers.libraries.push(...await startJax(devices));
        return config.imports["@jax-js/jax"].split("@").at(-1)!;
      });
    }
    return peers;
  }

  async #startTorch(threads: number, inBest: boolean): Promise<string> {
    this.scan = await TorchPeer.start(threads);
    if (!this.scan) {
      throw new Error(`it is not installed; ${HOW_TO_GET_TORCH}`);
    }
    for (let i = 0; i < 3; i++) this.pools.push(await startPools(threads));
    if (inBest) {
      this.#both = await startPools(threads, ["both"]);
      this.each = [this.pools[0]!, this.#both].flatMap(({ peers }) => peers);
    }
    return this.scan.version;
  }

  /** Notes the version of a library, or why it is not there. */
  async #orAbsent(name: string, start: () => Promise<string>): Promise<void> {
    try {
      this.versions.push(`${name} ${await start()}`);
    } catch (error) {
      const [why] = String((error as Error).message).split("\n");
      this.absent.push({ name, why: why! });
    }
  }

  /** Ends their processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.scan?.[Symbol.asyncDispose]();
    for (const pools of this.pools) await pools[Symbol.asyncDispose]();
    await this.#both?.[Symbol.asyncDispose]();
    await endPeers(this.onnx);
  }
}
