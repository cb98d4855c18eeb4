/**
 * Parts of tensors whose elements lie in a regular order, and their list in the record of
 * the job `move`.
 *
 * @module
 */

/** An axis of a part. */
export interface Axis {
  /** The number of elements along the axis. */
  readonly count: number;
  /** The distance of neighbours in x, in elements; 0 if all are one element. */
  readonly from: number;
  /** The distance of neighbours in y, in elements. */
  readonly to: number;
}

/** The distance of neighbours along each axis in a tensor of a shape, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/**
 * The fewest axes that are the same part.
 *
 * @param axes In the order in which elements lie where they go.
 */
export function simplify(axes: readonly Axis[]): Axis[] {
  const kept: Axis[] = [];
  let outer: Axis | undefined;
  for (const axis of axes) {
    const { count, from, to } = axis;
    if (count === 1) continue;
    if (outer && outer.from === count * from && outer.to === count * to) {
      outer = { count: outer.count * count, from, to };
      kept[kept.length - 1] = outer;
    } else {
      outer = axis;
      kept.push(axis);
    }
  }
  return kept;
}

/** The axes of rows, by the distances of rows in x and in y. */
export function axesOfRows(
  rows: number,
  columns: number,
  from: number,
  to: number,
): Axis[] {
  return [{ count: rows, from, to }, { count: columns, from: 1, to: 1 }];
}

/** The longest row that is copied at once, and the length of the parts of longer rows. */
const LONG = 8192, PIECE = 4096;

/** Number of elements that make a task. */
const TASK = 16_384;

/** The rows that are copied at a time are this many, or a multiple: a line of the cache. */
const LINE = 16;

/** Most axes around a plane, and 32-bit words of a part: as in move.ts of the assembly. */
const MOST_AXES = 6, WORDS = 13 + 3 * MOST_AXES;

/** The words of the list that is being made, which grow as they are needed. */
let words = new Int32Array(64 * WORDS);

/** The list of parts that a job copies; only one is made at a time. */
export class PartList {
  readonly #bytes: number;
  #length = 0;
  #tasks = 0;

  /**
   * An empty list.
   *
   * @param bytes Bytes of an element.
   */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** The number of parts. */
  get length(): number {
    return this.#length;
  }

  /** The number of tasks of all parts. */
  get tasks(): number {
    return this.#tasks;
  }

  /** Writes the list into memory. */
  write(memory: ArrayBufferLike, address: number): void {
    const size = WORDS * this.#length;
    new Int32Array(memory, address, size).set(words.subarray(0, size));
  }

  /**
   * Adds a part, which becomes several if it is long or has many axes.
   *
   * @param axes Its axes, simplified.
   * @param from The address of its first element, 0 for the job's constant.
   * @param to The address to which that goes.
   */
  add(axes: readonly Axis[], from: number, to: number): void {
    const last = axes.at(-1) ?? ONE;
    if (last.count > LONG) this.#addPieces(axes.slice(0, -1), last, from, to);
    else if (axes.length > MOST_AXES + 2) this.#addEach(axes, from, to);
    else this.#addPlanes(axes, last, from, to);
  }

  #addPieces(before: readonly Axis[], last: Axis, from: number, to: number) {
    const count = Math.floor(last.count / PIECE), all = count * PIECE;
    const pieces = { count, from: PIECE * last.from, to: PIECE * last.to };
    this.add([...before, pieces, { ...last, count: PIECE }], from, to);
    if (all === last.count) return;
    const rest = { ...last, count: last.count - all };
    const { from: start, to: end } = this.#at(last, all, from, to);
    this.add([...before, rest], start, end);
  }

  /** Adds the parts along the axis that has the fewest, beside the innermost one. */
  #addEach(axes: readonly Axis[], from: number, to: number) {
    let fewest = 0;
    for (let i = 1; i < axes.length - 1; i++) {
      if (axes[i]!.count < axes[fewest]!.count) fewest = i;
    }
    const others = axes.toSpliced(fewest, 1), axis = axes[fewest]!;
    for (let i = 0; i < axis.count; i++) {
      const { from: start, to: end } = this.#at(axis, i, from, to);
      this.add(others, start, end);
    }
  }

  /** The addresses `steps` elements further along an axis. */
  #at(axis: Axis, steps: number, from: number, to: number) {
    return {
      from: from && from + steps * axis.from * this.#bytes,
      to: to + steps * axis.to * this.#bytes,
    };
  }

  #addPlanes(axes: readonly Axis[], columns: Axis, from: number, to: number) {
    const bytes = this.#bytes;
    const beside = rowsBeside(columns, axes);
    const rows = axes[beside] ?? ONE;
    const wanted = LINE * Math.ceil(TASK / columns.count / LINE);
    const unitRows = Math.min(rows.count, wanted);
    const first = WORDS * this.#length++;
    if (words.length < first + WORDS) {
      const longer = new Int32Array(2 * words.length);
      longer.set(words);
      words = longer;
    }
    let planes = 1, at = first + 13;
    for (let i = axes.length - 2; i >= 0; i--) {
      if (i === beside) continue;
      const axis = axes[i]!;
      planes *= axis.count;
      words[at++] = axis.count;
      words[at++] = axis.from * bytes;
      words[at++] = axis.to * bytes;
    }
    const units = planes * Math.ceil(rows.count / unitRows);
    const unitsPerTask = Math.ceil(TASK / (unitRows * columns.count));
    words[first] = from;
    words[first + 1] = to;
    words[first + 2] = rows.count;
    words[first + 3] = columns.count;
    words[first + 4] = rows.from * bytes;
    words[first + 5] = columns.from * bytes;
    words[first + 6] = rows.to * bytes;
    words[first + 7] = columns.to * bytes;
    words[first + 8] = unitRows;
    words[first + 9] = units;
    words[first + 10] = unitsPerTask;
    words[first + 11] = this.#tasks;
    words[first + 12] = (at - first - 13) / 3;
    this.#tasks += Math.ceil(units / unitsPerTask);
  }
}

/** An axis of a single element. */
const ONE: Axis = { count: 1, from: 0, to: 1 };

/** Fewest rows that are worth a plane. */
const FEW = 8;

/**
 * Which axis makes a plane with the innermost one, -1 for none: that whose elements lie
 * side by side, if those of the innermost one do not, so that the plane is transposed;
 * else the innermost with many elements.
 */
function rowsBeside(columns: Axis, axes: readonly Axis[]): number {
  const last = axes.length - 2;
  if (columns.to === 1 && columns.from > 1) {
    for (let i = 0; i <= last; i++) if (axes[i]!.from === 1) return i;
  }
  for (let i = last; i >= 0; i--) if (axes[i]!.count >= FEW) return i;
  return Math.max(-1, last);
}
