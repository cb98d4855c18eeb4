import { assertOneOf, assertOptions, optionsOf } from "@lionjs/base";
import {
  assertPlace,
  type Dataset,
  type LabelledImage,
  type Part,
} from "@lionjs/data/batches";
import { splitImages } from "@lionjs/data/images";
import type { BadRecords } from "@lionjs/data/records";
import { LIST_OPS_TOKENS } from "../../tasks/list_ops.ts";
import { cifar } from "../cifar/cifar.ts";
import { imdb } from "../imdb.ts";
import {
  byteTokens,
  type LongRangePair,
  type LongRangeTokens,
} from "./examples.ts";
import { greyImages } from "./grey_images.ts";
import { listOpsLines } from "./list_ops_lines.ts";
import { paperPairs } from "./paper_pairs.ts";
import {
  DIFFICULTIES,
  type PathfinderDifficulty,
  pathfinderImages,
} from "./pathfinder_images.ts";
import { releaseFiles } from "./release_folder.ts";

export type { LongRangePair, LongRangeTokens, PathfinderDifficulty };

/** The sizes of a Long Range Arena task. */
export interface LongRangeArenaTaskFacts {
  /** The maximum number of tokens per sequence, or the number of pixels. */
  readonly length: number;
  /** Number of classes. */
  readonly numClasses: number;
  /** One more than the highest token id, for tasks with tokens; 0 is padding. */
  readonly vocabularySize?: number | undefined;
}

const BYTES = 257;

/**
 * The sizes of each task of {@linkcode longRangeArena}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LONG_RANGE_ARENA_TASKS } from "@lionjs/lion/datasets";
 *
 * const { length, vocabularySize } = LONG_RANGE_ARENA_TASKS.text;
 * assertEquals([length, vocabularySize], [4096, 257]);
 * assertEquals(LONG_RANGE_ARENA_TASKS.pathx.length, 128 ** 2);
 * ```
 */
export const LONG_RANGE_ARENA_TASKS = {
  listops: {
    ...{ length: 2000, numClasses: 10 },
    vocabularySize: LIST_OPS_TOKENS.length,
  },
  text: { length: 4096, numClasses: 2, vocabularySize: BYTES },
  retrieval: { length: 4000, numClasses: 2, vocabularySize: BYTES },
  image: { length: 32 ** 2, numClasses: 10 },
  pathfinder: { length: 32 ** 2, numClasses: 2 },
  pathx: { length: 128 ** 2, numClasses: 2 },
} as const satisfies Record<string, LongRangeArenaTaskFacts>;

/** A task of Long Range Arena. */
export type LongRangeArenaTask = keyof typeof LONG_RANGE_ARENA_TASKS;

/** The examples of each task of {@linkcode longRangeArena}. */
export interface LongRangeArenaDatasets {
  /** Expressions, in tokens of `LIST_OPS_TOKENS`. */
  listops: Dataset<LongRangeTokens>;
  /** Film reviews. */
  text: Dataset<LongRangeTokens>;
  /** Pairs of papers. */
  retrieval: Dataset<LongRangePair>;
  /** Greyscale images of objects. */
  image: Dataset<LabelledImage>;
  /** Images of two ends and dashed curves, and the empty files among them. */
  pathfinder: Dataset<LabelledImage> & { readonly bad: BadRecords };
  /** The images of Pathfinder at 128 × 128 pixels, and the empty files among them. */
  pathx: Dataset<LabelledImage> & { readonly bad: BadRecords };
}

/** Options of {@linkcode longRangeArena}. */
export interface LongRangeArenaOptions {
  /** The part of the examples. */
  part: Part;
  /**
   * The length of Pathfinder's curves, by the names of their folders.
   * @default "curv_contour_length_14", the hardest, which papers report on
   */
  difficulty?: PathfinderDifficulty | undefined;
  /** The side of Pathfinder's images in pixels. @default 32, and 128 for "pathx" */
  resolution?: 32 | 64 | 128 | 256 | undefined;
}

const OPTIONS = optionsOf<LongRangeArenaOptions>()(
  "part difficulty resolution",
);

/** How the release's files call parts. */
const PARTS = {
  listops: { train: "train", validation: "val", test: "test" },
  retrieval: { train: "train", validation: "eval", test: "test" },
};

/**
 * Opens a Long Range Arena task from its original files. Examples are read when
 * needed.
 *
 * | task           | folder, or one that holds it                   | example                                                             |
 * | -------------- | ---------------------------------------------- | ------------------------------------------------------------------- |
 * | `"listops"`    | `listops-1000`, with `basic_train.tsv`         | `ids` of `LIST_OPS_TOKENS`, at most 2,000; the value, a digit       |
 * | `"text"`       | as for `imdb`                                  | `ids` of bytes, at most 4,096; 1: a positive review                 |
 * | `"retrieval"`  | `tsv_data`, with `new_aan_pairs.train.tsv`     | `pair` of `ids` of bytes, at most 4,000 each; 1: one cites the other |
 * | `"image"`      | as for `cifar`, with 10 classes                | 1,024 `pixels`; one of 10 classes                                   |
 * | `"pathfinder"` | `pathfinder32/curv_contour_length_14`          | 1,024 `pixels`; 1: the ends are connected                           |
 * | `"pathx"`      | `pathfinder128/curv_contour_length_14`         | 16,384 `pixels`; 1: the ends are connected                          |
 *
 * A byte's token is one more than the byte, since 0 is padding, as in the
 * original. Pixels are grey, 0–255, row by row, as from Pillow's
 * `convert("L")`, for `collatePixels`.
 *
 * Parts are those of the files, with three exceptions. `"text"` validates on
 * the test reviews, like the original; `"image"` validates on the last tenth,
 * 5,000, of CIFAR-10's training images; Pathfinder, which has no parts, is
 * split into 80 %, 10 % and 10 % of each class by `splitImages` with seed 0,
 * unlike in other implementations.
 *
 * Source: Tay et al. 2021 (arXiv:2011.04006),
 * https://github.com/google-research/long-range-arena; S4's `lra.py`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LIST_OPS_TOKENS, longRangeArena } from "@lionjs/lion/datasets";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.mkdir(`${folder}/listops-1000`);
 * await Deno.writeTextFile(
 *   `${folder}/listops-1000/basic_test.tsv`,
 *   "Source\tTarget\r\n( ( ( ( [MAX 3 ) 7 ) 1 ) ] )\t7\r\n",
 * );
 * const expressions = await longRangeArena("listops", folder, { part: "test" });
 * const { ids, label } = await expressions.get(0);
 * const tokens = Array.from(ids, (id) => LIST_OPS_TOKENS[id]);
 * assertEquals(tokens.join(" "), "[MAX 3 7 1 X");
 * assertEquals(label, 7);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param task The task.
 * @param folder The folder.
 * @param options See {@linkcode LongRangeArenaOptions}.
 * @returns The task's examples. For Pathfinder, `bad` lists an image that was
 * released as an empty file and is left out.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If there is no such task, an option has an invalid value
 * or does not apply to it; from `get`, if an image has the wrong size.
 * @throws {SyntaxError} Also from `get`, if a file is damaged or a line has the
 * wrong form; the message names file and line.
 * @throws {Error} If the folder has no files of that part; the message says how
 * to get them.
 */
export async function longRangeArena<T extends LongRangeArenaTask>(
  task: T,
  folder: string | URL,
  options: LongRangeArenaOptions,
): Promise<LongRangeArenaDatasets[T]> {
  assertOneOf(
    "task",
    task as LongRangeArenaTask,
    Object.keys(LONG_RANGE_ARENA_TASKS) as LongRangeArenaTask[],
  );
  assertOptions("longRangeArena", options, OPTIONS);
  assertOneOf("part", options.part, ["train", "validation", "test"]);
  assertPathfinderOptions(task, options);
  return await OPENERS[task](folder, options);
}

function assertPathfinderOptions(
  task: LongRangeArenaTask,
  { difficulty, resolution }: LongRangeArenaOptions,
): void {
  const isPathfinder = task === "pathfinder" || task === "pathx";
  if (difficulty !== undefined) {
    assertOneOf("difficulty", difficulty, DIFFICULTIES);
    if (!isPathfinder) throw meaningless("difficulty", task);
  }
  if (resolution !== undefined) {
    assertOneOf("resolution", resolution, [32, 64, 128, 256]);
    if (task !== "pathfinder") throw meaningless("resolution", task);
  }
}

function meaningless(option: string, task: string): RangeError {
  return new RangeError(
    `${option} should be left out for the task "${task}", which has no choice of it`,
  );
}

/** Opens the examples of each task. */
const OPENERS: {
  readonly [T in LongRangeArenaTask]: (
    folder: string | URL,
    options: LongRangeArenaOptions,
  ) => Promise<LongRangeArenaDatasets[T]>;
} = {
  async listops(folder, { part }) {
    const name = `basic_${PARTS.listops[part]}.tsv`;
    const path = await releaseFile(folder, "listops-1000", name);
    return await listOpsLines(path, LONG_RANGE_ARENA_TASKS.listops.length);
  },
  async text(folder, { part }) {
    const reviews = await imdb(folder, {
      part: part === "train" ? "train" : "test",
    });
    return {
      size: reviews.size,
      async get(index) {
        const { text, label } = await reviews.get(index);
        const { length } = LONG_RANGE_ARENA_TASKS.text;
        return { ids: byteTokens(text, length), label };
      },
    };
  },
  async retrieval(folder, { part }) {
    const name = `new_aan_pairs.${PARTS.retrieval[part]}.tsv`;
    const path = await releaseFile(folder, "tsv_data", name);
    return await paperPairs(path, LONG_RANGE_ARENA_TASKS.retrieval.length);
  },
  async image(folder, { part }) {
    const images = greyImages(
      await cifar(folder, {
        classes: 10,
        part: part === "test" ? "test" : "train",
      }),
      32,
    );
    if (part === "test") return images;
    const trained = Math.floor(0.9 * images.size);
    return part === "train"
      ? rangeOf(images, 0, trained)
      : rangeOf(images, trained, images.size);
  },
  pathfinder: (folder, options) =>
    connectedEnds(folder, options, options.resolution ?? 32),
  pathx: (folder, options) => connectedEnds(folder, options, 128),
};

async function releaseFile(
  folder: string | URL,
  name: string,
  file: string,
): Promise<string> {
  const [path] = await releaseFiles(folder, name, file, (one) => one === file);
  return path!;
}

/** Pathfinder's images of a part. */
async function connectedEnds(
  folder: string | URL,
  { part, difficulty = "curv_contour_length_14" }: LongRangeArenaOptions,
  side: number,
): Promise<LongRangeArenaDatasets["pathfinder"]> {
  const { images, empty } = await pathfinderImages(folder, side, difficulty);
  const split = splitImages(images, { validation: 0.1, test: 0.1 });
  return {
    ...greyImages(split[part], side),
    bad: { count: empty.length, records: empty },
  };
}

/** The examples from a place to below another. */
function rangeOf<E>(
  dataset: Dataset<E>,
  start: number,
  end: number,
): Dataset<E> {
  const size = end - start;
  return {
    size,
    get(index) {
      assertPlace(index, size);
      return dataset.get(start + index);
    },
  };
}
