/** The task of images in folders. @module */
import {
  assertInteger,
  assertOptions,
  assertText,
  optionsOf,
} from "@lionjs/base";
import { pathOf } from "@lionjs/base/files";
import {
  contentOf,
  evalTransform,
  imageBatches,
  type ImageDataset,
  imageFolder,
  splitImages,
  trainTransform,
  type TrainTransformOptions,
} from "@lionjs/data/images";
import { crossEntropy } from "../losses/cross_entropy.ts";
import { f1 } from "../metrics/classification.ts";
import { accuracy } from "../metrics/metric.ts";
import { overClasses } from "../metrics/over_sets.ts";
import type { Task } from "./task.ts";

/** Options of {@linkcode imageTask}. */
export interface ImageTaskOptions {
  /** Side of the pictures in pixels. @default 64 */
  size?: number | undefined;
  /**
   * RandAugment of the pictures to train on, such as `"rand-m9-inc1"`, as for
   * `trainTransform`. @default none
   */
  randAugment?: string | undefined;
  /**
   * The area of the pictures to train on that a crop shows, and its width divided by
   * its height, each between two bounds. With few pictures, or where the thing fills
   * them, crop less: `{ scale: [0.6, 1] }`.
   * @default { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] }
   */
  crop?: TrainTransformOptions["crop"];
  /** Images per batch. @default 16 */
  batchSize?: number | undefined;
  /** Seed of the split, the order and the transforms. @default 0 */
  seed?: number | undefined;
}

const OPTIONS = optionsOf<ImageTaskOptions>()(
  "size randAugment crop batchSize seed",
);

/** Images to learn the classes of, from {@linkcode imageTask}. */
export interface ImageTask extends Task {
  /** The names of the classes, for `setClassNames`. */
  readonly classes: readonly string[];
  /** The options of `lionViT` that the images ask for. */
  readonly model: { readonly imageSize: number; readonly numClasses: number };
  /** The damaged images that were passed over, with the reasons. */
  bad(): readonly string[];
}

/** The share of images that may be damaged. */
const DAMAGED = { skip: true, limit: 0.05 } as const;

/** What folders of parts are called. */
const PARTS = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing"],
} as const;

/**
 * Makes a task of images in folders, one for each class: splits them, augments
 * those to train on, turns photographs as their EXIF says, and passes over damaged
 * ones, up to one in 20. Folders called train, validation (or val) and test are
 * these parts; for each missing one, a tenth of the images of each class is held
 * back.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionViT } from "@lionjs/lion";
 * import { imageTask, train } from "@lionjs/lion/training";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // The smallest picture, of one pixel.
 * const png = Uint8Array.fromBase64(
 *   "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgABc3UBGAAAAABJRU5ErkJggg==",
 * );
 * const folder = await Deno.makeTempDir();
 * for (const name of ["cats", "dogs"]) {
 *   await Deno.mkdir(`${folder}/${name}`);
 *   for (let i = 0; i < 20; i++) {
 *     await Deno.writeFile(`${folder}/${name}/${i}.png`, png);
 *   }
 * }
 * const task = await imageTask(folder, { size: 8 });
 * assertEquals(task.classes, ["cats", "dogs"]);
 * const model = lionViT({
 *   ...task.model, patchSize: 4, dim: 8, depth: 1, numHeads: 1, variant: "s",
 * });
 * await train(model, task.train, { ...task.options, steps: 1 });
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The folder.
 * @param options See {@linkcode ImageTaskOptions}.
 * @returns The task.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or there is no class.
 * @throws {Error} If a folder is missing, or has no image.
 */
export async function imageTask(
  folder: string | URL,
  options: ImageTaskOptions = {},
): Promise<ImageTask> {
  assertOptions("imageTask", options, OPTIONS);
  const { size = 64, batchSize = 16, seed = 0, randAugment, crop } = options;
  assertInteger("batchSize", batchSize, 1);
  if (randAugment !== undefined) assertText("randAugment", randAugment);
  const transform = trainTransform({ size, randAugment, crop });
  const plain = evalTransform({ size });
  const parts = await partsOf(pathOf(folder, "imageTask's folder"), seed);
  const { classes } = parts.train;
  const streams: ReturnType<typeof imageBatches>[] = [];
  const batches = (
    images: ImageDataset,
    own: Pick<Parameters<typeof imageBatches>[1], "transform" | "order">,
  ) => {
    const stream = imageBatches(images, {
      ...{ batchSize: Math.max(1, Math.min(batchSize, images.size)), seed },
      ...{ orientation: "apply", onBad: DAMAGED, ...own },
    });
    streams.push(stream);
    return stream;
  };
  const held = (images: ImageDataset) =>
    batches(images, { transform: plain, order: "in-order" }).from(0);
  const validation = () => held(parts.validation);
  const metrics = {
    accuracy: accuracy(),
    f1: overClasses(f1, { average: "macro" }),
  };
  return {
    classes,
    model: { imageSize: size, numClasses: classes.length },
    train: batches(parts.train, { transform }),
    options: {
      loss: crossEntropy(),
      evaluate: { data: validation, metrics },
    },
    validation,
    test: () => held(parts.test),
    bad: () => [
      ...new Set(
        streams.flatMap(({ bad }) => bad.records.map(({ reason }) => reason)),
      ),
    ],
  };
}

/** The parts of a folder: folders of these names, or shares of the images. */
async function partsOf(
  root: string,
  seed: number,
): Promise<Record<keyof typeof PARTS, ImageDataset>> {
  const { folders } = await contentOf(root);
  const named = (part: keyof typeof PARTS) =>
    folders.find((name) =>
      (PARTS[part] as readonly string[]).includes(name.toLowerCase())
    );
  const trained = named("train");
  const own = await imageFolder(
    trained === undefined ? root : `${root}/${trained}`,
  );
  const open = async (part: "validation" | "test") => {
    const name = trained === undefined ? undefined : named(part);
    if (name === undefined) return undefined;
    return relabelled(await imageFolder(`${root}/${name}`), own.classes, name);
  };
  const [validation, test] = [await open("validation"), await open("test")];
  const rest = splitImages(own, {
    validation: validation ? 0 : 0.1,
    test: test ? 0 : 0.1,
    seed,
  });
  return {
    train: rest.train,
    validation: validation ?? rest.validation,
    test: test ?? rest.test,
  };
}

/** The images of a part, which may lack some classes, with labels that are places among all. */
function relabelled(
  images: ImageDataset,
  classes: readonly string[],
  part: string,
): ImageDataset {
  const places = images.classes.map((name) => classes.indexOf(name));
  const other = places.indexOf(-1);
  if (other >= 0) {
    throw new RangeError(
      `${part} should have classes that are trained on, ${
        classes.join(", ")
      }, got ${images.classes[other]}`,
    );
  }
  const { size, get } = images;
  return {
    ...{ classes, size },
    labels: images.labels.map((label) => places[label]!),
    async get(index) {
      const image = await get(index);
      return { ...image, label: places[image.label]! };
    },
  };
}
