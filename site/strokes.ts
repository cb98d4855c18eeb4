/** What a pen has drawn, and the picture of it that the classifier reads. @module */
import { SIDE } from "./sizes.ts";

/** A place on the pad, whose sides are 1 long; y grows downwards. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The way of the pen from where it was put down to where it was lifted. */
export type Stroke = readonly Point[];

/** Where the picture lies on the pad: its upper left corner, and how wide a pixel is. */
export interface Place extends Point {
  readonly unit: number;
}

/** A picture of strokes as MNIST has them: 28 × 28 pixels, 0 for paper and 255 for ink. */
export interface Picture {
  readonly pixels: Uint8Array;
  readonly place: Place;
}

/** MNIST's digits fill a box of 20 pixels; the middle of the pen stays one inside. */
const BOX = 18;

/** Pixels from the middle of the pen to where its ink ends. */
const REACH = 1.7;

/** The pad's part that is never enlarged to fill the box: a dot remains a dot. */
const SMALLEST = 0.15;

/**
 * The picture of strokes: as MNIST's digits are, it is scaled to a box, keeping
 * its proportions, and its centre of mass is in the middle.
 *
 * @returns `undefined` without strokes.
 */
export function pictureOf(strokes: readonly Stroke[]): Picture | undefined {
  const points = strokes.flat();
  if (points.length === 0) return undefined;
  const [left, right] = range(points.map(({ x }) => x));
  const [top, bottom] = range(points.map(({ y }) => y));
  const unit = Math.max(right - left, bottom - top, SMALLEST) / BOX;
  const corner = (x: number, y: number): Place => ({
    x: x - unit * SIDE / 2,
    y: y - unit * SIDE / 2,
    unit,
  });
  const centred = corner((left + right) / 2, (top + bottom) / 2);
  const { x, y } = centreOfMass(inked(strokes, centred));
  const place = corner(centred.x + unit * x, centred.y + unit * y);
  return { pixels: inked(strokes, place), place };
}

function range(values: readonly number[]): [least: number, most: number] {
  return values.reduce(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Infinity, -Infinity],
  );
}

/** Where the ink is, in pixels from the upper left corner. */
function centreOfMass(pixels: Uint8Array): Point {
  let [ink, x, y] = [0, 0, 0];
  pixels.forEach((value, at) => {
    ink += value;
    x += value * (at % SIDE + 0.5);
    y += value * (Math.floor(at / SIDE) + 0.5);
  });
  return { x: x / ink, y: y / ink };
}

/** The ink of each pixel: by its distance from the way of the pen. */
function inked(strokes: readonly Stroke[], place: Place): Uint8Array {
  const ways = strokes.map((stroke) =>
    stroke.map(({ x, y }) => ({
      x: (x - place.x) / place.unit,
      y: (y - place.y) / place.unit,
    }))
  );
  return Uint8Array.from({ length: SIDE ** 2 }, (_, at) => {
    const pixel = { x: at % SIDE + 0.5, y: Math.floor(at / SIDE) + 0.5 };
    const distances = ways.map((way) => distanceTo(way, pixel));
    const ink = Math.min(1, Math.max(0, REACH - Math.min(...distances)));
    return Math.round(255 * ink);
  });
}

function distanceTo(way: Stroke, { x, y }: Point): number {
  let least = Infinity;
  way.forEach((to, at) => {
    const from = way[at - 1] ?? to;
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const along = ((x - from.x) * dx + (y - from.y) * dy) /
      (dx * dx + dy * dy || 1);
    const part = Math.min(1, Math.max(0, along));
    const distance = Math.hypot(
      x - from.x - part * dx,
      y - from.y - part * dy,
    );
    least = Math.min(least, distance);
  });
  return least;
}
