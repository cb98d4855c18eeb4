import { assert, assertAlmostEquals } from "@std/assert";
import { JOBS } from "../../../lib/tfjs/wasm/jobs.ts";
import { array, uniform } from "../../random.ts";
import { arraysIn, runGuarded } from "./guarded_host.ts";

/** What surrounds each array: it must neither be read nor written. */
const AROUND = 5;

/** Sizes of x, of the kernel and its output, strides, and how tasks share the work. */
const CASES = [
  { x: [1, 1, 1, 1], kernel: [1, 1, 1], strides: [1, 1], tasks: [6, 16] },
  { x: [2, 5, 7, 3], kernel: [3, 2, 21], strides: [2, 1], tasks: [12, 16] },
  { x: [1, 9, 6, 37], kernel: [3, 3, 5], strides: [1, 3], tasks: [96, 512] },
  { x: [1, 4, 3, 33], kernel: [2, 2, 130], strides: [1, 1], tasks: [6, 64] },
  { x: [3, 31, 33, 2], kernel: [2, 2, 3], strides: [1, 1], tasks: [96, 16] },
] as const;

Deno.test("the jobs of convolutions write all of their outputs, and nothing else", () => {
  for (const { x: xShape, kernel, strides, tasks } of CASES) {
    const [batch, height, width, channels] = xShape;
    const [kernelHeight, kernelWidth, filters] = kernel;
    // As "same" pads at the beginning.
    const outHeight = Math.ceil(height / strides[0]);
    const outWidth = Math.ceil(width / strides[1]);
    const [top, left] = [kernelHeight >> 1, kernelWidth >> 1];
    const random = uniform(height + filters);
    for (const kind of ["y", "dx", "dfilter"] as const) {
      const { input, output } = arraysIn();
      const around = [output(AROUND)];
      const separated = (array: Float32Array<ArrayBufferLike>) => {
        around.push(output(AROUND));
        return array;
      };
      const sizes = {
        x: batch * height * width * channels,
        filter: kernelHeight * kernelWidth * channels * filters,
        y: batch * outHeight * outWidth * filters,
      };
      const place = (size: number) => separated(input(array(size, random)));
      const x = place(sizes.x), filter = place(sizes.filter);
      const bias = place(filters), dy = place(sizes.y);
      const made = {
        y: () => sizes.y,
        dx: () => sizes.x,
        dfilter: () => sizes.filter,
      }[kind]();
      const result = separated(output(made));
      runGuarded(JOBS.convolution, {
        batch,
        height,
        width,
        channels,
        outHeight,
        outWidth,
        filters,
        kernelHeight,
        kernelWidth,
        strideY: strides[0],
        strideX: strides[1],
        dilationY: 1,
        dilationX: 1,
        top,
        left,
        rowsPerTask: tasks[0],
        columnsPerTask: tasks[1],
        activation: 0,
        x: x.byteOffset,
        filter: filter.byteOffset,
        bias: kind === "y" ? bias.byteOffset : 0,
        dy: dy.byteOffset,
        y: 0,
        dx: 0,
        dfilter: 0,
        [kind]: result.byteOffset,
      });
      const wanted = new Float64Array(made);
      if (kind === "y") {
        wanted.forEach((_, i) => wanted[i] = bias[i % filters]!);
      }
      for (let pixel = 0; pixel < batch * outHeight * outWidth; pixel++) {
        const image = Math.floor(pixel / outHeight / outWidth);
        const firstY = Math.floor(pixel / outWidth) % outHeight * strides[0] -
          top;
        const firstX = pixel % outWidth * strides[1] - left;
        for (let tap = 0; tap < kernelHeight * kernelWidth; tap++) {
          const row = firstY + Math.floor(tap / kernelWidth);
          const column = firstX + tap % kernelWidth;
          if (row < 0 || row >= height || column < 0 || column >= width) {
            continue;
          }
          const from = ((image * height + row) * width + column) * channels;
          for (let c = 0; c < channels; c++) {
            for (let f = 0; f < filters; f++) {
              const weight = (tap * channels + c) * filters + f;
              const to = pixel * filters + f;
              if (kind === "y") wanted[to]! += x[from + c]! * filter[weight]!;
              if (kind === "dx") wanted[from + c]! += dy[to]! * filter[weight]!;
              if (kind === "dfilter") wanted[weight]! += dy[to]! * x[from + c]!;
            }
          }
        }
      }
      const label = `${kind} of ${xShape} by ${kernel}`;
      wanted.forEach((value, i) =>
        assertAlmostEquals(result[i]!, value, 1e-4, label)
      );
      assert(around.every((array) => array.every(Number.isNaN)), label);
    }
  }
});
