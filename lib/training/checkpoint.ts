/**
 * Checkpoints in folders: `state.safetensors`, `state.json` with its metadata,
 * and `SHA256SUMS` of both, in the format of `sha256sum --check`. A checkpoint
 * only appears once it is complete, and is only read if it is intact.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  assertBoolean,
  assertOptions,
  assertPath,
  optionsOf,
} from "@lionjs/base";
import {
  files,
  sha256Of,
  sha256OfFile,
  writeAtomically,
} from "@lionjs/base/files";
import { readSafetensors, writeSafetensors } from "../io/safetensors.ts";
import { bestOf } from "./best_weights.ts";
import type { Snapshot } from "./training_state.ts";
import { namesOfWeights } from "./weight_names.ts";

export interface Checkpoint extends Snapshot {
  /** The run's identity, on which its continuation depends, as JSON by name. */
  readonly run: Readonly<Record<string, string>>;
}

const TENSORS = "state.safetensors", HEADER = "state.json";
const SUMS = "SHA256SUMS";
const NAME = /^step-(\d+)$/, UNFINISHED = /^step-\d+\.tmp$/;

/** Writes a checkpoint into a folder of checkpoints; returns its path. */
export async function writeCheckpoint(
  folder: string,
  { tensors, ...header }: Checkpoint,
): Promise<string> {
  const path = `${folder}/step-${String(header.steps).padStart(6, "0")}`;
  const unfinished = `${path}.tmp`;
  await removeFolder(unfinished);
  // Fails if another process has made the path since, as it may lead elsewhere.
  await files().mkdir(unfinished);
  try {
    await writeSafetensors(`${unfinished}/${TENSORS}`, tensors);
    const json = new TextEncoder().encode(JSON.stringify(header, null, 2));
    await writeAtomically(`${unfinished}/${HEADER}`, [json]);
    const sums = sumsOf({
      [HEADER]: sha256Of(json),
      [TENSORS]: await sha256OfFile(`${unfinished}/${TENSORS}`),
    });
    await writeAtomically(`${unfinished}/${SUMS}`, [
      new TextEncoder().encode(sums),
    ]);
    // Renaming fails if there is a damaged checkpoint of the same step.
    await removeFolder(path);
    await files().rename(unfinished, path);
  } catch (error) {
    await removeFolder(unfinished);
    throw error;
  }
  return path;
}

/** A checkpoint read from a folder; the caller disposes of its tensors. */
type ReadCheckpoint = Checkpoint & { readonly path: string };

/** Reads a checkpoint; a damaged file, or one of another step, is a RangeError. */
export async function readCheckpoint(path: string): Promise<ReadCheckpoint> {
  const sums = await files().readFile(`${path}/${SUMS}`, "utf8");
  const json = await files().readFile(`${path}/${HEADER}`);
  const found = {
    [HEADER]: sha256Of(json),
    [TENSORS]: await sha256OfFile(`${path}/${TENSORS}`),
  };
  if (sums !== sumsOf(found)) throw damageOf(path, sums, found);
  const header = JSON.parse(new TextDecoder().decode(json));
  const step = NAME.exec(path.split(/[/\\]/).at(-1)!);
  if (step && Number(step[1]) !== header.steps) {
    throw new RangeError(
      `${path} should hold the step in its name, got step ${header.steps} in ${HEADER}; restore the name`,
    );
  }
  const { tensors } = await readSafetensors(`${path}/${TENSORS}`);
  return { ...header, path, tensors };
}

/** Formats checksums as `sha256sum` does, one line per file. */
function sumsOf(hashes: Readonly<Record<string, string>>): string {
  return Object.entries(hashes).map(([name, hash]) => `${hash}  ${name}\n`)
    .join("");
}

/**
 * The error for a damaged checkpoint, which names the file that does not match
 * its checksum, or the checksum file if it is malformed.
 */
function damageOf(
  path: string,
  sums: string,
  found: Readonly<Record<string, string>>,
): RangeError {
  for (const line of sums.split("\n")) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    const hash = found[name!];
    if (hash === undefined || hash === sum) continue;
    return new RangeError(
      `${path}/${name} should have the SHA-256 ${sum} of ${path}/${SUMS}, got ${hash}: one of them is damaged`,
    );
  }
  return new RangeError(
    `${path}/${SUMS} should be the SHA-256 of ${
      Object.keys(found).join(" and of ")
    }, a line each: it is damaged`,
  );
}

/**
 * Reads the newest intact checkpoint of a folder; returns `undefined` if the
 * folder has no checkpoints.
 */
export async function newestCheckpoint(
  folder: string,
): Promise<ReadCheckpoint | undefined> {
  const found = await checkpointsIn(folder);
  for (const { path } of found.toReversed()) {
    try {
      return await readCheckpoint(path);
    } catch (error) {
      console.warn(
        `Checkpoint ${path} is skipped: ${(error as Error).message}`,
      );
    }
  }
  if (found.length === 0) return undefined;
  throw new Error(
    `None of the ${found.length} checkpoints in ${folder} can be read; delete them to start over`,
  );
}

/** Reads a checkpoint's checksums, which identify it; returns undefined if there are none. */
export async function readSums(path: string): Promise<string | undefined> {
  return await files().readFile(`${path}/${SUMS}`, "utf8")
    .catch(() => undefined);
}

/** Lists the checkpoints of a folder, oldest first. */
export async function checkpointsIn(
  folder: string,
): Promise<{ path: string; steps: number }[]> {
  const names = await namesIn(folder);
  return names.filter((name) => NAME.test(name))
    .map((name) => ({
      path: `${folder}/${name}`,
      steps: Number(NAME.exec(name)![1]),
    }))
    .sort((a, b) => a.steps - b.steps);
}

/**
 * Removes the unfinished checkpoints of killed runs, and of the checkpoints up
 * to a step all but the last `keep`.
 */
export async function removeOldCheckpoints(
  folder: string,
  { steps, keep }: { steps: number; keep: number },
): Promise<void> {
  const passed = (await checkpointsIn(folder))
    .filter((checkpoint) => checkpoint.steps <= steps);
  for (const { path } of passed.slice(0, -keep)) await removeFolder(path);
  for (const name of await namesIn(folder)) {
    if (UNFINISHED.test(name)) await removeFolder(`${folder}/${name}`);
  }
}

/** Options of {@linkcode loadCheckpoint}. */
export interface LoadCheckpointOptions {
  /**
   * Whether to load the weights of the best evaluation so far, which a
   * checkpoint holds if `train` had the option `best`, instead of its own.
   * @default false
   */
  best?: boolean | undefined;
}

const LOAD = optionsOf<LoadCheckpointOptions>()("best");

/**
 * Loads the weights of a checkpoint of `train` into a model, or their moving
 * average if there is one, since it is what was evaluated.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder } from "@lionjs/lion";
 * import {
 *   loadCheckpoint, meanSquaredError, train,
 * } from "@lionjs/lion/training";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const make = () => lionEncoder({
 *   inputDim: 1, dim: 4, depth: 1, numHeads: 2, numClasses: 1, variant: "lit",
 * });
 * async function* batches() {
 *   while (true) {
 *     const inputs = [tf.ones([1, 3, 1]), tf.ones([1, 3])];
 *     yield { inputs, labels: tf.zeros([1, 1]), size: 1 };
 *   }
 * }
 * const trained = make(), loaded = make();
 * const data = { stepsPerEpoch: 1, from: batches };
 * const { checkpoint } = await train(trained, data, {
 *   steps: 1,
 *   loss: meanSquaredError(),
 *   checkpoints: { folder: await Deno.makeTempDir() },
 *   progress: false,
 * });
 * await loadCheckpoint(loaded, checkpoint!);
 *
 * const inputs = [tf.ones([1, 2, 1]), tf.ones([1, 2])];
 * const [y, same] = [trained, loaded].map((m) => m.predict(inputs) as tf.Tensor);
 * assertEquals(await same!.array(), await y!.array());
 * ```
 *
 * @param model A model with the layers that were trained.
 * @param path The checkpoint's folder, such as `runs/step-001000`.
 * @param options See {@linkcode LoadCheckpointOptions}.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If the checkpoint is damaged or has no best weights, the
 * model's weights have other shapes, or the path is empty; the model is then
 * unchanged.
 * @throws {Error} If there is no checkpoint, with the code `ENOENT`.
 */
export async function loadCheckpoint(
  model: LayersModel,
  path: string,
  options: LoadCheckpointOptions = {},
): Promise<void> {
  assertPath("path", path);
  assertOptions("loadCheckpoint", options, LOAD);
  const { best = false } = options;
  assertBoolean("best", best);
  const { weights, tensors } = await readCheckpoint(path);
  try {
    const own = [...namesOfWeights(model)];
    const saved = best
      ? bestOf(weights, tensors)
      : weights.map((name) =>
        tensors.get(`average/${name}`) ?? tensors.get(name)!
      );
    if (!saved) {
      throw new RangeError(
        `${path} should have best weights, got none: its run did not have train's option best; load it without best: true`,
      );
    }
    const wrong = own.flatMap(([{ shape }, name], i) => {
      const got = saved[i]?.shape ?? [];
      if (tf.util.arraysEqual(shape, got)) return [];
      return [`${name} should have shape [${shape}], got [${got}]`];
    });
    if (saved.length !== own.length) {
      wrong.unshift(
        `it should have ${own.length} weights, got ${saved.length}`,
      );
    }
    if (wrong.length > 0) {
      throw new RangeError(
        `${path} does not fit the model ${model.name}:\n${wrong.join("\n")}`,
      );
    }
    own.forEach(([weight], i) => weight.assign(saved[i]!));
  } finally {
    tf.dispose([...tensors.values()]);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return await files().readdir(folder);
}

async function removeFolder(path: string): Promise<void> {
  await files().rm(path, { recursive: true, force: true });
}
