// Patches of images: what a kernel of some taps reads for a pixel of a grid, as a row
// of numbers by tap and channel. Only those of a block of pixels are ever laid out.
import { copyRow } from "../math/loops";

/** The images, `[…, height, width, channels]`. */
let images: usize = 0, height: i32 = 0, width: i32 = 0, channels: i32 = 0;
/** The pixels of the grid, for each image. */
let gridHeight: i32 = 0, gridWidth: i32 = 0;
/** The pixel that the first tap reads for the grid's first, and the next for the next. */
let top: i32 = 0, left: i32 = 0, strideY: i32 = 0, strideX: i32 = 0;
/**
 * A patch is made of segments, which lie in the image as they do in the patch: a row
 * of taps, or one tap where there are pixels between them.
 */
let segmentsPerRow: i32 = 0, segment: i32 = 0;
let dilationY: i32 = 0, dilationX: i32 = 0;

/** The images that patches are read from. */
export function openImages(
  address: usize, rows: i32, columns: i32, depth: i32
): void {
  images = address;
  height = rows;
  width = columns;
  channels = depth;
}

/** The grid of pixels that have a patch. */
export function openGrid(rows: i32, columns: i32): void {
  gridHeight = rows;
  gridWidth = columns;
}

/** Where patches begin, and how far they are apart. */
export function openSteps(y: i32, x: i32, stepY: i32, stepX: i32): void {
  top = y;
  left = x;
  strideY = stepY;
  strideX = stepX;
}

/** The taps of a row of a patch, and the pixels from one to the next. */
export function openTaps(tapsX: i32, betweenY: i32, betweenX: i32): void {
  dilationY = betweenY;
  dilationX = betweenX;
  segmentsPerRow = betweenX === 1 ? 1 : tapsX;
  segment = betweenX === 1 ? tapsX * channels : channels;
}

/**
 * Writes the numbers from one to before another of the patches of some pixels of the
 * grid; rows are `stride` bytes apart.
 */
export function packPatches(
  pixel: i32, pixels: i32, first: i32, end: i32, target: usize, stride: usize
): void {
  const size = gridHeight * gridWidth;
  let image = pixel / size, y = pixel % size / gridWidth;
  let x = pixel % size % gridWidth;
  for (; pixels > 0; pixels--) {
    packPatch(image, y * strideY + top, x * strideX + left, first, end, target);
    target += stride;
    if (++x < gridWidth) continue;
    x = 0;
    if (++y < gridHeight) continue;
    y = 0;
    image++;
  }
}

/** Writes some numbers of the patch whose first tap reads a pixel. */
function packPatch(
  image: i32, y: i32, x: i32, first: i32, end: i32, target: usize
): void {
  for (let at = first; at < end;) {
    const index = at / segment, begin = index * segment;
    const tapY = y + index / segmentsPerRow * dilationY;
    const tapX = x + index % segmentsPerRow * dilationX;
    const from = at - begin, to = min(end - begin, segment);
    at = begin + to;
    const bytes = <usize> (to - from) << 2;
    // What of the segment is in the image.
    const low = max(from, -tapX * channels);
    const high = min(to, (width - tapX) * channels);
    if (tapY < 0 || tapY >= height || low >= high) {
      memory.fill(target, 0, bytes);
    } else {
      const row = <isize> (image * height + tapY) * width + tapX;
      const source = images + <usize> (row * channels + low) * 4;
      const before = <usize> (low - from) << 2;
      if (low > from) memory.fill(target, 0, before);
      copyRow(high - low, source, target + before);
      if (high < to) {
        const after = <usize> (to - high) << 2;
        memory.fill(target + bytes - after, 0, after);
      }
    }
    target += bytes;
  }
}
