/** Pathfinder's strokes: paddles in any direction, and discs. @module */

/** Values around a centre cell, `[2 · reach + 1, 2 · reach + 1]`. */
export interface Stamp {
  readonly reach: number;
  readonly values: Float64Array;
}

/** A paddle around its first cell. */
export interface Paddle {
  /** Its brightness, 1 for a full stroke. */
  readonly ink: Stamp;
  /** The room that no other paddle may take, 0 to 1. */
  readonly room: Stamp;
}

/** What all paddles of an image have in common. */
export interface PaddleShape {
  /** Length in cells. */
  readonly length: number;
  /** Gap between two paddles of a curve, in cells. */
  readonly gap: number;
  /** Thickness in cells; a whole number of finer cells. */
  readonly thickness: number;
  /** Finer cells per cell side. */
  readonly fineness: number;
}

/** A place in an image. */
export type Cell = readonly [row: number, column: number];

/** The cell at a distance in a direction, in radians from right to down. */
export function moved([row, column]: Cell, angle: number, by: number): Cell {
  return [
    Math.ceil(row + by * Math.sin(angle)),
    Math.ceil(column + by * Math.cos(angle)),
  ];
}

/**
 * Calls a function for each cell that a stamp covers, with its index in an
 * image of that side.
 */
export function forEachCell(
  { reach, values }: Stamp,
  [row, column]: Cell,
  side: number,
  use: (place: number, value: number) => void,
): void {
  const width = 2 * reach + 1;
  for (let y = -Math.min(reach, row); y <= reach && row + y < side; y++) {
    for (
      let x = -Math.min(reach, column);
      x <= reach && column + x < side;
      x++
    ) {
      use(
        (row + y) * side + column + x,
        values[(y + reach) * width + x + reach]!,
      );
    }
  }
}

/** Makes paddles, each direction only once. */
export function paddles(shape: PaddleShape): (angle: number) => Paddle {
  const made = new Map<number, Paddle>();
  return (angle) => {
    let paddle = made.get(angle);
    if (!paddle) made.set(angle, paddle = makePaddle(shape, angle));
    return paddle;
  };
}

function makePaddle(
  { length, gap, thickness, fineness }: PaddleShape,
  angle: number,
): Paddle {
  const reach = length + Math.ceil(thickness) + gap;
  const middle = reach * fineness;
  const fine = 2 * middle + 1;
  const line = new Float64Array(fine ** 2);
  const start: Cell = [middle, middle];
  const end = moved(start, angle, length * fineness);
  drawLine(line, fine, start, end, Math.round(thickness * fineness));
  const room = new Float64Array(fine ** 2);
  const around = disc(gap * fineness);
  line.forEach((value, place) => {
    if (!value) return;
    const cell: Cell = [Math.floor(place / fine), place % fine];
    forEachCell(around, cell, fine, (near, covered) => {
      if (covered) room[near] = 1;
    });
  });
  const width = 2 * reach + 1;
  return {
    ink: { reach, values: shrink(line, fine, width) },
    room: { reach, values: inBytes(shrink(room, fine, width)) },
  };
}

/** 1 where the distance from the centre is at most the radius, 0 elsewhere. */
export function disc(radius: number): Stamp {
  const reach = Math.floor(radius);
  const width = 2 * reach + 1;
  const values = Float64Array.from({ length: width ** 2 }, (_, i) => {
    const [y, x] = [Math.floor(i / width) - reach, i % width - reach];
    return x ** 2 + y ** 2 <= radius ** 2 ? 1 : 0;
  });
  return { reach, values };
}

/** A disc drawn on finer cells, averaged to cells. */
export function marker(radius: number, fineness: number): Stamp {
  const reach = Math.ceil(radius) + LOBES;
  const width = 2 * reach + 1;
  const fine = width * fineness;
  const values = new Float64Array(fine ** 2);
  const middle = reach * fineness;
  forEachCell(
    disc(radius * fineness),
    [middle, middle],
    fine,
    (place, covered) => values[place] = covered,
  );
  return { reach, values: inBytes(shrink(values, fine, width)) };
}

/**
 * Draws a line as Pillow does: one cell wide by Bresenham, wider as a
 * quadrangle.
 */
function drawLine(
  image: Float64Array,
  side: number,
  [y0, x0]: Cell,
  [y1, x1]: Cell,
  width: number,
): void {
  const dx = x1 - x0, dy = y1 - y0;
  if (width <= 1) {
    const steps = Math.max(Math.abs(dx), Math.abs(dy));
    const along = (from: number, by: number, i: number) =>
      // Halves are rounded away from the start.
      from + Math.sign(by) * Math.floor(Math.abs(by) * i / steps + 0.5);
    for (let i = 0; i <= steps; i++) {
      image[along(y0, dy, i) * side + along(x0, dx, i)] = 1;
    }
    return;
  }
  const long = Math.hypot(dx, dy), half = (width - 1) / 2;
  const up = (x: number) => x >= 0 ? Math.floor(x + 0.5) : -Math.floor(0.5 - x);
  const down = (x: number) =>
    x >= 0 ? Math.ceil(x - 0.5) : -Math.ceil(-x - 0.5);
  const least = down(half) / long, most = up(half) / long;
  const corners = [
    [y0 + up(most * dx), x0 - down(least * dy)],
    [y1 + up(most * dx), x1 - down(least * dy)],
    [y1 - up(least * dx), x1 + down(most * dy)],
    [y0 - up(least * dx), x0 + down(most * dy)],
  ] as const;
  for (let place = 0; place < image.length; place++) {
    const y = Math.floor(place / side), x = place % side;
    const sides = corners.map(([fromY, fromX], i) => {
      const [toY, toX] = corners[(i + 1) % 4]!;
      return (toX - fromX) * (y - fromY) - (toY - fromY) * (x - fromX);
    });
    const isInside = sides.every((s) => s <= 0) || sides.every((s) => s >= 0);
    if (isInside) image[place] = 1;
  }
}

/** Lobes of the Lanczos filter, on each side. */
const LOBES = 3;

/** Shrinks a square image with the Lanczos filter. */
function shrink(
  image: Float64Array,
  from: number,
  to: number,
): Float64Array<ArrayBuffer> {
  const half = shrinkRows(image, from, from, to);
  return shrinkRows(half, to, from, to);
}

/** Shrinks the rows of an image, and transposes it. */
function shrinkRows(
  image: Float64Array,
  rows: number,
  from: number,
  to: number,
): Float64Array<ArrayBuffer> {
  const scale = from / to;
  const result = new Float64Array(to * rows);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - LOBES * scale + 0.5));
    const end = Math.min(from, Math.trunc(centre + LOBES * scale + 0.5));
    const weights: number[] = [];
    for (let x = first; x < end; x++) {
      weights.push(lanczos((x - centre + 0.5) / scale));
    }
    const total = weights.reduce((a, b) => a + b);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      weights.forEach((weight, x) => {
        sum += weight * image[row * from + first + x]!;
      });
      result[i * rows + row] = sum / total;
    }
  }
  return result;
}

function lanczos(x: number): number {
  if (Math.abs(x) >= LOBES) return 0;
  const sinc = (x: number) =>
    x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  return sinc(x) * sinc(x / LOBES);
}

/** Rounds to 255 steps from 0 to 1, so that full strokes are exactly 1. */
function inBytes(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  return values.map((value) =>
    Math.round(255 * Math.min(1, Math.max(0, value))) / 255
  );
}
