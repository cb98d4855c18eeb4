/** Sizes of a config.json, compared with the weights before a model is made. @module */
import { shown } from "@lionjs/base";
import type * as tf from "@tensorflow/tfjs-core";
import type { ConfigFields } from "./config_fields.ts";
import type { LionModel } from "./lion_config.ts";

/**
 * Throws unless each size is the length of an axis of some tensor: a config.json
 * that is not that of the weights could otherwise ask for any amount of memory.
 *
 * @param numClasses Number of classes of a new head, if the caller asks for one.
 */
export function assertSizesFit(
  fields: ConfigFields,
  model: LionModel,
  tensors: ReadonlyMap<string, tf.Tensor>,
  numClasses: number | undefined,
): void {
  const axes = new Set<number>();
  for (const { shape } of tensors.values()) {
    shape.forEach((size) => axes.add(size));
  }
  const { dim, depth, mlpRatio = 4, ...options } = model
    .options as unknown as Record<string, number | undefined>;
  const sizes = {
    dim,
    "dim · mlpRatio": Math.round(Number(dim) * Number(mlpRatio)),
    vocabularySize: options["vocabularySize"],
    maxLength: options["maxLength"],
    inputDim: options["inputDim"],
    patchSize: options["patchSize"],
    channels: options["channels"],
    tokenTypes: options["tokenTypes"],
    "number of positions": positionsOf(model),
    numClasses: numClasses === undefined ? options["numClasses"] : undefined,
  };
  for (const [name, size] of Object.entries(sizes)) {
    if (size === undefined || size === 0 || axes.has(size)) continue;
    throw new RangeError(
      `${fields.name} should have sizes of its weights, got ${name} ${
        shown(size)
      }, which is no axis of any of ${tensors.size} tensors`,
    );
  }
  if (Number(depth) <= tensors.size) return;
  throw new RangeError(
    `${fields.name} should have a depth of its weights, got ${
      shown(depth)
    } blocks, and ${tensors.size} tensors`,
  );
}

/** Number of a vision transformer's tokens; each has a position. */
function positionsOf({ architecture, options }: LionModel): number | undefined {
  if (architecture !== "lionViT" || options.positionEmbedding === false) {
    return undefined;
  }
  const { imageSize = 224, patchSize = 16, classToken = "mean" } = options;
  return (imageSize / patchSize) ** 2 + (classToken === "none" ? 0 : 1);
}
