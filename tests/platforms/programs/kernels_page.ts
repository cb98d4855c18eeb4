/**
 * A page that runs each kernel of ours on WebGPU.
 *
 * A software adapter takes half a minute to compile all their shaders. So they run
 * as on a card, and as it is those whose shaders are others then: tests/dawn/texts.ts
 * tests that the others are the same.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { disposeBackend, useBackend } from "../../../mod.ts";
import {
  allResults,
  CASES_OF_CARDS,
  compiledTexts,
  errorOf,
  KERNEL_CASES,
  missingOf,
  resultsOf,
} from "../../kernels/webgpu/kernel_cases.ts";
import { CARD, posingAs } from "../../kernels/webgpu/posing.ts";

/** What came of a case. */
export interface KernelResult {
  /** Its name, and the error beside WebAssembly. */
  readonly name: string;
  readonly error: number;
  /** Those of its shaders that were not compiled. */
  readonly missing: readonly string[];
  /** The labels of those that were. */
  readonly compiled: readonly string[];
}

/** Runs cases on WebGPU, and all of them on WebAssembly. */
async function compare(names: readonly string[]): Promise<KernelResult[]> {
  await useBackend({ prefer: ["wasm"] });
  const expected = await allResults();
  await useBackend({ prefer: ["webgpu"] });
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  const texts = compiledTexts();
  const results: KernelResult[] = [];
  for (const name of names) {
    const one = KERNEL_CASES[name]!;
    const before = texts.length;
    const error = errorOf(await resultsOf(one), expected.get(name)!);
    const compiled = texts.slice(before).map(({ label }) => label ?? "");
    results.push({ name, error, missing: missingOf(one, texts), compiled });
  }
  await disposeBackend();
  return results;
}

const exercise = {
  asItIs: () => compare(CASES_OF_CARDS),
  asCard: () => posingAs(CARD, () => compare(Object.keys(KERNEL_CASES))),
};

Object.assign(globalThis, { exercise });
