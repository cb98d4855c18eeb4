/** The machine, and what it can do at best. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendInfo, BackendName } from "@lionjs/lion";
import { arch, cpus, release, totalmem } from "node:os";
import { type OpenGroup, readTensors, timeTensors } from "./group.ts";
import { type Budget, measureAlternating, stopwatch } from "./measure.ts";
import type { PeerProcess } from "./peers/peer_process.ts";

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
  /** Of its largest matrix product, in operations a second. */
  readonly operationsPerSecond: number;
  /** Of a copy of 64 MiB, read and written, in bytes per second. */
  readonly bytesPerSecond: number;
}

/** Names the machine and what runs on it. */
export function describeMachine(
  threads: number,
  torch: Pick<PeerProcess, "version" | "vectors"> | null,
): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memoryBytes: totalmem(),
    system: `${Deno.build.os} ${release()} ${arch()}`,
    deno: Deno.version.deno,
    v8Flags: Deno.env.get("DENO_V8_FLAGS") ?? null,
    tfjs: tf.version_core,
    torch: torch?.version ?? null,
    ...torch?.vectors && { torchVectors: torch.vectors },
    threads,
  };
}

/** Floats of a copy: 64 MiB. */
const COPIED = 2 ** 24;

/** Measures what the current backend, which `info` describes, does at best. */
export async function measurePeaks(
  info: BackendInfo,
  budget?: Budget,
): Promise<BackendFigures> {
  const size = info.name === "cpu" ? 256 : 1024;
  const group = peaks(info, size);
  const [product, copy] = await measureAlternating(
    group.contenders,
    group.baseline,
    budget,
  );
  await group.close();
  return {
    name: info.name,
    adapter: info.adapter?.description ?? null,
    operationsPerSecond: 2e3 * size ** 3 / product!.p20,
    bytesPerSecond: 2e3 * 4 * COPIED / copy!.p20,
  };
}

function peaks({ name }: BackendInfo, size: number): OpenGroup {
  const ones = tf.ones([size, size]) as tf.Tensor2D;
  const multiply = () => [tf.matMul(ones, ones)];
  const tensor = name === "webgpu" ? tf.ones([COPIED]) : undefined;
  const [from, to] = [1, 0].map((value) =>
    new Float32Array(tensor ? 0 : COPIED).fill(value)
  ) as [Float32Array, Float32Array];
  return {
    contenders: [
      {
        name: "product",
        check: async () => {
          const [values] = await readTensors(multiply);
          return values!.every((value) => value === size)
            ? null
            : `a product of ones is not ${size}`;
        },
        run: () => timeTensors(multiply),
      },
      {
        name: "copy",
        check: () => Promise.resolve(null),
        // A GPU's own copy is out of tfjs's reach; adding 0 moves as much.
        run: () =>
          tensor
            ? timeTensors(() => [tf.add(tensor, 0)])
            : stopwatch(() => to.set(from)),
      },
    ],
    baseline: "product",
    close: () => {
      tf.dispose([ones, ...(tensor ? [tensor] : [])]);
      return Promise.resolve();
    },
  };
}
