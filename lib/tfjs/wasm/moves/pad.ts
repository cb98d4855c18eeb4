/** Tensors with something around them as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertPaddings } from "../../place_checks.ts";
import { type MovingCall, movingKernel } from "./kernel.ts";
import type { Part } from "./move.ts";
import { type Axis, stridesOf } from "./parts.ts";

/** Number of elements up to which all are filled first: then nothing runs in parallel. */
const FEW = 2048;

/** The kernels `PadV2` and `MirrorPad`. */
export const padKernel = movingKernel((call, name) =>
  name === "PadV2" ? padConstant(call) : padMirrored(call)
);

/** The kernel `PadV2`, which surrounds a tensor by a constant. */
function padConstant(call: MovingCall): tf.TensorInfo {
  const x = call.inputs["x"]!;
  const { paddings, constantValue } = call.attrs as tf.PadV2Attrs;
  const shape = paddedShape(x, paddings);
  const y = call.make(shape, x.dtype);
  const from = stridesOf(x.shape), to = stridesOf(shape);
  const isSmall = tf.util.sizeFromShape(shape) <= FEW;
  if (isSmall) call.wasm.typedArrayFromHeap(y).fill(constantValue);
  const parts: Part[] = [];
  // The place in y of the tensor's first element, by the axes so far, and those axes of the tensor.
  let first = 0;
  const axes: Axis[] = [];
  paddings.forEach(([before, after], axis) => {
    const stride = to[axis]!, count = x.shape[axis]!;
    const whole = shape.slice(axis + 1)
      .map((count, i) => ({ count, from: 0, to: to[axis + 1 + i]! }));
    const around = (count: number, start: number) => {
      if (count === 0 || isSmall) return;
      const inside = axes.map((axis) => ({ ...axis, from: 0 }));
      parts.push({
        y,
        to: first + start * stride,
        axes: [...inside, { count, from: 0, to: stride }, ...whole],
      });
    };
    around(before, 0);
    around(after, before + count);
    first += before * stride;
    axes.push({ count, from: from[axis]!, to: stride });
  });
  call.move([...parts, { x, y, to: first, axes }], constantValue);
  return y;
}

/** The kernel `MirrorPad`, which surrounds a tensor by what lies inside its borders. */
function padMirrored(call: MovingCall): tf.TensorInfo {
  const x = call.inputs["x"]!;
  const { paddings, mode } = call.attrs as tf.MirrorPadAttrs;
  const shape = paddedShape(x, paddings);
  const y = call.make(shape, x.dtype);
  const from = stridesOf(x.shape), to = stridesOf(shape);
  /** The number of elements at the border that the mirror leaves out. */
  const gap = mode === "reflect" ? 1 : 0;
  let parts: (Part & { from: number; to: number })[] = [
    { x, y, from: 0, to: 0, axes: [] },
  ];
  paddings.forEach(([before, after], axis) => {
    const count = x.shape[axis]!, here = from[axis]!, there = to[axis]!;
    const pieces = [
      { count: before, from: before - 1 + gap, step: -1, to: 0 },
      { count, from: 0, step: 1, to: before },
      { count: after, from: count - 1 - gap, step: -1, to: before + count },
    ];
    parts = parts.flatMap((part) =>
      pieces.filter(({ count }) => count > 0).map((piece) => ({
        ...part,
        from: part.from + piece.from * here,
        to: part.to + piece.to * there,
        axes: [
          ...part.axes,
          { count: piece.count, from: piece.step * here, to: there },
        ],
      }))
    );
  });
  call.move(parts);
  return y;
}

function paddedShape(
  x: tf.TensorInfo,
  paddings: readonly [number, number][],
): number[] {
  assertPaddings(x, paddings);
  return paddings.map(([before, after], axis) =>
    before + x.shape[axis]! + after
  );
}
