/** Tasks of Long Range Arena that are images, read pixel by pixel. @module */
import type { PixelScale } from "@lionjs/lion/data";
import { LONG_RANGE_ARENA_TASKS, longRangeArena } from "@lionjs/lion/datasets";
import type { NeededFiles } from "../needed_files.ts";
import { pixelSequences } from "../sequences.ts";
import { arenaParts, type ArenaRecipe, arenaRecipe } from "./arena.ts";
import { writeFewCifar10, writeFewPathfinder } from "./few_images.ts";
import type { PaperRecipe } from "./paper_recipe.ts";

/** S4's, of the grey pixels of CIFAR-10. */
const CIFAR_SCALE = { mean: 122.6 / 255, deviation: 61 / 255 };

/** S4's, of Pathfinder. */
const PATHFINDER_SCALE = { mean: 0.5, deviation: 0.5 };

/** CIFAR-10 in grey. */
export const arenaImage: PaperRecipe = pixelArena("image", CIFAR_SCALE, {
  title: "Long Range Arena, Image",
  about:
    "CIFAR-10 in grey, as sequences of 1,024 numbers: 45,000 images to train " +
    "on, 5,000 for validation, and the 10,000 test images for the table.",
  files: {
    lookedFor: [
      "cifar-10-batches-bin or cifar-10-batches-py, or the archive of either; or",
      "plain_text/train-00000-of-00001.parquet and the one of test",
    ],
    commands: [
      "curl -O https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
      "hf download uoft-cs/cifar10 --repo-type dataset --local-dir FOLDER",
    ],
    hub: {
      data: { repo: "uoft-cs/cifar10", include: ["plain_text/*.parquet"] },
    },
    writeFew: writeFewCifar10,
  },
});

/** Two ends and dashed curves. */
export const arenaPathfinder: PaperRecipe = pixelArena(
  "pathfinder",
  PATHFINDER_SCALE,
  {
    title: "Long Range Arena, Pathfinder",
    about:
      "Do two marked ends belong to one dashed curve? Images of 32 × 32 pixels " +
      "are read as 1,024 numbers; curves have 14 paddles.",
    ...ofPathfinder(32),
  },
);

/** The same in larger images. */
export const arenaPathX: PaperRecipe = pixelArena("pathx", PATHFINDER_SCALE, {
  title: "Long Range Arena, Path-X",
  about:
    "Pathfinder in images of 128 × 128 pixels, which are read as 16,384 numbers. " +
    "Softmax attention, which stayed at chance in the arena, does not take part.",
  without: ["softmax"],
  ...ofPathfinder(128),
});

/** What Pathfinder's sizes have in common. */
function ofPathfinder(side: 32 | 128): Pick<ArenaRecipe, "files" | "notes"> {
  const files: NeededFiles = {
    lookedFor: [
      `pathfinder${side}/curv_contour_length_14, with imgs and metadata,`,
      "there, or in lra_release, or in lra_release/lra_release",
    ],
    commands: [
      "curl -L https://storage.googleapis.com/long-range-arena/lra_release.gz | tar -xz -C FOLDER",
      "  (or from a mirror, where that address refuses)",
    ],
    writeFew: (folder) => writeFewPathfinder(folder, side),
  };
  return {
    files,
    notes: [
      "The release has no parts: a tenth each is kept for validation and for " +
      "the table, by this library's own split.",
    ],
  };
}

function pixelArena(
  task: "image" | "pathfinder" | "pathx",
  scale: Required<PixelScale>,
  own: Omit<ArenaRecipe, "open">,
): PaperRecipe {
  const { length, numClasses } = LONG_RANGE_ARENA_TASKS[task];
  return arenaRecipe(task, {
    ...own,
    open: async (folder, setting) =>
      pixelSequences({
        ...{ length, numClasses, ...scale },
        images: await arenaParts(
          setting,
          (part) => longRangeArena(task, folder, { part }),
        ),
      }),
  });
}
