/**
 * Whether Tint, the compiler of Chrome, takes what our generators of shaders write,
 * and Dawn the calls that launch it: on an adapter that computes nothing, and has
 * the limits that WebGPU guarantees.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { disposeBackend, useBackend } from "../../mod.ts";
import {
  CASES_OF_CARDS,
  compiledTexts,
  KERNEL_CASES,
  missingOf,
  resultsOf,
} from "../kernels/webgpu/kernel_cases.ts";
import { CARD, type Pose, posingAs } from "../kernels/webgpu/posing.ts";

/** Adapters for which numbers, products or lanes differ. */
const POSES: Readonly<Record<string, Pose>> = {
  "a card": CARD,
  "an integrated adapter": { vendor: "intel", architecture: "gen-12lp" },
  "a software adapter": { vendor: "google", architecture: "swiftshader" },
};

/** The texts that are ours, by the adapter that they were for. */
const textsOf: Record<string, readonly GPUShaderModuleDescriptor[]> = {};

for (const [adapterName, pose] of Object.entries(POSES)) {
  Deno.test(`Dawn takes all kernels as ${adapterName} launches them`, async (t) => {
    await disposeBackend();
    await posingAs(pose, async () => {
      const { adapter } = await useBackend({ prefer: ["webgpu"] });
      assertEquals(adapter!.vendor, pose.vendor);
      tf.env().set("WEBGPU_CPU_FORWARD", false);
      const texts = compiledTexts();
      for (const [name, one] of Object.entries(KERNEL_CASES)) {
        if (pose === CARD && CASES_OF_CARDS.includes(name)) continue;
        await t.step(name, async () => {
          // A read fails where anything before it was refused.
          await resultsOf(one);
          assertEquals(missingOf(one, texts), []);
        });
      }
      await disposeBackend();
      textsOf[adapterName] = texts.filter(({ label }) =>
        label?.startsWith("lion_")
      );
    });
  });
}

Deno.test("a card has the shaders of integrated adapters, but in cases that say so", () => {
  const { "a card": card, "an integrated adapter": others } = textsOf;
  const known = new Set(others!.map(({ code }) => code));
  assert(card!.length > 0);
  for (const { label, code } of card!) assert(known.has(code), label);
});
