/**
 * A training that crash_test.ts runs as a process of its own: `child.ts FOLDER
 * BACKEND STEPS`. It prints a line for each step, and shows its progress.
 *
 * @module
 */
import { type BackendName, useBackend } from "../../mod.ts";
import { accuracy, train } from "../../lib/training/mod.ts";
import { tinyData, tinyModel, tinyOptions, tinyPass } from "./tiny.ts";

const [folder, backend, steps] = Deno.args;
await useBackend({ prefer: [backend as BackendName] });
await train(
  tinyModel({ depth: 1 }),
  tinyData(),
  tinyOptions({
    steps: Number(steps),
    checkpoints: { folder: `${folder}/runs`, every: 5, resume: true },
    evaluate: { data: tinyPass, metrics: { accuracy: accuracy() }, every: 7 },
    log: `${folder}/log.jsonl`,
    progress: "auto",
    callbacks: { onBatchEnd: (_, logs) => console.log(logs!["step"]) },
  }),
);
