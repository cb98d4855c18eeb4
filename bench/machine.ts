/** The machine, and what it can do at best. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendInfo } from "@lionjs/lion";
import { arch, cpus, release, totalmem } from "node:os";
import type { BackendFigures, Machine } from "./figures.ts";
import { type OpenGroup, readTensors, timeTensors } from "./group.ts";
import { measureAlternating, stopwatch } from "./measure.ts";

/** Names the machine and what runs on it. */
export function describeMachine(
  threads: number,
  torch: string | null,
): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memoryBytes: totalmem(),
    system: `${Deno.build.os} ${release()} ${arch()}`,
    deno: Deno.version.deno,
    v8Flags: Deno.env.get("DENO_V8_FLAGS") ?? null,
    tfjs: tf.version_core,
    torch,
    threads,
  };
}

/** Floats of a copy: 64 MiB. */
const COPIED = 2 ** 24;

/** Measures what the current backend, which `info` describes, does at best. */
export async function measurePeaks(info: BackendInfo): Promise<BackendFigures> {
  const size = info.name === "cpu" ? 256 : 1024;
  const group = peaks(info, size);
  const [product, copy] = await measureAlternating(
    group.contenders,
    group.baseline,
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
