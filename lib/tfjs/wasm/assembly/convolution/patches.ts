// Patches of images: what a kernel of some taps reads for a pixel of a grid, as a row
// of numbers by tap and channel. Only those of a block of pixels are ever laid out.
import { copyRow } from "../math/loops";

/** The images, `[…, height, width, channels]`. */
let images: usize = 0, height: i32 = 0, width: i32 = 0, channels: i32 = 0;
/** The pixels of the grid, for each image. */
let gridHeight: i32 = 0, gridWidth: i32 = 0;
/**
 * The pixel that the first tap reads for the grid's first pixel, and the step from one
 * to the next.
 */
let top: i32 = 0, left: i32 = 0, strideY: i32 = 0, strideX: i32 = 0;
/**
 * A patch is made of segments, which lie in the image as they do in the patch: a row
 * of taps, or one tap where there are pixels between them.
 */
let segmentsPerRow: i32 = 0, segment: i32 = 0;
let dilationY: i32 = 0, dilationX: i32 = 0;

/** Sets the images that patches are read from. */
export function openImages(
  address: usize, rows: i32, columns: i32, depth: i32
): void {
  images = address;
  height = rows;
  width = columns;
  channels = depth;
}

/** Sets the grid of pixels that have a patch. */
export function openGrid(rows: i32, columns: i32): void {
  gridHeight = rows;
  gridWidth = columns;
}

/** Sets where patches begin, and the pixels from one patch to the next. */
export function openSteps(y: i32, x: i32, stepY: i32, stepX: i32): void {
  top = y;
  left = x;
  strideY = stepY;
  strideX = stepX;
}

/** Sets the taps of a row of a patch, and the pixels from one tap to the next. */
export function openTaps(tapsX: i32, betweenY: i32, betweenX: i32): void {
  dilationY = betweenY;
  dilationX = betweenX;
  segmentsPerRow = betweenX === 1 ? 1 : tapsX;
  segment = betweenX === 1 ? tapsX * channels : channels;
}

/**
 * The row of taps, the segment of the row and the number in the segment that a slice
 * begins with.
 */
let firstRow: i32 = 0, firstSegment: i32 = 0, firstNumber: i32 = 0;

/**
 * Writes the numbers from one to before another of the patches of some pixels of the
 * grid; rows are `stride` bytes apart.
 */
export function packPatches(
  pixel: i32, pixels: i32, first: i32, end: i32, target: usize, stride: usize
): void {
  const index = first / segment, count = end - first;
  firstRow = index / segmentsPerRow;
  firstSegment = index % segmentsPerRow;
  firstNumber = first - index * segment;
  const size = gridHeight * gridWidth;
  let image = pixel / size, y = pixel % size / gridWidth;
  let x = pixel % size % gridWidth;
  for (; pixels > 0; pixels--) {
    packPatch(image, y * strideY + top, x * strideX + left, count, target);
    target += stride;
    if (++x < gridWidth) continue;
    x = 0;
    if (++y < gridHeight) continue;
    y = 0;
    image++;
  }
}

/** Writes the slice's numbers of the patch whose first tap reads a pixel. */
function packPatch(
  image: i32, y: i32, x: i32, count: i32, target: usize
): void {
  let tapY = y + firstRow * dilationY, inRow = firstSegment, from = firstNumber;
  while (count > 0) {
    const to = min(segment, from + count);
    packSegment(image, tapY, x + inRow * dilationX, from, to, target);
    target += <usize> (to - from) << 2;
    count -= to - from;
    from = 0;
    if (++inRow < segmentsPerRow) continue;
    inRow = 0;
    tapY += dilationY;
  }
}

/** Writes some numbers of the segment that begins at a pixel, zeros outside of the image. */
function packSegment(
  image: i32, y: i32, x: i32, from: i32, to: i32, target: usize
): void {
  // The part of the segment that is in the image.
  const low = max(from, -x * channels), high = min(to, (width - x) * channels);
  const bytes = <usize> (to - from) << 2;
  if (y < 0 || y >= height || low >= high) {
    memory.fill(target, 0, bytes);
    return;
  }
  const row = (image * height + y) * width + x;
  const source = images + <usize> (row * channels + low) * 4;
  const before = <usize> (low - from) << 2, after = <usize> (to - high) << 2;
  if (before > 0) memory.fill(target, 0, before);
  copyRow(high - low, source, target + before);
  if (after > 0) memory.fill(target + bytes - after, 0, after);
}
