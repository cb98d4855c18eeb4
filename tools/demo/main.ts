/**
 * Trains a LION classifier on MNIST and evaluates the same weights in all
 * forms: `deno task demo`, with `--help` for what can be changed.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionVariant,
  type BackendInfo,
  type BackendName,
  useBackend,
} from "@lionjs/lion";
import { ATTENTION_VARIANTS } from "@lionjs/lion/layers";
import { type Digits, loadMnist } from "@lionjs/lion/datasets";
import { interruptSignal } from "@lionjs/lion/notebook";
import { oneOf, positive, readCommandLine, wrapped } from "../command_line.ts";
import { assertOutput, outPath, writeOutput } from "../out_folder.ts";
import { compareForms, compareLengths, FORMS, SIDES } from "./measure.ts";
import { digitClassifier, TOKENS, trainOn } from "./model.ts";
import { renderPage } from "./page.ts";

const USAGE = `Usage: deno task demo [options]

  --epochs N        passes over the 55,000 training images (default 3)
  --variant V       lit (no decay), d (fixed decay), s (selective; default) or
                    another:
                    ${wrapped(ATTENTION_VARIANTS.slice(3), 20)}
  --backend B       webgpu, wasm or cpu (default: the best one here)
  --seed N          seed for weights and batches (default 1)
  --out FILE        page to write (default ${outPath("demo.html")})
  --help            print this`;

interface Options {
  readonly epochs: number;
  readonly variant: AttentionVariant;
  readonly backend: BackendName | undefined;
  readonly seed: number;
  readonly out: string;
}

function readOptions(): Promise<Options> {
  return readCommandLine(USAGE, {
    epochs: { type: "string", default: "3" },
    variant: { type: "string", default: "s" },
    backend: { type: "string" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: outPath("demo.html") },
  }, async ({ epochs, variant, backend, seed, out }) => {
    if (!Number.isSafeInteger(Number(seed))) {
      throw new RangeError(`--seed should be an integer, got "${seed}"`);
    }
    const options = {
      epochs: positive("--epochs", epochs),
      seed: Number(seed),
      variant: oneOf("--variant", variant, ATTENTION_VARIANTS),
      backend: backend === undefined
        ? undefined
        : oneOf<BackendName>("--backend", backend, ["webgpu", "wasm", "cpu"]),
      out,
    };
    await assertOutput("--out", out);
    return options;
  });
}

function describe({ name, adapter }: BackendInfo): string {
  return adapter
    ? `${name} (${adapter.description}${
      adapter.isFallbackAdapter ? ", software" : ""
    })`
    : name;
}

function percent(part: number): string {
  return `${(100 * part).toFixed(2)} %`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Prints rows of cells in aligned columns. */
function printTable(rows: string[][]): void {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length))
  );
  for (const row of rows) {
    console.log(
      row.map((cell, column) => cell.padStart(widths[column]!)).join("   "),
    );
  }
}

/** Some test images, those that were predicted wrong last. */
function examplesOf(test: Digits, predictions: Uint8Array) {
  const indices = [...predictions.keys()];
  const isRight = (i: number) => predictions[i] === test.labels[i];
  return [
    ...indices.filter(isRight).slice(0, 12),
    ...indices.filter((i) => !isRight(i)).slice(0, 6),
  ].map((i) => ({
    pixels: test.get(i).pixels,
    label: test.labels[i]!,
    prediction: predictions[i]!,
  }));
}

const started = performance.now();
/** Processes that wanted a core in the last minute, before this one; 0 on Windows. */
const [othersAtWork] = Deno.loadavg();
const options = await readOptions();
const backend = await useBackend(
  options.backend ? { prefer: [options.backend] } : {},
);
const { train: all, test } = await loadMnist();
const digits = all.slice(0, 55_000);
const heldBack = all.slice(55_000);
const model = digitClassifier(options.variant, options.seed);
const weights = model.countParams();
const name = ["lit", "d", "s"].includes(options.variant)
  ? `LION-${options.variant.toUpperCase()}`
  : options.variant;
console.log(
  `${name}, ${weights} weights, ${TOKENS} tokens per image, on ${
    describe(backend)
  }`,
);

const trainingStarted = performance.now();
const { steps, losses, aborted, evaluation } = await trainOn(
  model,
  digits,
  heldBack,
  { epochs: options.epochs, seed: options.seed, signal: interruptSignal() },
);
const trainingSeconds = (performance.now() - trainingStarted) / 1000;
if (aborted) console.log(`stopped after step ${steps}`);
const { accuracy: heldBackAccuracy } = evaluation;
console.log(
  `trained for ${trainingSeconds.toFixed(0)} s; ${
    heldBackAccuracy === undefined
      ? "stopped before its first evaluation"
      : `held-back accuracy ${percent(heldBackAccuracy)}`
  }`,
);

if (othersAtWork! > navigator.hardwareConcurrency / 2) {
  console.log(
    `\nthis machine was busy when the run began (${
      othersAtWork!.toFixed(1)
    } processes on ${navigator.hardwareConcurrency} cores): times mean little`,
  );
}
const forms = await compareForms(model, test);
console.log("\nthe same weights on the 10,000 test images:");
printTable([
  ["", "accuracy", "same as full", "time", "peak memory"],
  ...forms.map((measured) => [
    measured.form,
    percent(measured.accuracy),
    percent(measured.agreement),
    `${measured.seconds.toFixed(2)} s`,
    mebibytes(measured.peakBytes),
  ]),
]);

console.log("\none attention with pixels as tokens, time and peak memory:");
const lengths = await compareLengths(test, (message) => console.log(message));
const found = (form: string, length: number) =>
  lengths.find((one) => one.form === form && one.length === length);
printTable([
  ["tokens", ...FORMS],
  ...SIDES.map((side) => side ** 2).map((length) => [
    `${length}`,
    ...FORMS.map((form) => {
      const one = found(form, length);
      return one
        ? `${one.milliseconds.toFixed(1)} ms ${mebibytes(one.peakBytes)}`
        : "does not fit";
    }),
  ]),
]);

const accuracy = percent(forms[0]!.accuracy);
await writeOutput(
  options.out,
  renderPage({
    title: `${name} on MNIST: ${accuracy}`,
    summary:
      `${weights} weights, ${TOKENS} tokens per image, ${steps} steps in ${
        trainingSeconds.toFixed(0)
      } s on ${describe(backend)}, seed ${options.seed}.`,
    losses: losses.map((loss, i) => [i + 1, loss]),
    forms,
    lengths,
    examples: examplesOf(test, forms[0]!.predictions),
  }),
);
model.dispose();
console.log(
  `\nwhole run: ${
    ((performance.now() - started) / 1000).toFixed(0)
  } s, ${tf.memory().numTensors} tensors left`,
);
console.log(`test accuracy: ${accuracy}`);
console.log(options.out);
