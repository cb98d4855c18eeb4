/**
 * Compares the time of a GPT's next token after a short text and after a long
 * one: `deno task fast run -A bench/next_token.ts`, on a machine that is idle.
 *
 * The token is checked with what the model answers to the whole text before the
 * first time is taken; the contenders take turns. Ends with 1 if the long text's
 * token takes longer beyond the noise, or attention more launches than it may.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { type BackendName, lionGpt, useBackend } from "@lionjs/lion";
import { parseArgs } from "node:util";
import { checkNext, next, type Text, textOf } from "./generation.ts";
import {
  assertParity,
  type Candidate,
  stopwatch,
  timeAlternating,
} from "./measure.ts";

const USAGE = `Usage: deno task fast run -A bench/next_token.ts [options]

  --backend NAME     wasm (the default), webgpu or cpu
  --variant NAME     lit, d or s (the default)
  --depth LAYERS     default 12
  --dim COLUMNS      default 768, in heads of 64
  --vocabulary SIZE  default 1024
  --lengths TOKENS   default 16,4096
  --threads N        of wasm (default: one for each core)
  --help             print this`;

/** Columns of a head. */
const HEAD_DIM = 64;

/** Launches of attention in a layer that a token may need. */
const MOST_LAUNCHES = 2;

/** What is noise: this share of the time. */
const NOISE = 0.05;

const { values } = parseArgs({
  options: {
    backend: { type: "string", default: "wasm" },
    variant: { type: "string", default: "s" },
    depth: { type: "string", default: "12" },
    dim: { type: "string", default: "768" },
    vocabulary: { type: "string", default: "1024" },
    lengths: { type: "string", default: "16,4096" },
    threads: { type: "string", default: String(navigator.hardwareConcurrency) },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  Deno.exit(0);
}
const [depth, dim, vocabularySize, threads] = [
  values.depth,
  values.dim,
  values.vocabulary,
  values.threads,
].map(Number) as [number, number, number, number];
const lengths = values.lengths.split(",").map(Number);
if (
  ![depth, dim / HEAD_DIM, vocabularySize, threads, ...lengths]
    .every((x) => Number.isInteger(x) && x > 0)
) {
  console.error(`numbers should be positive integers\n\n${USAGE}`);
  Deno.exit(2);
}

await useBackend({ prefer: [values.backend as BackendName], threads });
const model = lionGpt({
  vocabularySize,
  dim,
  depth,
  numHeads: dim / HEAD_DIM,
  variant: values.variant as "lit" | "d" | "s",
  seed: 1,
});

/** How often a layer's attention is launched for a token. */
async function launches(text: Text): Promise<number> {
  const { kernels } = await tf.profile(async () => {
    await next(model, text);
    return [];
  });
  const attention = kernels.filter(({ name }) =>
    name.startsWith("LionChunkwise")
  );
  return attention.length / depth;
}

const texts = new Map<string, Text>();
for (const length of lengths) {
  texts.set(
    `after ${length} tokens`,
    await textOf(model, vocabularySize, length),
  );
}
const contenders = [...texts].map(([name, text]): Candidate => ({
  name,
  check: () => checkNext(model, text),
  run: () => stopwatch(async () => void await next(model, text)),
}));
await assertParity(contenders);

const parameters = model.countParams();
console.log(
  `${depth} layers of ${dim} columns, ${parameters} parameters, LION-${values.variant.toUpperCase()}, ` +
    `${values.backend}, ${threads} threads: milliseconds of the next token, median`,
);
let exceeded = 0;
const [first] = contenders;
const measurements = await timeAlternating(contenders, first!.name, {
  milliseconds: 3000,
  fewest: 9,
  most: 45,
});
for (const { name, median, p20, p80, ratio } of measurements) {
  const count = await launches(texts.get(name)!);
  if (count > MOST_LAUNCHES || count === 0) exceeded++;
  if (ratio > 1 + NOISE) exceeded++;
  console.log(
    `  ${name.padEnd(20)} ${median.toFixed(2)} (${p20.toFixed(2)} to ${
      p80.toFixed(2)
    }), ${
      ratio.toFixed(3)
    } of the first, ${count} launches of attention a layer`,
  );
}
for (const { state } of texts.values()) state.dispose();
// Workers of a backend must not keep the process.
Deno.exit(exceeded > 0 ? 1 : 0);
