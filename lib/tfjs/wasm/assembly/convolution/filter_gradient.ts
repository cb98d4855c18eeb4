// The gradient of a convolution in its kernel: the product of all patches, transposed,
// and dy. A task has some rows and columns of it, from some of the pixels; the second
// phase adds up what comes from all. How many tasks share the pixels depends on the
// shapes alone, so that sums are the same on any number of threads.
import { convolution as job } from "../jobs";
import { queue } from "../runtime/queue";
import { multiplyTransposed } from "../math/gemm";
import { copyRow } from "../math/loops";
import { sumParts } from "../math/matrix";
import { packPanel, PANEL, panelBytes } from "../math/panels";
import { vectorBytes } from "../math/simd";
import {
  openGrid, openImages, openSteps, openTaps, packPatches,
} from "./patches";
import { parts } from "../runtime/parts";
import { countProgress } from "../runtime/progress";
import { allocate } from "../runtime/scratch";

/** Rows and columns of the gradient that a task has, and pixels packed at a time. */
const ROWS = 192, COLUMNS = 128, PIXELS = 256;

/** Tasks at least, if each then has this many pixels. */
const TASKS = 16, LEAST_PIXELS = 1024;

/** Numbers that a task of the second phase adds up. */
const SUMMED = 4096;

/** Patches; dy in panels; and sums. */
let patches: usize = 0, gradients: usize = 0, sums: usize = 0;

/** Lays out a thread's scratch, behind what is there; returns its end. */
export function layout(): usize {
  patches = allocate(PIXELS * vectorBytes(min(ROWS, inner())));
  gradients = allocate(PIXELS * vectorBytes(min(COLUMNS, job.filters)));
  sums = allocate(ROWS * vectorBytes(min(COLUMNS, job.filters)));
  return allocate(0);
}

/** Numbers of a patch, which are rows of the gradient. */
function inner(): i32 {
  return job.kernelHeight * job.kernelWidth * job.channels;
}

function pixels(): i32 {
  return job.batch * job.outHeight * job.outWidth;
}

function inColumns(): i32 {
  return parts(job.filters, COLUMNS);
}

/** Rows a task: of all tasks the same, in whole register tiles. */
function rowsPerTask(): i32 {
  return 6 * parts(parts(inner(), parts(inner(), ROWS)), 6);
}

/** Tasks of the same rows and columns. */
function shares(): i32 {
  const tasks = parts(inner(), rowsPerTask()) * inColumns();
  const most = max(1, pixels() / LEAST_PIXELS);
  return min(most, parts(TASKS, tasks));
}

function gradientBytes(): usize {
  return <usize> inner() * job.filters * 4;
}

export function extraBytes(): usize {
  return shares() > 1 ? shares() * gradientBytes() : 0;
}

export function tasks(phase: i32): i32 {
  if (phase === 1) {
    return shares() > 1 ? parts(inner() * job.filters, SUMMED) : 0;
  }
  return parts(inner(), rowsPerTask()) * inColumns() * shares();
}

export function perform(phase: i32, task: i32): void {
  if (phase === 1) return addUp(task);
  const share = task % shares(), part = task / shares();
  const row = part / inColumns() * rowsPerTask();
  multiplyPart(share, row, part % inColumns() * COLUMNS);
}

function addUp(task: i32): void {
  const first = task * SUMMED, offset = <usize> first << 2;
  const count = min(SUMMED, inner() * job.filters - first);
  const from = queue.extra + offset;
  sumParts(count, from, gradientBytes(), shares(), job.dfilter + offset);
}

/** Computes some rows and columns of the gradient, from the pixels of a share. */
function multiplyPart(share: i32, row: i32, column: i32): void {
  const rows = min(rowsPerTask(), inner() - row);
  const columns = min(COLUMNS, job.filters - column);
  const width = vectorBytes(rows), stride = vectorBytes(columns);
  const each = parts(pixels(), shares());
  const end = min(pixels(), (share + 1) * each);
  openImages(job.x, job.height, job.width, job.channels);
  openGrid(job.outHeight, job.outWidth);
  openSteps(-job.top, -job.left, job.strideY, job.strideX);
  openTaps(job.kernelWidth, job.dilationY, job.dilationX);
  memory.fill(sums, 0, <usize> rows * stride);
  for (let pixel = share * each; pixel < end; pixel += PIXELS) {
    const count = min(PIXELS, end - pixel);
    packPatches(pixel, count, row, row + rows, patches, width);
    const dy = job.dy + <usize> (pixel * job.filters + column) * 4;
    for (let at = 0; at < columns; at += PANEL) {
      const offset = <usize> at << 2, panel = panelBytes(at, columns);
      const lanes = min(PANEL, columns - at);
      packPanel(count, lanes, dy + offset, <usize> job.filters << 2, gradients);
      const c = sums + offset;
      multiplyTransposed(
        rows, <i32> (panel >> 2), count,
        patches, width, gradients, panel, c, stride, 1, c, stride
      );
    }
    countProgress();
  }
  const to = shares() > 1
    ? queue.extra + share * gradientBytes()
    : job.dfilter;
  for (let i = 0; i < rows; i++) {
    const at = <usize> ((row + i) * job.filters + column) * 4;
    copyRow(columns, sums + i * stride, to + at);
  }
}
