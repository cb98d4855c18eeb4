/**
 * Pathfinder's curves, which start and grow without touching each other.
 *
 * @module
 */
import type { Random } from "@lionjs/lion/data";
import { below } from "@lionjs/data/batches";
import {
  type Cell,
  forEachCell,
  moved,
  type Paddle,
  type PaddleShape,
  type Stamp,
} from "./pathfinder_strokes.ts";

/** Largest number of attempts at a paddle. */
const DRAWS = 3;

/** A cell counts as taken above this value, when a paddle starts. */
const FREE = 0.3;

/** The sum of two paddles' rooms at which they cross. */
const CROSSING = 1.8;

/** What the curves of an image have in common. */
export interface CurveShape extends PaddleShape {
  /** How straight curves are: the weight of a turn. */
  readonly continuity: number;
}

/** The growing end of a curve. */
export interface Tip {
  /** The point around which the next paddle turns. */
  readonly pivot: Cell;
  /** Angle of the last paddle, in radians. */
  readonly angle: number;
  /** The far end of the last paddle. */
  readonly end: Cell;
  /**
   * The last paddle, whose room is not taken yet, since the next one adjoins
   * it.
   */
  readonly last: PlacedPaddle;
}

/** A paddle in an image. */
interface PlacedPaddle {
  readonly paddle: Paddle;
  readonly at: Cell;
}

/** A place where the next paddle may end. */
interface Way {
  readonly cell: Cell;
  /** Angle from the pivot, in radians. */
  readonly angle: number;
  /** Its relative probability. */
  readonly weight: number;
}

/** Draws the cell in which a curve starts, among those where it may. */
type Start = (angle: number) => Cell | undefined;

/** A square image with curves on it. */
export class CurveImage {
  /** Side in cells. */
  readonly side: number;
  /** Brightness, 1 for a full stroke with contrast 1. */
  ink: Float64Array;
  /** To what extent each cell is taken. */
  taken: Float64Array;
  readonly #shape: CurveShape;
  readonly #random: Random;
  readonly #paddle: (angle: number) => Paddle;

  /** Makes an image without curves, whose border is taken. */
  constructor(
    side: number,
    border: number,
    shape: CurveShape,
    { random, paddle }: {
      random: Random;
      /** Makes paddles of the shape. */
      paddle: (angle: number) => Paddle;
    },
  ) {
    this.side = side;
    this.ink = new Float64Array(side ** 2);
    this.taken = this.#framed(new Float64Array(side ** 2), border);
    this.#shape = shape;
    this.#random = random;
    this.#paddle = paddle;
  }

  /**
   * Draws a curve's first paddle in free cells at this distance from the
   * border.
   */
  begin(border: number, contrast: number): Tip | undefined {
    const taken = this.#framed(this.taken.slice(), border);
    return this.#begin(contrast, (angle) => {
      const free = this.#freeCells(taken, this.#paddle(angle).room, border);
      if (free.length === 0) return undefined;
      const place = free[below(free.length, this.#random)]!;
      return [Math.floor(place / this.side), place % this.side];
    });
  }

  /** Draws a curve's first paddle at this distance from a cell. */
  beginNear(
    [row, column]: Cell,
    distance: number,
    contrast: number,
  ): Tip | undefined {
    return this.#begin(contrast, () => {
      const turn = below(360, this.#random) * Math.PI / 180;
      return [
        Math.round(row + distance * Math.sin(turn)),
        Math.round(column + distance * Math.cos(turn)),
      ];
    });
  }

  #begin(contrast: number, start: Start): Tip | undefined {
    const { length, gap } = this.#shape;
    for (let draw = 0; draw < DRAWS; draw++) {
      const angle = (below(360, this.#random) - 180) * Math.PI / 180;
      const end = start(angle);
      if (!end) return undefined;
      const head = moved(end, angle, length);
      const pivot = moved(head, opposite(angle), length + gap);
      if (![head, pivot].every((cell) => this.#has(cell))) continue;
      const last = { paddle: this.#paddle(angle), at: end };
      this.#draw(last, contrast);
      return { pivot, angle, end, last };
    }
    return undefined;
  }

  /** Adds a paddle; undefined if there is no room. */
  extend(tip: Tip, contrast: number): Tip | undefined {
    const { length, gap } = this.#shape;
    const pivot = moved(tip.pivot, tip.angle, length + 2 * gap);
    const ways = this.#ways(pivot, tip.angle);
    const total = ways.reduce((sum, { weight }) => sum + weight, 0);
    if (total < 1e-4) return undefined;
    for (let draw = 0; draw < DRAWS; draw++) {
      let left = this.#random() * total;
      const way = ways.find(({ weight }) => (left -= weight) < 0) ??
        ways.at(-1)!;
      const { angle, cell } = way;
      const next = { paddle: this.#paddle(opposite(angle)), at: cell };
      if (this.#crosses(next)) continue;
      this.#draw(next, contrast);
      this.settle(tip);
      return { pivot, angle, end: cell, last: next };
    }
    return undefined;
  }

  /** Marks the room of a curve's last paddle as taken. */
  settle({ last: { paddle, at } }: Tip): void {
    forEachCell(paddle.room, at, this.side, (place, value) => {
      this.taken[place] = Math.max(this.taken[place]!, value);
    });
  }

  /** The places where a paddle from a pivot may end, with their weights. */
  #ways(pivot: Cell, before: number): Way[] {
    const { length, gap, continuity } = this.#shape;
    const radius = length + gap;
    const ways: Way[] = [];
    const seen = new Set<number>();
    // A step is an arc of one cell.
    for (let turn = 0; turn < 2 * Math.PI - 1e-9; turn += 1 / radius) {
      const y = pivot[0] + radius * Math.sin(turn);
      const x = pivot[1] + radius * Math.cos(turn);
      if (!this.#has([y, x])) continue;
      const cell: Cell = [Math.floor(y), Math.floor(x)];
      const place = cell[0] * this.side + cell[1];
      if (seen.has(place)) continue;
      seen.add(place);
      const angle = Math.atan2(cell[0] - pivot[0], cell[1] - pivot[1]);
      const bend = Math.abs(angle - before);
      const bent = continuity * Math.min(bend, 2 * Math.PI - bend);
      if (bent >= Math.PI / 2) continue;
      const weight = (1 - this.#takenNear(cell, gap)) * Math.cos(bent) ** 2;
      ways.push({ cell, angle, weight });
    }
    return ways;
  }

  /** The largest value of taken cells within a distance. */
  #takenNear([row, column]: Cell, distance: number): number {
    let most = 0;
    for (let y = -distance; y <= distance; y++) {
      for (let x = -distance; x <= distance; x++) {
        if (y ** 2 + x ** 2 > distance ** 2) continue;
        if (!this.#has([row + y, column + x])) continue;
        const taken = this.taken[(row + y) * this.side + column + x]!;
        if (taken > most) most = taken;
      }
    }
    return most;
  }

  /** The cells in which a paddle with this room may start. */
  #freeCells(taken: Float64Array, room: Stamp, border: number): number[] {
    const { length, gap } = this.#shape;
    const { side } = this;
    // A paddle does not reach over more of the border.
    const first = Math.max(0, border - room.reach), end = side - first;
    const width = 2 * room.reach + 1;
    const [least, most] = [-(length + gap), length + gap];
    const offsets: Cell[] = [];
    room.values.forEach((value, place) => {
      if (value !== 1) return;
      // The published generator looks a cell further down and to the right.
      const y = Math.floor(place / width) - room.reach + 1;
      const x = place % width - room.reach + 1;
      if (Math.min(y, x) >= least && Math.max(y, x) <= most) {
        offsets.push([y, x]);
      }
    });
    const free: number[] = [];
    for (let row = first; row < end; row++) {
      for (let column = first; column < end; column++) {
        const isFree = offsets.every(([y, x]) =>
          !this.#has([row + y, column + x]) ||
          taken[(row + y) * side + column + x]! <= FREE
        );
        if (isFree) free.push(row * side + column);
      }
    }
    return free;
  }

  #crosses({ paddle, at }: PlacedPaddle): boolean {
    let most = 0;
    forEachCell(paddle.room, at, this.side, (place, value) => {
      most = Math.max(most, this.taken[place]! + value);
    });
    return most >= CROSSING;
  }

  #draw({ paddle, at }: PlacedPaddle, contrast: number): void {
    drawStamp(this.ink, this.side, paddle.ink, at, contrast);
  }

  #has([row, column]: Cell): boolean {
    return row >= 0 && row < this.side && column >= 0 && column < this.side;
  }

  /** Marks a border as taken. */
  #framed(taken: Float64Array, border: number): Float64Array {
    const { side } = this;
    for (let i = 0; i < border; i++) {
      const last = side - 1 - i;
      taken.fill(1, i * side, (i + 1) * side);
      taken.fill(1, last * side, (last + 1) * side);
      for (let row = 0; row < side; row++) {
        taken[row * side + i] = taken[row * side + last] = 1;
      }
    }
    return taken;
  }
}

/** Draws a stamp over the image; the brighter value stays. */
export function drawStamp(
  ink: Float64Array,
  side: number,
  stamp: Stamp,
  at: Cell,
  contrast = 1,
): void {
  forEachCell(stamp, at, side, (place, value) => {
    ink[place] = Math.max(ink[place]!, contrast * value);
  });
}

function opposite(angle: number): number {
  return angle < 0 ? angle + Math.PI : angle - Math.PI;
}
