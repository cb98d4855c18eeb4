import { assertInteger } from "@lionjs/base";
import type {
  Examples,
  GeneratedOptions,
  LabelledImage,
  Random,
} from "@lionjs/lion/data";
import { assertOptions, optionsOf } from "@lionjs/base";
import { shown } from "@lionjs/base";
import { generated } from "@lionjs/data/batches";
import { below } from "@lionjs/data/batches";
import {
  CurveImage,
  type CurveShape,
  drawStamp,
  type Tip,
} from "./pathfinder_curves.ts";
import {
  type Cell,
  marker,
  type Paddle,
  paddles,
  type Stamp,
} from "./pathfinder_strokes.ts";

/** Options of {@linkcode pathfinder}; the defaults are Long Range Arena's. */
export interface PathfinderOptions extends GeneratedOptions {
  /** Side of the images in pixels: 32, 64 or 128, which is Path-X. @default 32 */
  side?: 32 | 64 | 128 | undefined;
  /**
   * Paddles of each of the two long curves: 6, 9 or 14 in the published
   * datasets, longer ones being harder. @default 14
   */
  contourLength?: number | undefined;
}

/** An image of {@linkcode pathfinder}. */
export interface PathfinderImage extends LabelledImage {
  /** The row and column of each disc. */
  readonly marks: readonly [
    readonly [row: number, column: number],
    readonly [row: number, column: number],
  ];
}

const OPTIONS = optionsOf<PathfinderOptions>()(
  "size side contourLength seed part",
);

/** The measures of an image size; lengths are in pixels. */
interface Scale {
  /** Length of a paddle. */
  readonly length: number;
  readonly thickness: number;
  /** Possible gaps between paddles, one of which an image has. */
  readonly gaps: readonly number[];
  readonly continuity: number;
  /** Distance between the starts of the two long curves. */
  readonly distance: number;
  readonly markerRadius: number;
  /** Contrast of distractors' paddles; those of long curves are `dimmed`. */
  readonly contrast: number;
  readonly dimmed: number;
  /** Largest number of paddles of all distractors together. */
  readonly paddles: number;
}

const SCALES: Readonly<Record<number, Scale>> = {
  32: {
    ...{ length: 2, thickness: 0.5, gaps: [1], continuity: 1, distance: 7 },
    ...{ markerRadius: 1.5, contrast: 2, dimmed: 0.75, paddles: 20 },
  },
  64: {
    ...{ length: 5, thickness: 1, gaps: [1], continuity: 1.8, distance: 12 },
    ...{ markerRadius: 2.5, contrast: 0.8, dimmed: 1, paddles: 22 },
  },
  128: {
    ...{ length: 5, thickness: 1.5, gaps: [2, 3], continuity: 1.8 },
    ...{ distance: 20, markerRadius: 3, contrast: 0.9, dimmed: 1, paddles: 35 },
  },
};

/** Finer cells per pixel side. */
const FINENESS = 2;

/** Width of the border, which curves may not enter. */
const BORDER = 1;

/** Largest number of attempts at a distractor. */
const DRAWS = 5;

/** If the share of free pixels is smaller, no distractor is drawn. */
const FREE_SHARE = 0.01;

/**
 * Pathfinder of Long Range Arena: images of dashed curves, two of them long.
 * Two discs mark ends of long curves; the label is 1 if they belong to the same
 * curve, 0 if not. Chance is a half.
 *
 * Source: Linsley et al. 2018 (arXiv:1805.08315) and their generator; Tay et
 * al. 2021 (arXiv:2011.04006), who chose the sizes: 160,000 images for
 * training, 20,000 each for validation and testing, read row by row as 1,024
 * pixels. The rules are those of the generator, but the random numbers and the
 * last bits of its anti-aliasing differ: images look like the published ones,
 * but none is identical to one.
 *
 * @param options See {@linkcode PathfinderOptions}.
 * @returns The images, for `collatePixels`. Making one takes a few
 * milliseconds, or with side 64 and 128 a few hundred: keep images that are
 * read often in a `datasetOf`.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function pathfinder(
  options: PathfinderOptions,
): Examples<PathfinderImage> {
  assertOptions("pathfinder", options, OPTIONS);
  const { side = 32, contourLength = 14 } = options;
  const scale = SCALES[side];
  if (!scale) {
    throw new RangeError(
      `side should be 32, 64 or 128, got ${shown(side)}`,
    );
  }
  assertInteger("contourLength", contourLength, 3, 14);
  const disc = marker(scale.markerRadius, FINENESS);
  const tools = scale.gaps.map((gap) => {
    const { length, thickness, continuity } = scale;
    const shape = { length, thickness, gap, fineness: FINENESS, continuity };
    return { shape, paddle: paddles(shape) };
  });
  return generated(`Pathfinder ${side} ${contourLength}`, options, (random) => {
    const label = below(2, random);
    const tool = tools[below(tools.length, random)]!;
    const task = { side, contourLength, scale, random, ...tool };
    const { image, begins, ends } = longCurves(task);
    addDistractors(image, task);
    const first = below(2, random);
    const second = label === 1 ? first : 1 - first;
    const marks: [Cell, Cell] = [begins[first]!, ends[second]!];
    return { pixels: marked(image, marks, disc), label, marks };
  });
}

/** The parameters of an image. */
interface Task {
  readonly side: number;
  readonly contourLength: number;
  readonly scale: Scale;
  readonly shape: CurveShape;
  readonly paddle: (angle: number) => Paddle;
  readonly random: Random;
}

/** Draws both long curves; if there is no room for one, starts both anew. */
function longCurves(
  { side, contourLength, scale, shape, paddle, random }: Task,
): { image: CurveImage; begins: Cell[]; ends: Cell[] } {
  const { distance, contrast, dimmed } = scale;
  for (;;) {
    const image = new CurveImage(side, BORDER, shape, { random, paddle });
    const one = image.begin(2 * distance, dimmed * contrast);
    const other = one && image.beginNear(one.end, distance, dimmed * contrast);
    const begins = [one, other];
    let tips = begins;
    for (let i = 1; i < contourLength; i++) {
      tips = tips.map((tip) => tip && image.extend(tip, dimmed * contrast));
      if (!tips.every((tip) => tip)) break;
    }
    if (!tips.every((tip): tip is Tip => tip !== undefined)) continue;
    // As in the published generator, the first curve's last paddle takes no
    // room.
    image.settle(tips[1]!);
    return {
      image,
      begins: begins.map((tip) => tip!.end),
      ends: tips.map(({ end }) => end),
    };
  }
}

/** Adds short curves, as many as fit, up to their number. */
function addDistractors(
  image: CurveImage,
  { contourLength, scale }: Task,
): void {
  const length = Math.floor(contourLength / 3);
  const count = Math.floor(scale.paddles / length);
  for (let i = 0; i < count; i++) {
    for (let draw = 0; draw < DRAWS; draw++) {
      if (addDistractor(image, length, scale.contrast)) break;
    }
  }
}

/** Adds a short curve, or leaves the image as it is. */
function addDistractor(
  image: CurveImage,
  length: number,
  contrast: number,
): boolean {
  const free = image.taken.filter((taken) => taken <= 0.3).length;
  if (free < FREE_SHARE * image.taken.length) return false;
  const { ink, taken } = image;
  image.ink = ink.slice();
  image.taken = taken.slice();
  let tip = image.begin(1, contrast);
  for (let i = 1; tip && i < length; i++) tip = image.extend(tip, contrast);
  if (tip) {
    image.settle(tip);
    return true;
  }
  image.ink = ink;
  image.taken = taken;
  return false;
}

/** The image with its markers, in bytes, scaled to a maximum of 255. */
function marked(
  { ink, side }: CurveImage,
  cells: readonly Cell[],
  disc: Stamp,
): Uint8Array {
  for (const cell of cells) drawStamp(ink, side, disc, cell);
  const brightest = ink.reduce((most, value) => Math.max(most, value), 0);
  return Uint8Array.from(ink, (value) => Math.round(255 * value / brightest));
}
