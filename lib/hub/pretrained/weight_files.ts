/** Weights in one safetensors file or several, with an index. @module */
import { shown } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import { writeAtomically } from "@lionjs/base/files";
import { type Int8Tensor, SCALE } from "../../io/int8.ts";
import { writeSafetensors } from "../../io/safetensors.ts";
import { assertHubPath } from "@lionjs/data/hub";
import { readObject } from "./json_file.ts";
import type { ModelFiles } from "./model_files.ts";
import { dequantized } from "./weight_precision.ts";

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
  if (single) return await dequantized(single, files.name);
  const index = await readObject(files, INDEX);
  if (!index) {
    throw new RangeError(
      `${files.name} should have ${SINGLE} or ${INDEX}, got neither: save other weights in Python by safetensors.torch.save_model`,
    );
  }
  const shards = shardsOf(index, files.name);
  await files.prepare([...shards.keys()]);
  const tensors = new Map<string, tf.Tensor>();
  const metadata: Record<string, string> = {};
  try {
    for (const [path, names] of shards) {
      const shard = await files.tensors(path);
      const found = shard?.tensors;
      Object.assign(metadata, shard?.metadata);
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
  return await dequantized({ tensors, metadata }, files.name);
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

/** A weight as it is written, with the bytes of its values. */
interface Written {
  readonly name: string;
  readonly weight: tf.Tensor | Int8Tensor;
  /** The names of the weight's tensors in the file. */
  readonly names: readonly string[];
  readonly bytes: number;
}

/** Describes how a weight is written. */
function writtenAs(
  name: string,
  weight: tf.Tensor | Int8Tensor,
  precision: "F32" | "F16",
): Written {
  if (weight instanceof tf.Tensor) {
    const bytes = (precision === "F16" ? 2 : 4) * weight.size;
    return { name, weight, names: [name], bytes };
  }
  const { values, scale } = weight;
  const bytes = values.byteLength + scale.byteLength;
  return { name, weight, names: [name, name + SCALE], bytes };
}

/**
 * Writes the weights of a model, in files with at most `maxShardBytes` bytes of
 * values; a larger tensor has a file of its own.
 */
export async function writeWeights(
  folder: string,
  weights: ReadonlyMap<string, tf.Tensor | Int8Tensor>,
  { maxShardBytes, precision }: {
    maxShardBytes: number;
    precision: "F32" | "F16";
  },
): Promise<void> {
  const all = [...weights].map(([name, weight]) =>
    writtenAs(name, weight, precision)
  );
  const shards: Written[][] = [];
  let room = 0;
  for (const weight of all) {
    if (shards.length === 0 || weight.bytes > room) {
      shards.push([]);
      room = maxShardBytes;
    }
    shards.at(-1)!.push(weight);
    room -= weight.bytes;
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
    const own = new Map(shard.map(({ name, weight }) => [name, weight]));
    await writeSafetensors(`${folder}/${nameOf(i)}`, own, {
      // Python's libraries refuse a file without this format.
      metadata: { format: "pt" },
      precision,
    });
  }
  if (shards.length > 1) {
    const weight_map = Object.fromEntries(
      shards.flatMap((shard, i) =>
        shard.flatMap(({ names }) => names.map((name) => [name, nameOf(i)]))
      ),
    );
    const total_size = all.reduce((sum, { bytes }) => sum + bytes, 0);
    const index = { metadata: { total_size }, weight_map };
    await writeJSON(`${folder}/${INDEX}`, index);
  }
}

/** Writes a value as JSON, as Python's libraries lay it out. */
export async function writeJSON(path: string, value: unknown): Promise<void> {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  await writeAtomically(path, [new TextEncoder().encode(text)]);
}
