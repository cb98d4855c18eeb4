/** Tests of a WebGPU backend itself. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../../lib/tfjs/webgpu/gpu_backend.ts";
import { useBackend } from "../../../mod.ts";
import { BACKENDS } from "../../backends.ts";

/** A test that runs where an adapter answers; tests/backends.ts prints why not. */
export function onWebGpu(
  name: string,
  run: (backend: StrictWebGPUBackend) => Promise<void>,
): void {
  Deno.test({
    name: `${name} [webgpu]`,
    ignore: !BACKENDS.includes("webgpu"),
    fn: async () => {
      await useBackend({ prefer: ["webgpu"] });
      tf.env().set("WEBGPU_CPU_FORWARD", false);
      await run(tf.backend() as StrictWebGPUBackend);
    },
  });
}
