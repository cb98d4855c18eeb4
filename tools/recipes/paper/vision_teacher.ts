/** Models that teach classifiers of images. @module */
import { IMAGENET } from "@lionjs/data/images";
import { fromPretrained } from "@lionjs/lion/hub";
import type { Teacher } from "@lionjs/lion/training";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { CannotBegin } from "../needed_files.ts";

/** A teacher that is in memory until it is disposed of. */
export interface LoadedTeacher {
  readonly teacher: Teacher;
  dispose(): void;
}

/**
 * Reads a teacher, and lets it see what the models see, on its own scale of pixels
 * and in its own size.
 *
 * @param source A folder, or a repository of the hub.
 * @param options.classes How many classes there are.
 * @param options.isSmoke Whether other classes get a head that begins anew.
 * @throws {CannotBegin} If it cannot be read, or is not a classifier of images in so
 * many classes.
 */
export async function visionTeacher(
  source: string,
  { classes, isSmoke }: { readonly classes: number; readonly isSmoke: boolean },
): Promise<LoadedTeacher> {
  const { model, preprocessing = IMAGENET } = await fromPretrained(source, {
    ...isSmoke ? { numClasses: classes } : {},
    tokenizer: false,
  }).catch((cause: Error) => {
    throw new CannotBegin(`--teacher ${source}: ${cause.message}`, { cause });
  });
  const dispose = () => {
    model.dispose();
  };
  const [images] = model.inputs;
  const [, side, , channels] = images!.shape;
  const [, found] = model.outputs[0]!.shape;
  if (model.inputs.length !== 1 || channels !== 3 || found !== classes) {
    dispose();
    throw new CannotBegin(
      `--teacher should be a classifier of images in ${classes} classes, got ${source}, whose inputs are ${
        shapesOf(model.inputs)
      } and whose outputs are ${shapesOf(model.outputs)}`,
    );
  }
  // What models see is (p - mean) / deviation, by ImageNet's numbers.
  const factor = IMAGENET.deviation.map((deviation, colour) =>
    deviation / preprocessing.deviation[colour]!
  );
  const shift = IMAGENET.mean.map((mean, colour) =>
    (mean - preprocessing.mean[colour]!) / preprocessing.deviation[colour]!
  );
  const teacher = ([pixels]: readonly tf.Tensor[]) => {
    const scaled = tf.add(tf.mul(pixels!, factor), shift) as tf.Tensor4D;
    const sized = pixels!.shape[1] === side
      ? scaled
      : tf.image.resizeBilinear(scaled, [side!, side!]);
    return model.apply(sized, { training: false }) as tf.Tensor;
  };
  // A training is gone on with by the teacher of this name.
  Object.defineProperty(teacher, "name", { value: source });
  return { teacher, dispose };
}

function shapesOf(tensors: LayersModel["inputs"]): string {
  return tensors.map(({ shape }) =>
    `[${shape.map((size) => size ?? "batch").join(", ")}]`
  ).join(" and ");
}
