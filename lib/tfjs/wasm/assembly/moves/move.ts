// Copies of parts of tensors from places that lie in a regular order to such places:
// transposed, cut, concatenated, padded, repeated, reversed.
import { Move, move as job } from "../jobs";
import { queue } from "../runtime/queue";
import { countProgress } from "../runtime/progress";
import { copyPlane } from "./planes";

// A part, as the host writes it; distances are in bytes.
/** The address of a part in x, or 0 for the job's constant, and in y. */
const FROM = 0, TO = 4;
/** The innermost two axes: counts, distances in x, distances in y. */
const ROWS = 8, COLUMNS = 12;
const X_ROW = 16, X_COLUMN = 20, Y_ROW = 24, Y_COLUMN = 28;
/** Rows that are copied at a time, and how often within all planes. */
const UNIT_ROWS = 32, UNITS = 36;
/** Units a task, and the number of the first task. */
const UNITS_PER_TASK = 40, FIRST_TASK = 44;
/** The axes around the plane, the innermost first: count, distance in x, distance in y. */
const RANK = 48, AXES = 52;
/** Axes around the plane at most. */
const MOST = 6;

/** Bytes of a part. */
const PART = AXES + 12 * MOST;

/** Bytes that hold the parts. */
export function extraBytes(): usize {
  return <usize> job.parts * PART;
}

export function tasks(phase: i32): i32 {
  return phase === 0 ? 0 : job.tasks;
}

/**
 * The addresses of the current plane in x and y, and its place in the innermost axis
 * around planes.
 */
let x: usize = 0, y: usize = 0, place: i32 = 0;

export function perform(_phase: i32, task: i32): void {
  const part = partOf(task);
  const perTask = load<i32>(part, UNITS_PER_TASK);
  let unit = (task - load<i32>(part, FIRST_TASK)) * perTask;
  const end = min(unit + perTask, load<i32>(part, UNITS));
  const rows = load<i32>(part, ROWS), unitRows = load<i32>(part, UNIT_ROWS);
  const unitsOfPlane = (rows + unitRows - 1) / unitRows;
  let plane = unit / unitsOfPlane;
  let row = (unit - plane * unitsOfPlane) * unitRows;
  goTo(part, plane);
  for (;;) {
    copyUnit(part, row, min(unitRows, rows - row));
    if (++unit >= end) break;
    row += unitRows;
    if (row < rows) continue;
    row = 0;
    goOn(part, ++plane);
  }
  countProgress();
}

/** The part to which a task belongs. */
function partOf(task: i32): usize {
  let part = queue.extra + <usize> (job.parts - 1) * PART;
  while (load<i32>(part, FIRST_TASK) > task) part -= PART;
  return part;
}

function copyUnit(part: usize, row: i32, rows: i32): void {
  const columns = load<i32>(part, COLUMNS);
  const xRow = load<usize>(part, X_ROW), yRow = load<usize>(part, Y_ROW);
  const xColumn = load<usize>(part, X_COLUMN);
  const yColumn = load<usize>(part, Y_COLUMN);
  const from = x + row * xRow, to = y + row * yRow;
  if (job.bytes === 4) {
    copyPlane<u32>(rows, columns, from, xRow, xColumn, to, yRow, yColumn);
  } else {
    copyPlane<u8>(rows, columns, from, xRow, xColumn, to, yRow, yColumn);
  }
}

/** Goes to a plane, by its number. */
function goTo(part: usize, plane: i32): void {
  const from = load<usize>(part, FROM);
  x = from !== 0 ? from : changetype<usize>(job) + offsetof<Move>("value");
  y = load<usize>(part, TO);
  const end = part + 12 * load<i32>(part, RANK);
  place = 0;
  for (let axis = part; axis < end; axis += 12) {
    const count = load<i32>(axis, AXES), next = plane / count;
    const at = plane - next * count;
    if (axis === part) place = at;
    plane = next;
    x += at * load<usize>(axis, AXES + 4);
    y += at * load<usize>(axis, AXES + 8);
  }
}

/** Goes to the next plane, of this number. */
function goOn(part: usize, plane: i32): void {
  if (++place >= load<i32>(part, AXES)) return goTo(part, plane);
  x += load<usize>(part, AXES + 4);
  y += load<usize>(part, AXES + 8);
}
