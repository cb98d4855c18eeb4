/** The file of the model's table. @module */
import { readSafetensors } from "@lionjs/lion/io";
import * as tf from "@tensorflow/tfjs-core";

/** The name of the table in its file. */
export const TABLE = "table";

/** Reads the table, whose numbers may be integers with a scale for each group of rows. */
export async function readTable(
  source: string | URL | Uint8Array,
): Promise<Float32Array> {
  const { tensors } = await readSafetensors(source);
  const table = Float32Array.from(await tensors.get(TABLE)!.data());
  const scale = await tensors.get(`${TABLE}.scale`)?.data();
  tf.dispose([...tensors.values()]);
  if (!scale) return table;
  const group = table.length / scale.length;
  return table.map((number, i) => number * scale[Math.floor(i / group)]!);
}
