/**
 * The identity of a run: everything that its continuation depends on, so that
 * it is resumed only as the same run.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { BatchStream } from "@lionjs/data/batches";
import { sha256Of } from "@lionjs/base/files";
import { isOldName, withNewNames } from "../layers/options/renamed_options.ts";
import { assertBatch } from "./batch_check.ts";
import type { Teacher } from "./distillation.ts";
import type { Loss } from "./losses/loss.ts";
import { VERSION } from "@lionjs/base";
import { disposeBatch } from "./model_output.ts";
import { differences } from "./ranks.ts";
import type { Settings } from "./train_options.ts";
import { namesOfWeights } from "./weight_names.ts";

/** Steps at which learning rate schedules, which are functions, are compared. */
const COMPARED_STEPS = [1, 10, 100, 1000, 10_000, 100_000];

/** Options of layers that only change speed, memory or names, and so may differ. */
const FREE = new Set(["name", "form", "chunkSize", "gradientCheckpointing"]);

/** The model, the data, the loss and the settings of a run. */
export interface RunParts {
  readonly model: LayersModel;
  readonly data: BatchStream;
  readonly loss: Loss;
  readonly settings: Settings;
}

/** Everything that determines how a run continues, as JSON by name. */
export async function identityOf(
  { model, data, loss, settings }: RunParts,
): Promise<Record<string, string>> {
  const { seed, adam, clipNorm, averageDecay, accumulate, schedule } = settings;
  const { distillation } = settings;
  const { learningRate: _, ...rest } = adam;
  const identity: Record<string, unknown> = {
    seed,
    batchSize: await batchSizeOf(model, data),
    stepsPerEpoch: data.stepsPerEpoch,
    accumulate,
    loss: loss.description ?? loss.name,
    ...rest,
    clipNorm: String(clipNorm),
    "ema.decay": averageDecay ?? "none",
  };
  for (const step of COMPARED_STEPS) {
    identity[`learningRate of step ${step}`] = schedule(step);
  }
  model.layers.forEach((layer, i) => {
    for (const [option, value] of Object.entries(layer.getConfig())) {
      if (FREE.has(option)) continue;
      identity[`${option} of layer ${i}, a ${layer.getClassName()}`] = value;
    }
  });
  if (settings.best) {
    const { patience, ...best } = settings.best;
    const stops = { ...best, patience: String(patience) };
    for (const [option, value] of Object.entries(stops)) {
      identity[`best.${option}`] = value;
    }
    identity["evaluate.every"] = settings.evaluateEvery;
  }
  if (distillation) {
    const { teacher, ...rest } = distillation;
    const taught = { ...rest, teacher: await nameOf(teacher) };
    for (const [option, value] of Object.entries(taught)) {
      identity[`distillation's ${option}`] = value;
    }
  }
  [...namesOfWeights(model)].forEach(([{ shape }, name], i) => {
    identity[`shape of weight ${i}`] = shape;
    identity[`decay of weight ${i}`] = settings.decays(name, shape);
    if (!settings.rateOf) return;
    identity[`learningRateFactor of weight ${i}`] = settings.rateOf(
      name,
      shape,
    );
  });
  return Object.fromEntries(
    Object.entries(identity).map(([name, value]) => [
      name,
      JSON.stringify(value) ?? "undefined",
    ]),
  );
}

/**
 * Everything that must agree between the ranks of a run, as JSON by name; this
 * is more than what must agree when a run is resumed.
 */
export async function rankIdentityOf(
  parts: RunParts,
  does: Readonly<Record<string, unknown>>,
): Promise<Record<string, string>> {
  const { model, settings } = parts;
  const { steps, evaluateEvery, saveEvery } = settings;
  const more = {
    "version of @lionjs/lion": VERSION,
    steps,
    evaluateEvery,
    saveEvery,
    ...does,
    backend: tf.getBackend(),
    // Ranks that share tokens exchange more where blocks are computed again,
    // so must agree.
    "layers computed again": model.layers.map((layer) =>
      Boolean(layer.getConfig()["gradientCheckpointing"])
    ),
    "SHA-256 of data's first batch": await digestOf(parts),
  };
  const own = Object.entries(more).map(([name, value]) =>
    [name, JSON.stringify(value)] as const
  );
  return { ...await identityOf(parts), ...Object.fromEntries(own) };
}

async function digestOf({ model, data }: RunParts): Promise<string> {
  for await (const batch of data.from(0)) {
    assertBatch(model, batch);
    const tensors = [...batch.inputs, batch.labels];
    try {
      const values = await Promise.all(tensors.map((tensor) => tensor.data()));
      return sha256Of(...values.map(bytesOf));
    } finally {
      tf.dispose(tensors);
    }
  }
  throw new RangeError("data should be endless batches, got none");
}

function bytesOf(
  { buffer, byteOffset, byteLength }: tf.backend_util.TypedArray,
): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Identifies a teacher: a function by its name, a model by its weights, since
 * model names are arbitrary.
 */
async function nameOf(teacher: Teacher): Promise<string> {
  if (typeof teacher === "function") return `function ${teacher.name}`;
  const digests: string[] = [];
  for (const weight of teacher.weights) {
    digests.push(sha256Of(bytesOf(await weight.read().data())));
  }
  const digest = sha256Of(new TextEncoder().encode(digests.join()));
  return `model of weights with SHA-256 ${digest}`;
}

async function batchSizeOf(
  model: LayersModel,
  data: BatchStream,
): Promise<number> {
  for await (const batch of data.from(0)) {
    assertBatch(model, batch);
    disposeBatch(batch);
    return batch.size;
  }
  throw new RangeError("data should be endless batches, got none");
}

/** Throws unless a checkpoint's run would continue as this one. */
export function assertSameRun(
  { path, run }: { path: string; run: Readonly<Record<string, string>> },
  identity: Readonly<Record<string, string>>,
): void {
  const found = differences(
    withNewOptions(run),
    identity,
    (before, now) => `was ${before}, is ${now}`,
  );
  if (!found) return;
  throw new RangeError(
    `the run of ${path} had different options; resume it with the same ones. To continue with others, call loadCheckpoint(model, "${path}") and train in another folder:\n${found}`,
  );
}

/** Renames old options of layers in the identity of a checkpoint's run. */
function withNewOptions(
  run: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(run).flatMap(([name, json]) => {
    const [, option, layer] = /^(\w+)( of layer .*)$/.exec(name) ?? [];
    if (!option || !isOldName(option)) return [[name, json]];
    return Object.entries(withNewNames({ [option]: JSON.parse(json) }))
      .map(([option, value]) => [option + layer, JSON.stringify(value)]);
  });
  return Object.fromEntries(entries);
}
