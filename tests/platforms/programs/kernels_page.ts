/** A page that runs each kernel of ours on WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { asTuning } from "../../../lib/backend/tuning_source.ts";
import { disposeBackend, useBackend } from "../../../mod.ts";
import {
  allResults,
  compiledTexts,
  errorOf,
  KERNEL_CASES,
  missingOf,
  resultsOf,
} from "../../kernels/webgpu/kernel_cases.ts";
import { CARD, posingAs } from "../../kernels/webgpu/posing.ts";

/** Small chunks, whose unrolled loops a software adapter compiles soonest. */
const TUNING = asTuning({
  webgpu: {
    all: {
      chunkwise: { chunkSize: 8, blockRows: 8 },
      channels: { chunkSize: 8 },
      delta: { chunkSize: 8 },
    },
  },
});

/** What came of a case. */
export interface KernelResult {
  /** Its name, and the error beside WebAssembly. */
  readonly name: string;
  readonly error: number;
  /** Those of its shaders that were not compiled. */
  readonly missing: readonly string[];
}

/** Runs each case on WebAssembly, and on WebGPU. */
async function compare(): Promise<KernelResult[]> {
  await useBackend({ prefer: ["wasm"] });
  const expected = await allResults();
  await useBackend({ prefer: ["webgpu"], tuning: TUNING });
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  const texts = compiledTexts();
  const results: KernelResult[] = [];
  for (const [name, one] of Object.entries(KERNEL_CASES)) {
    const error = errorOf(await resultsOf(one), expected.get(name)!);
    results.push({ name, error, missing: missingOf(one, texts) });
  }
  await disposeBackend();
  return results;
}

const exercise = (asCard: boolean): Promise<KernelResult[]> =>
  asCard ? posingAs(CARD, compare) : compare();

Object.assign(globalThis, { exercise });
