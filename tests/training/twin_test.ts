/** Our trainings and their twins in PyTorch have the same losses, step by step. @module */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { fileURLToPath } from "node:url";
import type { BackendName } from "../../mod.ts";
import { toPyTorchWeights, writeSafetensors } from "../../lib/io/mod.ts";
import { crossEntropy, train } from "../../lib/training/mod.ts";
import { findPython } from "../../tools/notebooks/jupyter.ts";
import { onEachBackend } from "../backends.ts";
import { logOf, withFolder } from "./tiny.ts";
import { type Job, JOBS, type Mixing, OPTIMIZER, STEPS } from "./twin/jobs.ts";

const python = await findPython("torch");
if (python === undefined) {
  console.log("skipped: no Python here has torch; `deno task setup --torch`");
}

/**
 * Of the losses, relative to the twin's; ours are of float32. On WebAssembly it
 * tells GELU from its approximation by tanh (4e-5), and a normalisation's epsilon
 * of 1e-6 from one of 1e-5 (1e-5).
 */
const TOLERANCE: Partial<Record<BackendName, number>> = {
  wasm: 1e-6,
  webgpu: 1e-5,
};

/**
 * Of the gradients' norms, relative to the twin's: BERT's LIT normalises rows that
 * may be nearly zero, whose gradients float32 has to four digits, PyTorch's too.
 */
const NORM_TOLERANCE = 1e-4;

const VARIANTS: readonly Mixing[] = [
  { variant: "lit" },
  { variant: "d" },
  { variant: "s" },
  { variant: "softmax" },
];
const PLACED: readonly Mixing[] = [
  { variant: "softmax", position: "rotary" },
  { variant: "softmax", position: "alibi" },
];

/** A training, and what it is called by. */
interface Case {
  readonly name: string;
  readonly job: Job;
  readonly mixing: Mixing;
}

/** Of each model, and on software WebGPU, where kernels take seconds to compile, of one. */
const CASES: Partial<Record<BackendName, readonly Case[]>> = {
  wasm: [
    ...VARIANTS.flatMap((mixing) =>
      Object.keys(JOBS).map((name) => caseOf(name, mixing))
    ),
    ...PLACED.map((mixing) => caseOf("lionBert", mixing)),
  ],
  webgpu: [caseOf("lionEncoder", { variant: "s" })],
};

function caseOf(name: string, mixing: Mixing): Case {
  return {
    name: [name, ...Object.values(mixing)].join(" "),
    job: JOBS[name]!,
    mixing,
  };
}

/** Figures of a training, one for each step. */
interface Course {
  readonly losses: readonly number[];
  readonly gradientNorms: readonly number[];
}

/** The tensors of all steps, one after another. */
async function batchesOf(job: Job): Promise<Record<string, tf.Tensor>> {
  const steps: Record<string, tf.Tensor>[] = [];
  for await (const { inputs, labels } of job.data().from(0)) {
    const named = inputs.map((input, i) => [`inputs/${i}`, input] as const);
    steps.push({ ...Object.fromEntries(named), labels });
    if (steps.length === STEPS) break;
  }
  const stacked = Object.keys(steps[0]!).map((name) =>
    [name, tf.stack(steps.map((step) => step[name]!))] as const
  );
  tf.dispose(steps);
  return Object.fromEntries(stacked);
}

/** Writes down what a twin starts from and what it sees. */
async function write(path: string, { job, mixing }: Case): Promise<void> {
  const model = job.model(mixing);
  const weights = [...toPyTorchWeights(model)].map(([name, tensor]) =>
    [`weights/${name}`, tensor] as const
  );
  const tensors = { ...Object.fromEntries(weights), ...await batchesOf(job) };
  const { twin } = job;
  const options = { ...twin.options, ...mixing };
  await writeSafetensors(path, tensors, {
    metadata: {
      job: JSON.stringify({ ...twin, options, optimizer: OPTIMIZER }),
    },
  });
  tf.dispose(tensors);
  model.dispose();
}

/** Trains the twins in one process: PyTorch takes seconds to start. */
async function trainTwins(files: readonly string[]): Promise<Course[]> {
  const script = fileURLToPath(import.meta.resolve("./twin/train.py"));
  const { success, stdout } = await new Deno.Command(python!, {
    args: ["-B", script, ...files],
    stderr: "inherit",
  }).output();
  assert(success, "PyTorch failed; its message is above");
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

async function trainOurs({ job, mixing }: Case, log: string): Promise<Course> {
  const model = job.model(mixing);
  await train(model, job.data(), {
    steps: STEPS,
    loss: crossEntropy(),
    optimizer: OPTIMIZER,
    progress: false,
    log,
  });
  model.dispose();
  const lines = await logOf(log);
  return {
    losses: lines.map(({ loss }) => loss),
    gradientNorms: lines.map(({ gradientNorm }) => gradientNorm),
  };
}

/** The largest difference, relative to the twin's. */
function distance(ours: readonly number[], twins: readonly number[]): number {
  assertEquals([ours.length, twins.length], [STEPS, STEPS]);
  return Math.max(...ours.map((x, i) => Math.abs(x / twins[i]! - 1)));
}

if (python !== undefined) {
  onEachBackend("models train as they do in PyTorch", async (backend, t) => {
    const cases = CASES[backend]!;
    await withFolder(async (folder) => {
      const files = cases.map(({ name }) => `${folder}/${name}`);
      for (const [i, one] of cases.entries()) await write(files[i]!, one);
      const twins = trainTwins(files);
      const ours: Course[] = [];
      try {
        for (const one of cases) {
          ours.push(await trainOurs(one, `${folder}/log`));
        }
      } finally {
        await Promise.allSettled([twins]);
      }
      for (const [i, twin] of (await twins).entries()) {
        await t.step(cases[i]!.name, () => {
          const { losses, gradientNorms } = ours[i]!;
          assertLess(distance(losses, twin.losses), TOLERANCE[backend]!);
          assertLess(
            distance(gradientNorms, twin.gradientNorms),
            NORM_TOLERANCE,
          );
        });
      }
    });
  }, ["webgpu", "wasm"]);
}
