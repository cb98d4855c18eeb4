// The gradients of a convolution whose channels each have a kernel of their own: sums of
// products of rows of channels, tap by tap.
import { depthwise as job } from "../jobs";
import { queue } from "../runtime/queue";
import { addProduct } from "../math/loops";
import { sumParts } from "../math/matrix";
import { parts } from "../runtime/parts";
import { countProgress } from "../runtime/progress";

/** Tasks of the gradient in the kernel, of which each has sums of its own. */
const SHARES = 16;

/** Numbers that a task of the second phase adds up. */
const SUMMED = 4096;

/** Rows of outputs, in all images, for a share. */
function rowsEach(): i32 {
  return parts(job.batch * job.outHeight, SHARES);
}

function shares(): i32 {
  return parts(job.batch * job.outHeight, rowsEach());
}

function kernelSize(): i32 {
  return job.kernelHeight * job.kernelWidth * job.channels;
}

export function extraBytes(): usize {
  return job.dfilter === 0 ? 0 : <usize> (shares() * kernelSize()) * 4;
}

export function tasks(phase: i32): i32 {
  if (job.dfilter === 0) return phase === 0 ? 0 : job.batch * job.height;
  return phase === 0 ? shares() : parts(kernelSize(), SUMMED);
}

export function perform(phase: i32, task: i32): void {
  if (job.dfilter === 0) return makeRow(task / job.height, task % job.height);
  if (phase === 0) return addShare(task);
  const first = task * SUMMED, offset = <usize> first << 2;
  const count = min(SUMMED, kernelSize() - first);
  const from = queue.extra + offset, bytes = <usize> kernelSize() << 2;
  sumParts(count, from, bytes, shares(), job.dfilter + offset);
}

/** The address of a pixel's channels. */
function pixelOf(
  images: usize, image: i32, height: i32, width: i32, y: i32, x: i32
): usize {
  const pixel = (image * height + y) * width + x;
  return images + <usize> (pixel * job.channels) * 4;
}

function tapOf(kernel: usize, y: i32, x: i32): usize {
  return kernel + <usize> ((y * job.kernelWidth + x) * job.channels) * 4;
}

/** Computes a row of the gradient in the images. */
function makeRow(image: i32, y: i32): void {
  countProgress();
  const row = pixelOf(job.dx, image, job.height, job.width, y, 0);
  memory.fill(row, 0, <usize> (job.width * job.channels) * 4);
  for (let tapY = 0; tapY < job.kernelHeight; tapY++) {
    const atY = y + job.top - tapY * job.dilationY, outY = atY / job.strideY;
    if (atY < 0 || atY % job.strideY !== 0 || outY >= job.outHeight) continue;
    for (let tapX = 0; tapX < job.kernelWidth; tapX++) {
      const tap = tapOf(job.filter, tapY, tapX);
      for (let x = 0; x < job.width; x++) {
        const atX = x + job.left - tapX * job.dilationX;
        const outX = atX / job.strideX;
        if (atX < 0 || atX % job.strideX !== 0 || outX >= job.outWidth) continue;
        const dy = pixelOf(
          job.dy, image, job.outHeight, job.outWidth, outY, outX
        );
        const dx = row + <usize> (x * job.channels) * 4;
        addProduct(job.channels, dy, tap, dx);
      }
    }
  }
}

/** The gradient in the kernel from some rows of outputs. */
function addShare(share: i32): void {
  const sums = queue.extra + <usize> (share * kernelSize()) * 4;
  memory.fill(sums, 0, <usize> kernelSize() << 2);
  const end = min(job.batch * job.outHeight, (share + 1) * rowsEach());
  for (let row = share * rowsEach(); row < end; row++) {
    countProgress();
    const image = row / job.outHeight, outY = row % job.outHeight;
    for (let tapY = 0; tapY < job.kernelHeight; tapY++) {
      const y = outY * job.strideY + tapY * job.dilationY - job.top;
      if (y < 0 || y >= job.height) continue;
      for (let tapX = 0; tapX < job.kernelWidth; tapX++) {
        const tap = tapOf(sums, tapY, tapX);
        for (let outX = 0; outX < job.outWidth; outX++) {
          const x = outX * job.strideX + tapX * job.dilationX - job.left;
          if (x < 0 || x >= job.width) continue;
          const dy = pixelOf(
            job.dy, image, job.outHeight, job.outWidth, outY, outX
          );
          const from = pixelOf(job.x, image, job.height, job.width, y, x);
          addProduct(job.channels, from, dy, tap);
        }
      }
    }
  }
}
