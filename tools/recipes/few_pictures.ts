/**
 * How many pictures a ViT from scratch needs, and what a trained one saves: the
 * digits 5 to 9 of MNIST, learned from some of their pictures by new models, and by
 * one that knows the digits 0 to 4. `deno run -A tools/recipes/few_pictures.ts`.
 *
 * @module
 */
import { lionViT, useBackend } from "@lionjs/lion";
import {
  batchesInOrder,
  collateDigits,
  Digits,
  loadMnist,
  shuffledBatches,
} from "@lionjs/lion/data";
import { fromPretrained, savePretrained } from "@lionjs/lion/hub";
import {
  accuracy,
  crossEntropy,
  evaluate,
  layerwiseDecay,
  train,
} from "@lionjs/lion/training";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { positiveInteger, readCommandLine } from "../command_line.ts";
import { interval } from "./statistics.ts";

const USAGE = `Usage: deno run -A tools/recipes/few_pictures.ts [options]

Trains small ViTs on some pictures of the digits 5 to 9, from scratch and from a
model of the digits 0 to 4, and prints their accuracies on all test pictures of 5
to 9, with 95 % intervals over the seeds.

  --seeds N   runs of each kind (default 3)
  --steps N   steps of 16 pictures in each run (default 900)
  --help      print this`;

const { seeds, steps } = await readCommandLine(USAGE, {
  seeds: { type: "string", default: "3" },
  steps: { type: "string", default: "900" },
}, (values) => ({
  seeds: positiveInteger("--seeds", values.seeds),
  steps: positiveInteger("--steps", values.steps),
}));

const SIZES = {
  ...{ imageSize: 28, patchSize: 7, channels: 1 },
  ...{ dim: 32, depth: 2, numHeads: 2 },
  ...{ variant: "s", order: "snake" } as const,
};

const { name } = await useBackend();
console.log(`on ${name}, ${steps} steps of 16 pictures, ${seeds} seeds`);
const { train: digits, test } = await loadMnist();

/** Some of the pictures whose digits are from 0 to 4, or from 5 to 9. */
function half(from: Digits, first: 0 | 5, count = Infinity, skip = 0): Digits {
  const found = [...from.labels.keys()].filter((i) => {
    const label = from.labels[i]!;
    return label >= first && label < first + 5;
  }).slice(skip, skip + count);
  const pixels = new Uint8Array(28 * 28 * found.length);
  found.forEach((i, place) =>
    pixels.set(from.pixels.subarray(784 * i, 784 * (i + 1)), 784 * place)
  );
  const labels = found.map((i) => from.labels[i]! - first);
  return new Digits(pixels, Uint8Array.from(labels));
}

const HELD = half(test, 5);

/** Trains a model for so many steps. */
async function learn(
  model: LayersModel,
  pictures: Digits,
  options: { learningRate: number; seed: number; steps: number },
): Promise<void> {
  const { learningRate, seed, steps } = options;
  const batches = shuffledBatches(pictures, {
    ...{ batchSize: 16, seed, collate: collateDigits() },
  });
  const isFrozen = model.trainableWeights.length < model.weights.length;
  await train(model, batches, {
    ...{ steps, seed, loss: crossEntropy(), progress: false },
    optimizer: {
      ...{ learningRate, warmUpSteps: Math.ceil(steps / 10) },
      ...isFrozen ? {} : { learningRateFactor: layerwiseDecay(model, 0.8) },
    },
  });
}

/** The share of the test pictures of 5 to 9 that a model knows; disposes of it. */
async function share(model: LayersModel): Promise<number> {
  const batches = batchesInOrder(HELD, {
    ...{ batchSize: 100, collate: collateDigits() },
  });
  const metrics = { accuracy: accuracy() };
  const found = await evaluate(model, batches, {
    ...{ loss: crossEntropy(), metrics },
  });
  model.dispose();
  return found["accuracy"]!;
}

/** Prints the shares that models of each seed reach. */
async function report(
  what: string,
  run: (seed: number) => Promise<number>,
): Promise<void> {
  const shares: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) shares.push(await run(seed));
  const { mean, half } = interval(shares);
  console.log(
    `${what}: ${(100 * mean).toFixed(1)} ± ${(100 * half).toFixed(1)} %`,
  );
}

const known = lionViT({ ...SIZES, numClasses: 10, seed: 1 });
await learn(known, half(digits, 0), {
  ...{ learningRate: 1e-3, seed: 1, steps: 2 * steps },
});
const folder = await Deno.makeTempDir();
await savePretrained(folder, { model: known });
known.dispose();

for (const count of [200, 800, 3200]) {
  await report(`from scratch, ${count} pictures`, async (seed) => {
    const model = lionViT({ ...SIZES, numClasses: 5, seed });
    await learn(model, half(digits, 5, count, 200 * seed), {
      ...{ learningRate: 1e-3, seed, steps },
    });
    return await share(model);
  });
}

for (const isFrozen of [false, true]) {
  const what = isFrozen ? "its new head" : "all of it";
  await report(`${what} trained, 200 pictures`, async (seed) => {
    const { model } = await fromPretrained(folder, { numClasses: 5, seed });
    for (const layer of model.layers) {
      layer.trainable = !isFrozen || layer.name === "head";
    }
    await learn(model, half(digits, 5, 200, 200 * seed), {
      ...{ learningRate: 1e-3, seed, steps },
    });
    return await share(model);
  });
}
await Deno.remove(folder, { recursive: true });
