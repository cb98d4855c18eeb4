/**
 * What mixers cost in the same model, as ratios to softmax attention:
 * `deno task fast run -A bench/mixers.ts`, on a machine that is idle. One image
 * or one sequence, inference and a training step with Adam.
 *
 * Before the first time is taken, each contender is compared twice: two of its
 * blocks on a short input with plain JavaScript, and at the size that is timed
 * with the plain forms of the same backend, all blocks where it infers, and one
 * with all gradients and a step of Adam where it trains. Vim's plain form,
 * which keeps states, is compared at 1,024 tokens at most, and 256 where it
 * trains. Contenders take turns.
 *
 * @module
 */
import type { BackendName } from "@lionjs/lion";
import {
  oneOf,
  positiveInteger,
  readCommandLine,
  someOf,
  threadCount,
} from "../tools/command_line.ts";
import { medianOf, tellTimes } from "./bounds.ts";
import { startBackend, timeChecked } from "./group.ts";
import { openMixers, SHORT, type StartBackend } from "./mixer_group.ts";
import {
  BASELINE,
  encoderProblem,
  MIXERS,
  type Problem,
  visionProblem,
} from "./mixer_models.ts";
import { type Work, WORKS } from "./mixer_subject.ts";

const USAGE = `Usage: deno task fast run -A bench/mixers.ts [options]

  --backend NAME    wasm or webgpu (default: wasm)
  --model NAMES     encoder and vit, with commas between (default: both)
  --work NAMES      inference and training, likewise (default: both)
  --only NAMES      mixers beside softmax, likewise (default: all that the model has):
                    ${MIXERS.slice(1).join(", ")}
  --sizes PIXELS    of images, likewise (default: 224)
  --length TOKENS   of the encoder (default: 1024)
  --threads N       of wasm (default: one for each core)
  --help            print this`;

/** How long each contender is timed. */
const BUDGET = { milliseconds: 2500, fewest: 5, most: 45, turn: 3 };

/** Checks the mixers, and prints what each takes and its ratio to softmax attention. */
async function compare(
  problem: Problem,
  short: Problem,
  mixers: readonly string[],
  work: Work,
  start: StartBackend,
): Promise<void> {
  const names = mixers.filter((name) => name in problem.models);
  const group = await openMixers({ problem, short, names, work, start });
  const measurements = await timeChecked(group, undefined, BUDGET);
  tellTimes(`${problem.title}, ${work}`, measurements);
  const baseline = medianOf(measurements, BASELINE);
  for (const { name, median } of measurements) {
    const ratio = (median / baseline).toFixed(2);
    console.log(`  ${name} beside ${BASELINE}: ${ratio}`);
  }
}

const { backend, models, works, mixers, sizes, length, threads } =
  await readCommandLine(USAGE, {
    backend: { type: "string", default: "wasm" },
    model: { type: "string", default: "encoder,vit" },
    work: { type: "string", default: WORKS.join() },
    only: { type: "string", default: MIXERS.join() },
    sizes: { type: "string", default: "224" },
    length: { type: "string", default: "1024" },
    threads: { type: "string", default: String(navigator.hardwareConcurrency) },
  }, ({ backend, model, work, only, sizes, length, threads }) => ({
    backend: oneOf<BackendName>("--backend", backend, ["wasm", "webgpu"]),
    models: someOf("--model", model, ["encoder", "vit"]),
    works: someOf("--work", work, WORKS),
    mixers: new Set([BASELINE, ...someOf("--only", only, MIXERS)]),
    sizes: sizes.split(",").map((size) => positiveInteger("--sizes", size)),
    length: positiveInteger("--length", length),
    threads: threadCount("--threads", threads),
  }));
const start = (name: BackendName = backend) => startBackend(name, threads);
for (const model of models) {
  const problems = model === "vit"
    ? sizes.map(visionProblem)
    : [encoderProblem(length)];
  for (const problem of problems) {
    for (const work of works) {
      await compare(problem, SHORT[model], [...mixers], work, start);
    }
  }
}
Deno.exit(0);
