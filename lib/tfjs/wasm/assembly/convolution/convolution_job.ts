// Convolutions of images with kernels, and their gradients: products of matrices, of
// which one has the patches of the images as rows and is never there as a whole.
//
// The gradient in the images is a convolution of dy for each remainder of a pixel's
// place by the strides: its pixels are read by the same taps.
import { convolution as job } from "../jobs";
import { queue } from "../runtime/queue";
import * as filter from "./filter_gradient";
import { packPanel, packTransposedPanel, PANEL, panelBytes } from "../math/panels";
import { activate } from "../math/epilogue";
import { copyRow } from "../math/loops";
import { multiply } from "../math/gemm";
import { vectorBytes } from "../math/simd";
import {
  openGrid, openImages, openSteps, openTaps, packPatches,
} from "./patches";
import { parts } from "../runtime/parts";
import { countProgress } from "../runtime/progress";
import { allocate, layoutFrom } from "../runtime/scratch";

/** Numbers of a patch that are packed at a time: 16 KiB of each panel. */
const INNER = 256;

/** Patches; sums; the bias, its end padded; and some rows of a panel of the kernel. */
let patches: usize = 0, sums: usize = 0, paddedBias: usize = 0;
let panel: usize = 0;

export function layout(base: usize): usize {
  layoutFrom(base);
  if (job.dfilter !== 0) return filter.layout();
  patches = allocate(<usize> job.rowsPerTask * INNER * 4);
  sums = allocate(<usize> job.rowsPerTask * vectorBytes(job.columnsPerTask));
  paddedBias = allocate(4 * PANEL);
  panel = allocate(4 * PANEL * INNER);
  return allocate(0);
}

/** Bytes of the kernel in panels, or of what tasks leave for the second phase. */
export function extraBytes(): usize {
  if (job.dfilter !== 0) return filter.extraBytes();
  if (blocks() === 1) return 0;
  const taps = job.kernelHeight * job.kernelWidth;
  return <usize> (taps * depth()) * vectorBytes(columns());
}

/** The channels of the tensor that is read; {@link columns} are the channels of the result. */
function depth(): i32 {
  return job.dx === 0 ? job.channels : job.filters;
}

function columns(): i32 {
  return job.dx === 0 ? job.filters : job.channels;
}

/** Remainders of pixels by the strides, each of which has its own taps. */
function remaindersY(): i32 {
  return job.dx === 0 ? 1 : min(job.strideY, job.height);
}

function remaindersX(): i32 {
  return job.dx === 0 ? 1 : min(job.strideX, job.width);
}

/** Blocks of a remainder's pixels; the first remainder has most. */
function blocks(): i32 {
  openRemainder(0);
  return parts(job.batch * gridHeight * gridWidth, job.rowsPerTask);
}

export function tasks(phase: i32): i32 {
  if (job.dfilter !== 0) return filter.tasks(phase);
  const inBlocks = blocks();
  // Where all pixels are one block, a task packs what it reads of the kernel.
  if (phase === 0 && inBlocks === 1) return 0;
  const each = phase === 0
    ? parts(columns(), PANEL)
    : inBlocks * parts(columns(), job.columnsPerTask);
  return remaindersY() * remaindersX() * each;
}

export function perform(phase: i32, task: i32): void {
  countProgress();
  if (job.dfilter !== 0) return filter.perform(phase, task);
  if (phase === 0) return packKernel(task);
  const inColumns = parts(columns(), job.columnsPerTask), inBlocks = blocks();
  const block = task / inColumns;
  openRemainder(block / inBlocks);
  convolve(block % inBlocks, task % inColumns, inBlocks > 1);
}

/** The pixels of a remainder and the first of them, and the taps that read them. */
let gridHeight: i32 = 0, gridWidth: i32 = 0;
let firstY: i32 = 0, firstX: i32 = 0;
let tapsY: i32 = 0, tapsX: i32 = 0, firstTapY: i32 = 0, firstTapX: i32 = 0;
/** The address at which the remainder's panels begin. */
let panels: usize = 0;

/** Pixels of a side from one on, by a step. */
function pixelsFrom(first: i32, size: i32, step: i32): i32 {
  return first < size ? parts(size - first, step) : 0;
}

function openRemainder(index: i32): void {
  const width = vectorBytes(columns());
  if (job.dx === 0) {
    gridHeight = job.outHeight;
    gridWidth = job.outWidth;
    tapsY = job.kernelHeight;
    tapsX = job.kernelWidth;
    panels = queue.extra;
    return;
  }
  const inRow = remaindersX(), row = index / inRow;
  // Taps of remainders before this one: of the rows before, and in this row.
  let before = 0;
  for (let y = 0; y < row; y++) before += tapsOf(y, true) * job.kernelWidth;
  firstY = row;
  firstX = index % inRow;
  tapsY = tapsOf(firstY, true);
  tapsX = tapsOf(firstX, false);
  for (let x = 0; x < firstX; x++) before += tapsY * tapsOf(x, false);
  firstTapY = (firstY + job.top) % job.strideY;
  firstTapX = (firstX + job.left) % job.strideX;
  gridHeight = pixelsFrom(firstY, job.height, job.strideY);
  gridWidth = pixelsFrom(firstX, job.width, job.strideX);
  panels = queue.extra + <usize> (before * depth()) * width;
}

/** The taps of a side that read the pixels from one on, by a step of the stride. */
function tapsOf(first: i32, isY: bool): i32 {
  const stride = isY ? job.strideY : job.strideX;
  const begin = (first + (isY ? job.top : job.left)) % stride;
  return pixelsFrom(begin, isY ? job.kernelHeight : job.kernelWidth, stride);
}

/** Packs a panel of the kernel. */
function packKernel(task: i32): void {
  const inPanels = parts(columns(), PANEL), column = task % inPanels * PANEL;
  openRemainder(task / inPanels);
  const inner = tapsY * tapsX * depth();
  packRows(column, 0, inner, panelOf(column, inner));
}

/** Packs the rows from one to before another of a panel, the first of all at `target`. */
function packRows(column: i32, first: i32, end: i32, target: usize): void {
  const count = min(PANEL, columns() - column);
  if (job.dx === 0) {
    const source = job.filter + (<usize> first * columns() + column) * 4;
    packPanel(end - first, count, source, <usize> columns() << 2, target);
    return;
  }
  const width = <usize> depth() << 2, row = vectorBytes(count);
  for (let at = first; at < end;) {
    // The last tap reads the first pixel of dy.
    const index = tapsY * tapsX - 1 - at / depth(), channel = at % depth();
    const tapY = firstTapY + index / tapsX * job.strideY;
    const tapX = firstTapX + index % tapsX * job.strideX;
    const tap = tapY * job.kernelWidth + tapX;
    const rows = min(depth() - channel, end - at);
    const source = job.filter + (<usize> channel << 2) +
      <usize> (tap * columns() + column) * width;
    packTransposedPanel(rows, count, source, width, target);
    target += <usize> rows * row;
    at += rows;
  }
}

/** The address of the panel from a column on, whose rows are `inner`. */
function panelOf(column: i32, inner: i32): usize {
  return panels + <usize> inner * (<usize> column << 2);
}

function openPatches(): void {
  if (job.dx === 0) {
    openImages(job.x, job.height, job.width, job.channels);
    openSteps(-job.top, -job.left, job.strideY, job.strideX);
    openTaps(job.kernelWidth, job.dilationY, job.dilationX);
  } else {
    openImages(job.dy, job.outHeight, job.outWidth, job.filters);
    const y = (firstY + job.top - firstTapY) / job.strideY - (tapsY - 1);
    const x = (firstX + job.left - firstTapX) / job.strideX - (tapsX - 1);
    openSteps(y, x, 1, 1);
    openTaps(tapsX, 1, 1);
  }
  openGrid(gridHeight, gridWidth);
}

/** Computes some pixels and channels of the result. */
function convolve(block: i32, part: i32, isPacked: bool): void {
  const pixel = block * job.rowsPerTask;
  const pixels = job.batch * gridHeight * gridWidth;
  const rows = min(job.rowsPerTask, pixels - pixel);
  if (rows <= 0) return;
  const from = part * job.columnsPerTask;
  const end = min(columns(), from + job.columnsPerTask);
  const inner = tapsY * tapsX * depth();
  const stride = vectorBytes(end - from);
  openPatches();
  // Slices of one length have no short one at the end.
  const slice = max(1, parts(inner, max(1, parts(inner, INNER))));
  // Sums of nothing are the bias, too.
  for (let k = 0; k === 0 || k < inner; k += slice) {
    const count = min(slice, inner - k), width = <usize> count << 2;
    if (count > 0) packPatches(pixel, rows, k, k + count, patches, width);
    for (let column = from; column < end; column += PANEL) {
      const row = panelBytes(column, columns());
      const b = isPacked ? panelOf(column, inner) + <usize> k * row : panel;
      if (!isPacked) packRows(column, k, k + count, panel);
      const c = sums + (<usize> (column - from) << 2);
      let weight: f32 = 1, start = c, startStride = stride;
      if (k === 0) {
        start = paddedBias;
        startStride = 0;
        if (job.bias === 0) weight = 0;
        else {
          const bias = job.bias + (<usize> column << 2);
          copyRow(min(PANEL, end - column), bias, paddedBias);
        }
      }
      multiply(
        rows, <i32> (row >> 2), count,
        patches, width, b, row, c, stride, weight, start, startStride
      );
    }
    countProgress();
  }
  emit(pixel, rows, from, end - from, stride);
}

/** Writes sums, as the activation makes them, to their places in the result. */
function emit(
  pixel: i32, rows: i32, column: i32, count: i32, stride: usize
): void {
  const width = <usize> columns() << 2;
  const target = (job.dx === 0 ? job.y : job.dx) + (<usize> column << 2);
  let source = sums;
  for (let i = pixel; i < pixel + rows; i++) {
    activate(job.activation, count, source, target + placeOf(i) * width);
    source += stride;
  }
}

/** The index of a pixel of the grid among those of the result. */
function placeOf(pixel: i32): usize {
  if (job.dx === 0 || (job.strideX === 1 && job.strideY === 1)) return pixel;
  const size = gridHeight * gridWidth;
  const y = firstY + pixel % size / gridWidth * job.strideY;
  const x = firstX + pixel % size % gridWidth * job.strideX;
  return (<usize> (pixel / size) * job.height + y) * job.width + x;
}
