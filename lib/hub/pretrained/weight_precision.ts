/** Weights of a model as integers of 8 bits, but for those that are delicate. @module */
import { assertOneOf, shown } from "@lionjs/base";
import * as tf from "@tensorflow/tfjs-core";
import {
  dequantizeInt8,
  INT8_ROWS,
  type Int8Tensor,
  quantizeInt8,
  SCALE,
} from "../../io/int8.ts";
import type { Safetensors } from "../../io/safetensors.ts";

/** Weights of fewer numbers stay float32. */
const FEWEST = 2048;

/**
 * Names of weights that stay float32: decays, the steps of time in them, biases that
 * have several axes, and convolutions along the sequence.
 */
const DELICATE =
  /(^|[._])(norm|bias|A_log|A_b_log|a_i|L)$|(^|\.)(dt_proj|dt_proj_b|step)\.|conv1d/;

/** Names of tables of positions, which stay float32 below so many bytes. */
const POSITIONS = /(position_embeddings(\.weight)?|wpe\.weight|pos_embed)$/;
const SMALL_TABLE = 64 * 1024;

/** How weights are stored, by options of `savePretrained`; throws if they are wrong. */
export function precisionOf(
  weights: unknown,
  keep: RegExp | undefined,
): "int8" | "f16" | undefined {
  // What fromPretrained() tells of the weights that it has read says nothing of these.
  const isTold = Array.isArray(Object(weights).kept);
  const precision = isTold ? undefined : weights as "int8" | "f16" | undefined;
  if (precision !== undefined) {
    assertOneOf("savePretrained's weights", precision, ["int8", "f16"]);
  }
  if (keep === undefined) return precision;
  if (!(keep instanceof RegExp)) {
    throw new TypeError(
      `savePretrained's keep should be a pattern such as /head/, got ${
        shown(keep)
      }`,
    );
  }
  if (precision === "int8") return precision;
  throw new RangeError(
    `savePretrained's keep is for weights: "int8", got ${shown(weights)}`,
  );
}

/** Rounds weights to integers of 8 bits, except those that stay float32. */
export async function quantized(
  weights: readonly (readonly [name: string, weight: tf.Tensor])[],
  keep: RegExp | undefined,
): Promise<Map<string, tf.Tensor | Int8Tensor>> {
  const all = new Map<string, tf.Tensor | Int8Tensor>();
  for (const [name, weight] of weights) {
    const isKept = staysFloat(name, weight) ||
      keep !== undefined && name.search(keep) >= 0;
    all.set(name, isKept ? weight : await quantizeInt8(weight));
  }
  return all;
}

function staysFloat(name: string, { rank, size }: tf.Tensor): boolean {
  return rank < 2 || size < FEWEST || DELICATE.test(name) ||
    POSITIONS.test(name) && 4 * size < SMALL_TABLE;
}

/**
 * The tensors of a file as float32, which disposes of those that were integers of 8
 * bits, and of all if something is wrong.
 *
 * @throws {RangeError} If the file's quantization is another, or an integer tensor has
 * no scales for its rows.
 */
export async function dequantized(
  { tensors, metadata: { quantization } }: Safetensors,
  file: string,
): Promise<Map<string, tf.Tensor>> {
  if (quantization === undefined) return tensors;
  const all = new Map<string, tf.Tensor>();
  try {
    if (quantization !== INT8_ROWS) {
      throw new RangeError(
        `${file} should have weights of quantization "${INT8_ROWS}", or none, got ${
          shown(quantization)
        }`,
      );
    }
    for (const [name, tensor] of tensors) {
      const isScale = name.endsWith(SCALE) &&
        tensors.get(name.slice(0, -SCALE.length))?.dtype === "int32";
      if (isScale) continue;
      if (tensor.dtype !== "int32") {
        all.set(name, tensor);
        continue;
      }
      const scale = tensors.get(name + SCALE);
      if (scale?.rank !== 1 || scale.size !== tensor.shape[0]) {
        throw new RangeError(
          `${file} should have scales of the ${
            tensor.shape[0]
          } rows of ${name} in ${name + SCALE}, got ${shown(scale)}`,
        );
      }
      all.set(
        name,
        dequantizeInt8({
          values: Int8Array.from(await tensor.data<"int32">()),
          scale: await scale.data<"float32">(),
          shape: tensor.shape,
        }),
      );
    }
  } catch (error) {
    tf.dispose([...tensors.values(), ...all.values()]);
    throw error;
  }
  const used = new Set(all.values());
  tf.dispose([...tensors.values()].filter((tensor) => !used.has(tensor)));
  return all;
}
