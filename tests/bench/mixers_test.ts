import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { lionViT, useBackend } from "@lionjs/lion";
import * as tf from "@tensorflow/tfjs-core";
import { disagreement, Subject } from "../../bench/mixer_subject.ts";
import { inPlainForms } from "../../bench/plain_forms.ts";
import { array, uniform } from "../random.ts";

const IMAGE = 24;

/** A model of one block that classifies an image, at 37 tokens. */
function subject(): Subject {
  const model = lionViT({
    ...{ imageSize: IMAGE, patchSize: 4, channels: 1, numClasses: 5 },
    ...{ dim: 16, depth: 1, numHeads: 2, variant: "s", seed: 1 },
  });
  const pixels = array(IMAGE * IMAGE, uniform(1));
  return new Subject(
    model,
    () => [tf.tensor4d(pixels, [1, IMAGE, IMAGE, 1])],
  );
}

/** The names of the kernels of ours that some work runs. */
async function kernelsOf(work: () => Promise<unknown>): Promise<string[]> {
  const { kernelNames } = await tf.profile(async () => {
    await work();
    return [];
  });
  return kernelNames.filter((name) => name.startsWith("Lion"));
}

Deno.test("inPlainForms() runs no kernel of ours, and all answer as with them", async () => {
  await useBackend({ prefer: ["wasm"] });
  const before = tf.memory().numTensors;
  for (const work of ["inference", "training"] as const) {
    const [fused, plain] = [subject(), subject()];
    const fusedAnswer = await fused.answer(work);
    const plainAnswer = await inPlainForms(() => plain.answer(work));
    assertEquals(disagreement(fusedAnswer, plainAnswer, 1e-4), null);
    assertEquals(
      await inPlainForms(() => kernelsOf(() => plain.answer(work))),
      [],
    );
    assertLess(0, (await kernelsOf(() => fused.answer(work))).length);
    fused.dispose();
    plain.dispose();
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("inPlainForms() puts the kernels back after an error", async () => {
  await useBackend({ prefer: ["wasm"] });
  const names = () =>
    tf.getKernelsForBackend("wasm").map(({ kernelName }) => kernelName).sort();
  const before = names();
  const failing = inPlainForms(() => Promise.reject(new Error("no")));
  await failing.catch(() => {});
  assertEquals(names(), before);
});

Deno.test("disagreement() names the gradient that is wrong, however small it is", async () => {
  await useBackend({ prefer: ["wasm"] });
  const model = subject();
  const answer = await model.answer("training");
  model.dispose();
  const [name, gradient] = [...answer].find(([name]) =>
    name.startsWith("gradient")
  )!;
  const halved = Float32Array.from(gradient, (x) => x / 2);
  const wrong = disagreement(
    new Map([...answer, [name, halved]]),
    answer,
    1e-3,
  );
  assertMatch(wrong ?? "", new RegExp(name.replaceAll(".", "\\.")));
});
