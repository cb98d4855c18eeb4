/**
 * Measures how fast images become batches: beside torchvision, or beside Pillow where
 * it is not installed, on one core; and how much of a training's speed is left when
 * one worker makes its batches. `--help` says what can be chosen.
 *
 * @module
 */
import { lionViT, useBackend, VIT_PRESETS } from "@lionjs/lion";
import {
  type Batch,
  type BatchStream,
  imageBatches,
  type ImageDataset,
  trainTransform,
} from "@lionjs/lion/data";
import { crossEntropy, train } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import { fileURLToPath } from "node:url";
import { positiveInteger, readCommandLine } from "../tools/command_line.ts";
import { findPython } from "../tools/notebooks/jupyter.ts";
import {
  quantile,
  stopwatch,
  timeAlternating,
  type Timed,
} from "./measure/timing.ts";
import { startProcess } from "./peers/peer_process.ts";

const USAGE = `Usage: deno run -A bench/image_batches.ts [options]

Measures how fast JPEGs of 500 × 375 pixels become batches of 224 × 224, and
reports whether bounds are met: if not, it exits with 1.

  --images N   JPEGs per pass (default: 48)
  --steps N    training steps to time, 0 for none (default: 12)
  --batch N    images per step (default: 16)
  --memory N   images for one worker whose memory is measured, 0 for none
               (default: 10000)
  --help       print this`;

const SIZE = 224;

/** The least shares of the other's speed. */
const BOUNDS = { sharp: 0.6, jsquash: 0.35, training: 0.9 };

/** Files in memory as a dataset. */
async function datasetIn(folder: string): Promise<ImageDataset> {
  const files: Uint8Array[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    files.push(await Deno.readFile(`${folder}/${name}`));
  }
  return {
    classes: ["one", "two"],
    labels: Uint16Array.from(files, (_, i) => i % 2),
    size: files.length,
    get: (index) => ({
      name: `${index}.jpg`,
      label: index % 2,
      bytes: () => Promise.resolve(files[index]!),
    }),
  };
}

function dispose({ inputs, labels }: Batch): void {
  tf.dispose([...inputs, labels]);
}

/** A pass over all images in the caller, which is one core. */
function passOf(
  images: ImageDataset,
  decoder: "sharp" | "jsquash",
): Timed {
  const batches = imageBatches(images, {
    ...{ batchSize: images.size, workers: 0, prefetch: 0, decoder },
    transform: trainTransform({ size: SIZE }),
  });
  let step = 0;
  return {
    name: decoder,
    run: () =>
      stopwatch(async () => {
        for await (const batch of batches.from(step++)) {
          dispose(batch);
          break;
        }
      }),
  };
}

/** Times both decoders beside Python's; returns what is told, and whether bounds are kept. */
async function measureThroughput(
  python: string,
  folder: string,
  count: number,
): Promise<{ lines: string[]; isKept: boolean; images: ImageDataset }> {
  const { child, answers, peer } = await startLoader(python, folder, count);
  const images = await datasetIn(folder);
  const writer = child.stdin.getWriter();
  const theirs: Timed = {
    name: peer,
    async run() {
      await writer.write(new TextEncoder().encode("\n"));
      return Number((await answers.next()).value);
    },
  };
  const measured = await timeAlternating(
    [theirs, passOf(images, "sharp"), passOf(images, "jsquash")],
    peer,
    { milliseconds: 6000, fewest: 5, most: 25, turn: 1 },
  );
  await writer.close();
  await child.status;
  const lines = measured.map(({ name, median, ratio }) => {
    const bound = BOUNDS[name as keyof typeof BOUNDS];
    return `${name}: ${(median / count).toFixed(2)} ms per image${
      bound ? `, ${(1 / ratio).toFixed(2)} of ${peer}'s speed (≥ ${bound})` : ""
    }`;
  });
  const isKept = measured.every(({ name, ratio }) =>
    1 / ratio >= (BOUNDS[name as keyof typeof BOUNDS] ?? 0)
  );
  return { lines, isKept, images };
}

async function startLoader(python: string, folder: string, count: number) {
  const program = fileURLToPath(new URL("image_loader.py", import.meta.url));
  const { child, answers, version: peer } = await startProcess(
    "Pillow",
    python,
    [program, folder, `${count}`],
    { OMP_NUM_THREADS: "1" },
  );
  return { child, answers, peer };
}

/** The milliseconds of each step of a training but the first two. */
async function stepsOf(
  data: BatchStream,
  steps: number,
): Promise<number[]> {
  const model = lionViT({
    ...VIT_PRESETS.tiny,
    ...{ imageSize: SIZE, numClasses: 2, variant: "lit" as const, seed: 1 },
  });
  const times: number[] = [];
  const timed: BatchStream = {
    stepsPerEpoch: data.stepsPerEpoch,
    async *from(start) {
      let last = performance.now();
      for await (const batch of data.from(start)) {
        yield batch;
        const now = performance.now();
        times.push(now - last);
        last = now;
      }
    },
  };
  await train(model, timed, {
    ...{ loss: crossEntropy(), steps: steps + 2, progress: false },
  });
  model.dispose();
  return times.slice(2);
}

/** Times training on batches that are ready, and on those that a worker makes. */
async function measureTraining(
  images: ImageDataset,
  backend: string,
  { steps, batchSize }: { steps: number; batchSize: number },
): Promise<{ line: string; isKept: boolean }> {
  const made = imageBatches(images, {
    ...{ batchSize, workers: 1, prefetch: 2 },
    transform: trainTransform({ size: SIZE, erase: 0.25 }),
  });
  const [values] = await Array.fromAsync(firstOf(made));
  const ready: BatchStream = {
    stepsPerEpoch: made.stepsPerEpoch,
    async *from() {
      while (true) {
        yield {
          inputs: values!.inputs.map((input) => tf.clone(input)),
          labels: tf.clone(values!.labels),
          size: batchSize,
        };
      }
    },
  };
  const [onReady, onMade]: [number[], number[]] = [[], []];
  for (let round = 0; round < 2; round++) {
    onReady.push(...await stepsOf(ready, steps));
    onMade.push(...await stepsOf(made, steps));
  }
  dispose(values!);
  const [without, withWorker] = [onReady, onMade].map((times) =>
    quantile(times, 0.5)
  );
  const share = without! / withWorker!;
  return {
    line: `ViT-tiny on ${backend}, ${batchSize} images per step: ${
      without!.toFixed(0)
    } ms on ready tensors, ${withWorker!.toFixed(0)} ms with one worker, ${
      share.toFixed(2)
    } of the speed (≥ ${BOUNDS.training})`,
    isKept: share >= BOUNDS.training,
  };
}

/** The memory of the process after each fifth of many images, in MB. */
async function watchMemory(
  images: ImageDataset,
  count: number,
): Promise<string> {
  const batches = imageBatches(images, {
    ...{ batchSize: 8, workers: 1, prefetch: 2 },
    transform: trainTransform({ size: SIZE }),
  });
  const megabytes: string[] = [];
  let seen = 0;
  for await (const batch of batches.from(0)) {
    dispose(batch);
    seen += batch.size;
    if (seen * 5 >= (megabytes.length + 1) * count) {
      megabytes.push((Deno.memoryUsage().rss / 1e6).toFixed(0));
    }
    if (seen >= count) break;
  }
  return `${seen} images by one worker: ${
    megabytes.join(", ")
  } MB after each fifth of them`;
}

/** The first batch of a stream. */
async function* firstOf(stream: BatchStream): AsyncGenerator<Batch> {
  for await (const batch of stream.from(0)) {
    yield batch;
    return;
  }
}

if (import.meta.main) {
  const { images: count, steps, batch, memory } = await readCommandLine(
    USAGE,
    {
      images: { type: "string", default: "48" },
      steps: { type: "string", default: "12" },
      batch: { type: "string", default: "16" },
      memory: { type: "string", default: "10000" },
    },
    ({ images, steps, batch, memory }) => ({
      images: positiveInteger("--images", images),
      steps: steps === "0" ? 0 : positiveInteger("--steps", steps),
      memory: memory === "0" ? 0 : positiveInteger("--memory", memory),
      batch: positiveInteger("--batch", batch),
    }),
  );
  const python = await findPython("PIL, numpy");
  if (!python) {
    throw new Error("Pillow is not installed; see `deno task setup`");
  }
  const { name } = await useBackend();
  const folder = await Deno.makeTempDir({ prefix: "images_" });
  try {
    const { lines, isKept, images } = await measureThroughput(
      python,
      folder,
      count,
    );
    lines.forEach((line) => console.log(line));
    let areKept = isKept;
    if (steps > 0) {
      const { line, isKept } = await measureTraining(images, name, {
        steps,
        batchSize: batch,
      });
      console.log(line);
      areKept &&= isKept;
    }
    if (memory > 0) console.log(await watchMemory(images, memory));
    if (!areKept) Deno.exitCode = 1;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
