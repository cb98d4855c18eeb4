/** Weights in one safetensors file or several, with an index. @module */
import { shown } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import { writeAtomically } from "@lionjs/base/files";
import { writeSafetensors } from "../../io/safetensors.ts";
import { assertHubPath } from "@lionjs/data/hub";
import { readObject } from "./json_file.ts";
import type { ModelFiles } from "./model_files.ts";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;

/** Whether a file has a model's weights or their index. */
export function isWeights(name: string): boolean {
  return name === SINGLE || name === INDEX || SHARD.test(name);
}

/**
 * Reads the weights of a model.
 *
 * @returns The tensors by name; the caller disposes of them.
 */
export async function readWeights(
  files: ModelFiles,
): Promise<Map<string, tf.Tensor>> {
  // If there are both a single file and an index, Python's libraries also
  // read the single one.
  const single = await files.tensors(SINGLE);
  if (single) return single;
  const index = await readObject(files, INDEX);
  if (!index) {
    throw new RangeError(
      `${files.name} should have ${SINGLE} or ${INDEX}, got neither: save other weights in Python by safetensors.torch.save_model`,
    );
  }
  const shards = shardsOf(index, files.name);
  await files.prepare([...shards.keys()]);
  const tensors = new Map<string, tf.Tensor>();
  try {
    for (const [path, names] of shards) {
      const found = await files.tensors(path);
      const lacking = found ? names.find((name) => !found.has(name)) : path;
      if (found && lacking === undefined && found.size === names.length) {
        found.forEach((tensor, name) => tensors.set(name, tensor));
        continue;
      }
      tf.dispose([...found?.values() ?? []]);
      throw new RangeError(
        `${files.name} should have what ${INDEX} names in ${path}, got ${
          found ? `${found.size} tensors for ${names.length} names` : "no file"
        }${found && lacking ? `, without ${JSON.stringify(lacking)}` : ""}`,
      );
    }
  } catch (error) {
    tf.dispose([...tensors.values()]);
    throw error;
  }
  return tensors;
}

/** The names of the tensors of each file, in the index's order. */
function shardsOf(
  { weight_map: map }: Record<string, unknown>,
  name: string,
): Map<string, string[]> {
  const entries = typeof map === "object" && map !== null && !Array.isArray(map)
    ? Object.entries(map)
    : [];
  if (entries.length === 0) {
    throw new TypeError(
      `${INDEX} of ${name} should have names of files by names of tensors in weight_map, got ${
        map === undefined ? "none" : shown(map)
      }`,
    );
  }
  const shards = new Map<string, string[]>();
  for (const [tensor, path] of entries) {
    assertHubPath(`the file of ${tensor} in ${INDEX} of ${name}`, path);
    const names = shards.get(path) ?? [];
    names.push(tensor);
    shards.set(path, names);
  }
  return shards;
}

/**
 * Writes the weights of a model, in files with at most `maxShardBytes` bytes of
 * values; a larger tensor has a file of its own.
 */
export async function writeWeights(
  folder: string,
  tensors: ReadonlyMap<string, tf.Tensor>,
  maxShardBytes: number,
): Promise<void> {
  const shards: Map<string, tf.Tensor>[] = [];
  let room = 0;
  for (const [name, tensor] of tensors) {
    const bytes = 4 * tensor.size;
    if (shards.length === 0 || bytes > room) {
      shards.push(new Map());
      room = maxShardBytes;
    }
    shards.at(-1)!.set(name, tensor);
    room -= bytes;
  }
  const nameOf = (i: number) => {
    const [number, count] = [i + 1, shards.length].map((n) =>
      String(n).padStart(5, "0")
    );
    return shards.length === 1
      ? SINGLE
      : `model-${number}-of-${count}.safetensors`;
  };
  for (const [i, shard] of shards.entries()) {
    await writeSafetensors(`${folder}/${nameOf(i)}`, shard, {
      // Python's libraries refuse a file without this format.
      metadata: { format: "pt" },
    });
  }
  if (shards.length > 1) {
    const weight_map = Object.fromEntries(
      shards.flatMap((shard, i) =>
        [...shard.keys()].map((name) => [name, nameOf(i)])
      ),
    );
    const total_size = [...tensors.values()]
      .reduce((sum, { size }) => sum + 4 * size, 0);
    const index = { metadata: { total_size }, weight_map };
    await writeJSON(`${folder}/${INDEX}`, index);
  }
}

/** Writes a value as JSON, as Python's libraries lay it out. */
export async function writeJSON(path: string, value: unknown): Promise<void> {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  await writeAtomically(path, [new TextEncoder().encode(text)]);
}
