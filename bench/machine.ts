/** The machine, and what it can do at best. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type BackendInfo, profile } from "@lionjs/lion";
import { arch, cpus, release, totalmem } from "node:os";
import type { BackendFigures, Machine } from "./measure/report_file.ts";
import { readTensors, timeTensors } from "./measure/tensors.ts";
import {
  type Budget,
  measureAlternating,
  stopwatch,
} from "./measure/timing.ts";
import type { OpenGroup } from "./group.ts";
import type { PeerProcess } from "./peers/peer_process.ts";

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

/** Rows and columns of a product, and floats of a copy. */
interface PeakSizes {
  readonly rows: number;
  readonly copied: number;
}

/** A GPU needs more work to be busy, and has larger caches. */
function peakSizesOf({ name, adapter, limits }: BackendInfo): PeakSizes {
  if (name !== "webgpu") {
    return { rows: name === "cpu" ? 256 : 1024, copied: COPIED };
  }
  if (adapter?.isFallbackAdapter) return { rows: 1024, copied: COPIED };
  const most = limits["maxStorageBufferBindingSize"] ?? Infinity;
  return { rows: 4096, copied: Math.min(4 * COPIED, Math.floor(most / 4)) };
}

/** Floats of 64 MiB. */
const COPIED = 2 ** 24;

/** Measures what the current backend, which `info` describes, does at best. */
export async function measurePeaks(
  info: BackendInfo,
  budget?: Budget,
): Promise<BackendFigures> {
  const sizes = peakSizesOf(info);
  const group = peaks(info, sizes);
  const [product, copy] = await measureAlternating(
    group.contenders,
    group.baseline,
    budget,
  );
  await group.close();
  return {
    name: info.name,
    adapter: info.adapter?.description ?? null,
    operationsPerSecond: 2e3 * sizes.rows ** 3 / product!.p20,
    bytesPerSecond: 2e3 * 4 * sizes.copied / copy!.p20,
  };
}

function peaks(info: BackendInfo, { rows, copied }: PeakSizes): OpenGroup {
  const { name, adapter, features } = info;
  // A GPU's kernels are timed by its own clock: to wait for a result takes it longer than
  // to compute one.
  const hasClock = adapter?.isFallbackAdapter === false &&
    features.includes("timestamp-query");
  const time = async (compute: () => tf.Tensor[]) =>
    hasClock
      ? (await profile(compute, { runs: 1 })).milliseconds
      : await timeTensors(compute);
  const ones = tf.ones([rows, rows]) as tf.Tensor2D;
  const multiply = () => [tf.matMul(ones, ones)];
  const tensor = name === "webgpu" ? tf.ones([copied]) : undefined;
  const [from, to] = [1, 0].map((value) =>
    new Float32Array(tensor ? 0 : copied).fill(value)
  ) as [Float32Array, Float32Array];
  return {
    contenders: [
      {
        name: "product",
        check: async () => {
          const [values] = await readTensors(multiply);
          return values!.every((value) => value === rows)
            ? null
            : `a product of ones is not ${rows}`;
        },
        run: () => time(multiply),
      },
      {
        name: "copy",
        check: () => Promise.resolve(null),
        // A GPU's own copy is out of tfjs's reach; adding 0 moves as much.
        run: () =>
          tensor
            ? time(() => [tf.add(tensor, 0)])
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
