/**
 * Damaged checkpoints are never taken for whole ones. `LION_FUZZ=20000` tries
 * so many damages.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type Checkpoint,
  checkpointsIn,
  newestCheckpoint,
  readCheckpoint,
} from "../../lib/training/checkpoint.ts";
import { train } from "../../lib/training/mod.ts";
import { namesIn, onCpu, withFolder } from "../io/files.ts";
import { uniform } from "../random.ts";
import { tinyData, tinyModel, tinyOptions } from "./tiny.ts";

const DAMAGES = Number(Deno.env.get("LION_FUZZ") ?? 1000);

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

onCpu(
  "no damage of a checkpoint goes unnoticed",
  () =>
    withFolder(async (folder) => {
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
      const random = uniform(6);
      const warn = console.warn;
      const one = <T>(items: readonly T[]) =>
        items[Math.floor(random() * items.length)]!;
      try {
        for (let i = 0; i < DAMAGES; i++) {
          const warnings: string[] = [];
          console.warn = (text: string) => warnings.push(text);
          // The newest, which is read first; or some of all.
          const targets = i % 4 === 0
            ? new Set(Array.from({ length: 4 }, () => one([...files.keys()])))
            : new Set([one([...files.keys()].slice(-3))]);
          const hit = new Set<string>();
          for (const file of targets) {
            const bytes = files.get(file)!;
            const name = file.split("/").at(-1)!;
            const other = files.get(`${one(paths.slice(0, 2))}/${name}`)!;
            const after = damaged(bytes, other, random);
            if (after && bytes.every((byte, i) => byte === after[i])) {
              if (after.length === bytes.length) continue;
            }
            hit.add(paths.find((path) => file.startsWith(path))!);
            if (after) await Deno.writeFile(file, after);
            else await Deno.remove(file);
          }
          const whole = paths.findLastIndex((path) => !hit.has(path));
          const what = `damage ${i} of ${[...targets].join(", ")}`;
          try {
            const found = await contentOf((await newestCheckpoint(folder))!);
            assert(found === saved[whole], what);
          } catch (error) {
            assert(whole < 0, `${what}: ${error}`);
            assert(`${error}`.includes(folder), `${what}: ${error}`);
          }
          assertEquals(warnings.length, paths.length - 1 - whole, what);
          paths.toReversed().slice(0, warnings.length).forEach((path, j) =>
            assert(warnings[j]!.includes(`${path}/`), warnings[j])
          );
          for (const [file, bytes] of files) {
            if (targets.has(file)) await Deno.writeFile(file, bytes);
          }
        }
      } finally {
        console.warn = warn;
      }
      console.log(`${DAMAGES} damages, accidents: 0`);
    }),
);

onCpu(
  "a checkpoint under another's name is refused",
  () =>
    withFolder(async (folder) => {
      const model = tinyModel({ depth: 1 });
      await train(
        model,
        tinyData(),
        tinyOptions({ steps: 4, checkpoints: { folder, every: 2 } }),
      );
      model.dispose();
      await Deno.rename(`${folder}/step-000004`, `${folder}/step-000006`);
      const warn = console.warn;
      const warnings: string[] = [];
      console.warn = (text: string) => warnings.push(text);
      const found = await newestCheckpoint(folder);
      console.warn = warn;
      assertEquals(found!.steps, 2);
      tf.dispose([...found!.tensors.values()]);
      assert(
        warnings[0]!.includes("step-000006 should hold the step in its name"),
      );
      // More files than it was written with are nobody's business.
      await Deno.rename(`${folder}/step-000006`, `${folder}/step-000004`);
      await Deno.writeTextFile(`${folder}/step-000004/notes.txt`, "mine");
      const newest = await newestCheckpoint(folder);
      assertEquals(newest!.steps, 4);
      tf.dispose([...newest!.tensors.values()]);
    }),
);
