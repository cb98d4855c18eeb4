/** The task that folders of images are. @module */
import { lionViT } from "@lionjs/lion";
import {
  evalTransform,
  imageBatches,
  type ImageBatchStream,
  type ImageDataset,
  imageFolder,
  parquetImages,
  splitImages,
  trainTransform,
} from "@lionjs/lion/data";
import { inClasses } from "@lionjs/data/images";
import { classFolders, type Parts } from "./find_data.ts";
import type { OwnOptions } from "./own_options.ts";
import { assertTrainedClasses, type OwnTask } from "./own_task.ts";

/** The share of images that may be damaged. */
const DAMAGED = { skip: true, limit: 0.05 } as const;

/** Empty folders are told in words of the command line, or do no harm. */
const KEPT = { emptyClasses: "keep" } as const;

/** The task of images in folders, one for each class. */
export async function imagesInFolders(
  found: Parts<string>,
  options: OwnOptions,
): Promise<OwnTask> {
  const classes = await classFolders(found.train);
  const train = await imageFolder(found.train, { classes, ...KEPT });
  const seen = new Set(train.labels);
  const empty = classes.find((_, label) => !seen.has(label));
  if (empty !== undefined) {
    throw new RangeError(
      `${found.train}/${empty} should have an image; remove the folder if it is no class`,
    );
  }
  const part = async (path: string) => {
    const own = await classFolders(path);
    assertTrainedClasses(path, own, classes);
    return inClasses(
      await imageFolder(path, { classes: own, ...KEPT }),
      classes,
      path,
    );
  };
  return taskOf(
    {
      train,
      ...await only("validation", found.validation, part),
      ...await only("test", found.test, part),
    },
    options,
  );
}

/** The task of Parquet files with a column of images. */
export async function imagesInParquet(
  found: Parts<string>,
  options: OwnOptions & { readonly image: string },
): Promise<OwnTask> {
  const { image, label = "label" } = options;
  const train = await parquetImages(found.train, { image, label });
  // A part may lack a class, and would number the others otherwise.
  const { classes } = train;
  const part = (path: string) => parquetImages(path, { image, label, classes });
  return taskOf(
    {
      train,
      ...await only("validation", found.validation, part),
      ...await only("test", found.test, part),
    },
    options,
  );
}

/** An object with what is opened, if there is a path. */
async function only<K extends string>(
  name: K,
  path: string | undefined,
  open: (path: string) => Promise<ImageDataset>,
): Promise<{ [name in K]?: ImageDataset }> {
  return path === undefined
    ? {}
    : { [name]: await open(path) } as { [name in K]: ImageDataset };
}

function taskOf(
  given: Parts<ImageDataset>,
  { variant, dim, depth, heads, size, patch, batchSize, seed }: OwnOptions,
): OwnTask {
  const { train, validation, test } = allParts(given, seed);
  const { classes } = train;
  const model = lionViT({
    ...{ imageSize: size, patchSize: patch, dim, depth, numHeads: heads },
    ...{ variant, seed, numClasses: classes.length },
    // Decays tell what is near: along rows, and along columns.
    ...(variant === "d" || variant === "s") && { order: "snake" },
  });
  const streams: ImageBatchStream[] = [];
  const batches = (
    images: ImageDataset,
    options: Pick<
      Parameters<typeof imageBatches>[1],
      "transform" | "order" | "seed"
    >,
  ) => {
    const stream = imageBatches(images, {
      batchSize: Math.min(batchSize, images.size),
      onBad: DAMAGED,
      orientation: "apply",
      ...options,
    });
    streams.push(stream);
    return stream;
  };
  const held = (images: ImageDataset) =>
    batches(images, { transform: evalTransform({ size }), order: "in-order" })
      .from(0);
  return {
    examples: "images",
    classes,
    sizes: [train.size, validation.size, test.size],
    model,
    train: batches(train, {
      transform: trainTransform({
        size,
        crop: { scale: [0.5, 1], ratio: [3 / 4, 4 / 3] },
      }),
      seed,
    }),
    validation: () => held(validation),
    test: () => held(test),
    bad: () => [
      ...new Set(
        streams.flatMap(({ bad }) => bad.records.map(({ reason }) => reason)),
      ),
    ],
    epochs: 30,
    files: {},
  };
}

/** The parts that are there, and what is missing from those to train on. */
function allParts(given: Parts<ImageDataset>, seed: number) {
  const { validation, test } = given;
  const rest = splitImages(given.train, {
    validation: validation ? 0 : 0.1,
    test: test ? 0 : 0.1,
    seed,
  });
  return { ...rest, ...validation && { validation }, ...test && { test } };
}
