/** A run that was interrupted goes on as if it had not been. @module */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as tfl from "@tensorflow/tfjs-layers";
import type { LionEncoderOptions } from "../../mod.ts";
import {
  accuracy,
  crossEntropy,
  loadCheckpoint,
  train,
  type TrainingResult,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { onEachBackend } from "../backends.ts";
import { namesIn, onCpu } from "../io/files.ts";
import {
  tinyBatch,
  tinyData,
  tinyModel,
  tinyOptions,
  tinyPass,
  weightsOf,
  withFolder,
} from "./tiny.ts";

/** Options with all that there is to resume. */
function optionsIn(
  folder: string,
  options: Partial<TrainOptions> = {},
): TrainOptions & { readonly log: string } {
  const log = `${folder}/log.jsonl`;
  const made = tinyOptions({
    checkpoints: { folder: `${folder}/runs`, every: 5, resume: true },
    evaluate: { data: tinyPass, metrics: { accuracy: accuracy() }, every: 4 },
    log,
    ...options,
  });
  return { ...made, log };
}

/** Trains a new model; ends after so many steps, if any. */
async function run(
  options: TrainOptions,
  { until, model: changes }: {
    until?: number;
    model?: Partial<LionEncoderOptions>;
  } = {},
): Promise<TrainingResult & { weights: number[][] }> {
  const stop = new AbortController();
  const model = tinyModel(changes);
  try {
    const result = await train(model, tinyData(), {
      ...options,
      signal: stop.signal,
      callbacks: {
        onBatchEnd: (_, logs) => {
          if (logs!["step"] === until) stop.abort();
        },
      },
    });
    return { ...result, weights: await weightsOf(model) };
  } finally {
    model.dispose();
  }
}

/** What `console.warn` is called with meanwhile. */
async function warningsOf(during: () => Promise<unknown>): Promise<string[]> {
  const warn = console.warn;
  const warnings: string[] = [];
  console.warn = (text: string) => warnings.push(text);
  try {
    await during();
  } finally {
    console.warn = warn;
  }
  return warnings;
}

// So it is on software WebGPU, where it takes half a minute.
onEachBackend(
  "a resumed run equals one that was not interrupted",
  () =>
    withFolder(async (folder) => {
      const [whole, parted] = [`${folder}/whole`, `${folder}/parted`];
      await Deno.mkdir(whole);
      await Deno.mkdir(parted);
      const expected = await run(optionsIn(whole));
      const parts = [
        await run(optionsIn(parted), { until: 7 }),
        await run(optionsIn(parted), { until: 12 }),
        await run(optionsIn(parted)),
      ];
      assertEquals(parts.map(({ steps }) => steps), [7, 12, 20]);
      assertEquals(parts.map(({ aborted }) => aborted), [true, true, false]);
      assertEquals(parts.flatMap(({ losses }) => losses), [...expected.losses]);
      assertEquals(parts[2]!.weights, expected.weights);
      assertEquals(parts[2]!.evaluation, expected.evaluation);
      const read = (path: string) => Deno.readTextFile(`${path}/log.jsonl`);
      assertEquals(await read(parted), await read(whole));
      const state = (path: string) =>
        Deno.readFile(`${path}/runs/step-000020/state.safetensors`);
      assertEquals(await state(parted), await state(whole));

      // There is nothing left to do, and the weights are those of the end.
      const again = await run(optionsIn(parted));
      assertEquals([...again.losses], []);
      assertEquals(again.weights, expected.weights);
      assertEquals(await read(parted), await read(whole));
    }),
  ["wasm", "cpu"],
);

onCpu(
  "the last checkpoints are kept, and what was left unfinished goes",
  () =>
    withFolder(async (folder) => {
      const runs = `${folder}/runs`;
      await Deno.mkdir(`${runs}/step-000003.tmp`, { recursive: true });
      await Deno.writeTextFile(`${runs}/notes.txt`, "mine");
      const options = optionsIn(folder, {
        checkpoints: { folder: runs, every: 3, keep: 2 },
        steps: 11,
      });
      const { checkpoint } = await run(options);
      assertEquals(checkpoint, `${runs}/step-000011`);
      assertEquals(await namesIn(runs), [
        "notes.txt",
        "step-000009",
        "step-000011",
      ]);
      await assertRejects(
        () => run(options),
        RangeError,
        `should have no checkpoints of an earlier run, got ${runs}/step-000009`,
      );
    }),
);

onCpu(
  "a damaged checkpoint is skipped, and named",
  () =>
    withFolder(async (folder) => {
      const options = optionsIn(folder);
      const expected = await run(options);
      const log = await Deno.readTextFile(options.log);
      const newest = `${folder}/runs/step-000020`;
      const before = `${folder}/runs/step-000015`;
      const state = await Deno.readFile(`${newest}/state.safetensors`);
      const changed = state.with(state.length - 9, 1);
      const damages: Record<string, () => Promise<void>> = {
        "should have the SHA-256": () =>
          Deno.writeFile(`${newest}/state.safetensors`, changed),
        "one of them is damaged": () =>
          Deno.truncate(`${newest}/state.safetensors`, 1000),
        "ENOENT": () => Deno.remove(`${newest}/state.safetensors`),
        "state.json should have the SHA-256": () =>
          Deno.truncate(`${newest}/state.json`, 100),
      };
      for (const [reason, damage] of Object.entries(damages)) {
        await damage();
        const warnings = await warningsOf(async () => {
          const { losses, weights } = await run(options);
          assertEquals([...losses], expected.losses.slice(15));
          assertEquals(weights, expected.weights);
        });
        assertEquals(warnings.length, 1);
        assertStringIncludes(warnings[0]!, `Checkpoint ${newest} is skipped: `);
        assertStringIncludes(warnings[0]!, reason);
        assertEquals(await Deno.readTextFile(options.log), log);
      }
      for (const path of [newest, before, `${folder}/runs/step-000010`]) {
        await Deno.remove(`${path}/state.json`);
      }
      const warnings = await warningsOf(() =>
        assertRejects(
          () => run(options),
          Error,
          `None of the 3 checkpoints in ${folder}/runs can be read`,
        )
      );
      assertEquals(warnings.length, 3);
    }),
);

onCpu(
  "a run is not resumed with options that alter it",
  () =>
    withFolder(async (folder) => {
      const options = optionsIn(folder);
      await run(options, { until: 7 });
      const log = await Deno.readTextFile(options.log);
      const { optimizer } = options;
      const changes: [string, Partial<TrainOptions>][] = [
        ["seed was 5, is 6", { seed: 6 }],
        ["learningRate of step 1 was", {
          optimizer: { ...optimizer, learningRate: 0.02 },
        }],
        ["learningRate of step 10 was", { steps: 30 }],
        ["accumulate was 2, is 1", {
          optimizer: { ...optimizer, accumulate: 1 },
        }],
        ["weightDecay was 0.1, is 0", {
          optimizer: { ...optimizer, weightDecay: 0 },
        }],
        ['clipNorm was "0.5", is "Infinity"', {
          optimizer: { ...optimizer, clipNorm: Infinity },
        }],
        ["decay of weight 0 was true, is false", {
          optimizer: { ...optimizer, decays: () => false },
        }],
        ["ema.decay was 0.9, is 0.99", { ema: { decay: 0.99 } }],
        ['labelSmoothing 0.1", is "crossEntropy, labelSmoothing 0', {
          loss: crossEntropy(),
        }],
      ];
      const refusal =
        `the run of ${folder}/runs/step-000007 had different options`;
      for (const [difference, change] of changes) {
        const error = await assertRejects(
          () => run({ ...options, ...change }),
          RangeError,
          refusal,
        );
        assertStringIncludes(error.message, difference);
      }
      const models: [string, Partial<LionEncoderOptions>][] = [
        ["numHeads of layer 3, a LionBlock was 2, is 4", { numHeads: 4 }],
        ["outputs of layer 2, a LionLinear was 4, is 8", { dim: 8 }],
        ["dropout of layer 3, a LionBlock was 0.1, is 0.2", { dropout: 0.2 }],
      ];
      for (const [difference, model] of models) {
        const error = await assertRejects(
          () => run(options, { model }),
          RangeError,
          refusal,
        );
        assertStringIncludes(error.message, difference);
      }
      const larger = tinyModel();
      await assertRejects(
        () =>
          train(
            larger,
            tinyData((position) => tinyBatch(position, 5)),
            options,
          ),
        RangeError,
        "batchSize was 4, is 5",
      );
      larger.dispose();
      assertEquals(await Deno.readTextFile(options.log), log);

      // What only costs time may change.
      const { steps } = await run({ ...options, log: `${folder}/other` }, {
        model: { form: "full" },
      });
      assertEquals(steps, 20);
    }),
);

onCpu("a log that is torn is whole again", () =>
  withFolder(async (folder) => {
    const options = optionsIn(folder);
    await run(options, { until: 12 });
    const log = await Deno.readTextFile(options.log);
    await Deno.writeTextFile(options.log, '{"step":13,"lo', { append: true });
    await run(options, { until: 13 });
    const lines = (await Deno.readTextFile(options.log)).split("\n");
    assertEquals(lines.slice(0, -2).join("\n") + "\n", log);
    assertEquals(JSON.parse(lines.at(-2)!).step, 13);
  }));

onCpu(
  "loadCheckpoint() loads what was evaluated",
  () =>
    withFolder(async (folder) => {
      const { checkpoint, weights } = await run(optionsIn(folder));
      const model = tinyModel({ seed: 2 });
      await loadCheckpoint(model, checkpoint!);
      assertEquals(await weightsOf(model), weights);
      const other = tinyModel({ dim: 8 });
      const before = await weightsOf(other);
      const error = await assertRejects(
        () => loadCheckpoint(other, checkpoint!),
        RangeError,
        `${checkpoint} does not fit the model lion_encoder`,
      );
      assertStringIncludes(
        error.message,
        "embeddings/weight should have shape [2,8], got [2,4]",
      );
      assertEquals(await weightsOf(other), before);
      // Its weights fit as far as they go.
      const part = tfl.model({
        inputs: model.inputs,
        outputs: model.layers.at(-2)!.output as tfl.SymbolicTensor,
      });
      await assertRejects(
        () => loadCheckpoint(part, checkpoint!),
        RangeError,
        `it should have ${part.weights.length} weights, got ${model.weights.length}`,
      );
      model.dispose();
      other.dispose();
    }),
);

onCpu(
  "a finished run that is resumed has the evaluation that it ended with",
  () =>
    withFolder(async (folder) => {
      for (const best of [undefined, { metric: "loss" }]) {
        const options = optionsIn(`${folder}/${Boolean(best)}`, { best });
        await Deno.mkdir(`${folder}/${Boolean(best)}`);
        const ended = await run(options);
        const log = await Deno.readTextFile(options.log);
        const again = await run(options);
        assertEquals(again.losses, []);
        assertEquals(Object.keys(again.evaluation), ["loss", "accuracy"]);
        assertEquals(again.evaluation, ended.evaluation);
        assertEquals(again.best, ended.best);
        assertEquals(again.weights, ended.weights);
        assertEquals(await Deno.readTextFile(options.log), log);
      }
    }),
);
