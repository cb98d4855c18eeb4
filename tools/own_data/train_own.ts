/**
 * Trains a classifier on a person's own images or texts: `deno task train --data`.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { setClassNames, useBackend } from "@lionjs/lion";
import "@lionjs/lion/io";
import { confusionFigure, interruptSignal } from "@lionjs/lion/notebook";
import {
  accuracy,
  confusionMatrix,
  crossEntropy,
  DivergenceError,
  f1,
  predict,
  train,
} from "@lionjs/lion/training";
import { parquet } from "@lionjs/lion/data";
import {
  FileInUse,
  type FileLock,
  lockFile,
} from "../../lib/base/file_lock.ts";
import { accuracyOf } from "../../lib/training/metrics/classification.ts";
import { endWithMistake } from "../command_line.ts";
import { writeOutput } from "../out_folder.ts";
import { findData } from "./find_data.ts";
import { imagesInFolders, imagesInParquet } from "./own_images.ts";
import { type OwnOptions, readOwnOptions, USAGE } from "./own_options.ts";
import { type OwnTask, shortened } from "./own_task.ts";
import { RateError, searchRate } from "./rate_search.ts";
import { textsInFolders, textsInTable } from "./own_texts.ts";

/** The most damaged files that are told by name. */
const MOST_TOLD = 10;

/** Passes over the data without a better accuracy, after which training ends. */
const PATIENCE = 5;

/** Trains what the command line says; a mistake in the data ends with 2. */
export async function trainOwn(): Promise<void> {
  const options = await readOwnOptions();
  const { backend } = options;
  const { name } = await useBackend(backend ? { prefer: [backend] } : {});
  console.log(`on ${name}`);
  const task = await openOrEnd(options);
  const lock = await lockOrEnd(options);
  const mistake = await trainOn(task, options).catch((error) => {
    if (error instanceof RateError) return error.message;
    throw error;
  }).finally(() => lock.release());
  if (mistake !== undefined) endWithMistake(USAGE, mistake);
}

/** Keeps others out of the output folder, whose files belong together. */
async function lockOrEnd({ output }: OwnOptions): Promise<FileLock> {
  try {
    await Deno.mkdir(output, { recursive: true });
    return await lockFile(`${output}/training.lock`);
  } catch (error) {
    endWithMistake(
      USAGE,
      error instanceof FileInUse
        ? `--output should be a folder that nothing else trains into, got ${output}, into which ${error.owner} does`
        : `--output should be a folder to write into, got ${output}: ${
          (error as Error).message
        }`,
    );
  }
}

/** Looks at what the data are; ends with 2 and one line where they are none. */
async function openOrEnd(options: OwnOptions): Promise<OwnTask> {
  try {
    const task = await openTask(options);
    assertSizes(task);
    assertSteps(task, options);
    return task;
  } catch (error) {
    if (isMistake(error)) endWithMistake(USAGE, error.message);
    throw error;
  }
}

/** Whether an error tells of the data: what is wrong with files is a plain `Error`. */
function isMistake(error: unknown): error is Error {
  return error instanceof Error &&
    [Error, RangeError, SyntaxError].some((kind) => kind === error.constructor);
}

/** Trains on what is found, tests, and writes the model with what a page needs. */
async function trainOn(task: OwnTask, options: OwnOptions): Promise<void> {
  const { model, classes, sizes, examples, files } = task;
  const [trained, validated, tested] = sizes;
  console.log(
    `${classes.length} classes of ${examples} (${shortened(classes)}): ` +
      `${trained} to train on, ${validated} to validate on, ${tested} to test on`,
  );
  setClassNames(model, classes);
  const { output, epochs = task.epochs, seed } = options;
  const signal = interruptSignal();
  const rate = options.rate === "search"
    ? await searchRate(task, options, signal)
    : options.rate;
  if (rate === undefined) {
    console.log("stopped: the same command goes on with the search");
    Deno.exitCode = 130;
    return;
  }
  const { aborted, best } = await train(model, task.train, {
    ...{ epochs, seed, signal },
    loss: crossEntropy({ labelSmoothing: 0.1 }),
    optimizer: { learningRate: rate, weightDecay: 0.05 },
    evaluate: { data: task.validation, metrics: { accuracy: accuracy() } },
    best: { metric: "accuracy", patience: PATIENCE },
    log: { lines: `${output}/log.jsonl`, tensorBoard: output },
  }).catch((error) => {
    if (!(error instanceof DivergenceError)) throw error;
    throw new RateError(`--rate ${rate} may be too high: ${error.message}`);
  });
  if (aborted) {
    const weights = best
      ? "best weights"
      : "last weights, since none were evaluated";
    console.log(`stopped: the results below are for the ${weights}`);
  }
  await model.save(`file://${output}/model`);
  for (const [name, content] of Object.entries(files)) {
    await writeOutput(`${output}/${name}`, content);
  }
  if (!await test(task, output, aborted ? undefined : signal)) return;
  const bad = task.bad();
  if (bad.length > 0) {
    console.log(`${bad.length} damaged ${examples} were skipped:`);
    bad.slice(0, MOST_TOLD).forEach((line) => console.log(`  ${line}`));
  }
  console.log(`${output}: the model, and a page of its mistakes`);
  model.dispose();
}

/** Looks at what the data are. */
async function openTask(options: OwnOptions): Promise<OwnTask> {
  const found = await findData(options.data);
  if (found.kind === "image folders") return imagesInFolders(found, options);
  if (found.kind === "text folders") return textsInFolders(found, options);
  const image = await imageColumn(found.train);
  return image === undefined || options.text !== undefined
    ? textsInTable(found, options)
    : imagesInParquet(found, { ...options, image });
}

/** The column of a table that has images, as Hugging Face calls it. */
async function imageColumn(path: string): Promise<string | undefined> {
  if (!/\.parquet$/i.test(path)) return undefined;
  const { schema } = await parquet(path);
  return schema.map(({ name }) => name)
    .find((name) => ["image", "img"].includes(name));
}

/** Throws unless there is something to learn, and to test. */
function assertSizes({ classes, sizes, examples }: OwnTask): void {
  if (classes.length < 2) {
    throw new RangeError(
      `--data should have two classes or more, got ${shortened(classes)}`,
    );
  }
  if (sizes.every((size) => size > 0)) return;
  throw new RangeError(
    `--data should have enough ${examples} for training, validation and testing, got ${
      sizes.join(", ")
    }; equal ones go to the same part`,
  );
}

/** Throws unless so many passes over the data make a step. */
function assertSteps({ train }: OwnTask, { epochs = 1 }: OwnOptions): void {
  if (Math.round(epochs * train.stepsPerEpoch) > 0) return;
  throw new RangeError(
    `--epochs should make at least one step (a pass has ${train.stepsPerEpoch}), got ${epochs}`,
  );
}

/**
 * Tests the model, tells what it reaches, and draws what it takes for what; `false`
 * if the signal has stopped it.
 */
async function test(
  task: OwnTask,
  output: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { model, classes, examples } = task;
  const predictions = await predict(model, task.test(), {
    map: (logits) => tf.argMax(logits, -1),
    signal,
  }).catch((error) => {
    if (!signal?.aborted) throw error;
    console.log(`stopped: ${output}/model is trained, but not tested`);
    Deno.exitCode = 130;
  });
  if (!predictions) return false;
  const { values, labels } = predictions;
  const counts = confusionMatrix(values, labels, { classes: classes.length });
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  console.log(
    `test: accuracy ${percent(accuracyOf(values, labels))}, ` +
      `mean F1 of the classes ${
        percent(f1(values, labels, { average: "macro" }))
      }`,
  );
  for (const { count, name, taken } of worst(counts, classes)) {
    console.log(`  ${count} ${examples} of ${name} classified as ${taken}`);
  }
  const figure = await confusionFigure(counts, {
    classes,
    title: `Test ${examples}`,
    caption: "Rows are true classes, columns predicted ones.",
  });
  await writeOutput(`${output}/confusion.html`, await figure.toHTML());
  return true;
}

/** The confusions that are most frequent. */
function worst(counts: number[][], classes: readonly string[]) {
  return counts.flatMap((row, i) =>
    row.flatMap((count, j) =>
      i === j || count === 0
        ? []
        : [{ count, name: classes[i]!, taken: classes[j]! }]
    )
  ).sort((a, b) => b.count - a.count).slice(0, 5);
}
