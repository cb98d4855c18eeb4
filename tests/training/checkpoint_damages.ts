/** Checkpoints that are damaged, and whether it is noticed. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type Checkpoint,
  checkpointsIn,
  newestCheckpoint,
  readCheckpoint,
} from "../../lib/training/checkpoint.ts";
import { train } from "../../lib/training/mod.ts";
import { namesIn } from "../io/files.ts";
import { tinyData, tinyModel, tinyOptions } from "./tiny.ts";

/** All that a checkpoint says, to be compared; its tensors are freed. */
async function contentOf(checkpoint: Checkpoint): Promise<string> {
  const { steps, weights, run, tensors } = checkpoint;
  const values = await Promise.all(
    [...tensors].map(async ([name, tensor]) => [
      name,
      tensor.shape,
      [...new Uint32Array((await tensor.data<"float32">()).slice().buffer)],
    ]),
  );
  tf.dispose([...tensors.values()]);
  return JSON.stringify([steps, weights, run, values]);
}

/** A folder's files by their paths. */
async function filesOf(folder: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const { path } of await checkpointsIn(folder)) {
    for (const name of await namesIn(path)) {
      files.set(`${path}/${name}`, await Deno.readFile(`${path}/${name}`));
    }
  }
  return files;
}

/** Bytes that are not what they were; `undefined` for a file that is gone. */
function damaged(
  bytes: Uint8Array,
  other: Uint8Array,
  random: () => number,
): Uint8Array | undefined {
  const at = Math.floor(random() * bytes.length);
  const changed = bytes.slice();
  switch (Math.floor(random() * 8)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return new Uint8Array([...bytes, Math.floor(256 * random())]);
    case 2:
      return undefined;
    case 3:
      // What a system that broke down leaves of a file.
      changed.fill(0, at);
      return changed;
    case 4:
      return other;
    default:
      changed[at]! += 1 + Math.floor(255 * random());
      return changed;
  }
}

/** Three checkpoints of a training, each with what it says and its files. */
export class Checkpoints {
  readonly #folder: string;
  readonly #paths: readonly string[];
  readonly #saved: readonly string[];
  readonly #files: ReadonlyMap<string, Uint8Array>;

  private constructor(
    folder: string,
    paths: readonly string[],
    saved: readonly string[],
    files: ReadonlyMap<string, Uint8Array>,
  ) {
    this.#folder = folder;
    this.#paths = paths;
    this.#saved = saved;
    this.#files = files;
  }

  /** Trains, and keeps three checkpoints in a folder. */
  static async in(folder: string): Promise<Checkpoints> {
    const model = tinyModel({ depth: 1 });
    await train(
      model,
      tinyData(),
      tinyOptions({ steps: 9, checkpoints: { folder, every: 3 } }),
    );
    model.dispose();
    const paths = (await checkpointsIn(folder)).map(({ path }) => path);
    assertEquals(paths.length, 3);
    const saved: string[] = [];
    for (const path of paths) {
      saved.push(await contentOf(await readCheckpoint(path)));
    }
    const files = await filesOf(folder);
    assertEquals(files.size, 9);
    return new Checkpoints(folder, paths, saved, files);
  }

  /**
   * Damages files of the newest, which is read first, or some of all; throws
   * unless the newest whole checkpoint is found, with a warning of each newer one,
   * or an error names the folder. Then all are whole again.
   */
  async damage(of: "the newest" | "any", random: () => number): Promise<void> {
    const files = this.#files;
    const one = <T>(items: readonly T[]) =>
      items[Math.floor(random() * items.length)]!;
    const targets = of === "any"
      ? new Set(Array.from({ length: 4 }, () => one([...files.keys()])))
      : new Set([one([...files.keys()].slice(-3))]);
    const hit = new Set<string>();
    for (const file of targets) {
      const bytes = files.get(file)!;
      const name = file.split("/").at(-1)!;
      const other = files.get(`${one(this.#paths.slice(0, 2))}/${name}`)!;
      const after = damaged(bytes, other, random);
      if (after && bytes.every((byte, i) => byte === after[i])) {
        if (after.length === bytes.length) continue;
      }
      hit.add(this.#paths.find((path) => file.startsWith(path))!);
      if (after) await Deno.writeFile(file, after);
      else await Deno.remove(file);
    }
    try {
      await this.#notice(hit);
    } finally {
      for (const [file, bytes] of files) {
        if (targets.has(file)) await Deno.writeFile(file, bytes);
      }
    }
  }

  /** Throws unless what is read is the newest of those that were not hit. */
  async #notice(hit: ReadonlySet<string>): Promise<void> {
    const paths = this.#paths;
    const whole = paths.findLastIndex((path) => !hit.has(path));
    const what = `damage of ${[...hit].join(", ")}`;
    const warn = console.warn;
    const warnings: string[] = [];
    console.warn = (text: string) => warnings.push(text);
    try {
      const found = await contentOf((await newestCheckpoint(this.#folder))!);
      assert(found === this.#saved[whole], what);
    } catch (error) {
      assert(whole < 0, `${what}: ${error}`);
      assert(`${error}`.includes(this.#folder), `${what}: ${error}`);
    } finally {
      console.warn = warn;
    }
    assertEquals(warnings.length, paths.length - 1 - whole, what);
    paths.toReversed().slice(0, warnings.length).forEach((path, j) =>
      assert(warnings[j]!.includes(`${path}/`), warnings[j])
    );
  }
}
