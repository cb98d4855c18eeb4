/**
 * Integers passed through kernels that only know floats.
 *
 * A float32 is exact for integers up to 2^24 only. A kernel that merely copies its
 * values copies integers exactly if it is called twice: with the high and with the
 * low 16 bits of each integer, as floats.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { type Call, mapInputs } from "./host_kernel.ts";

/**
 * The kernels of tfjs-core that only copy values to places that their attributes say,
 * with the inputs that they copy; undefined means all of them.
 */
export const COPYING: Readonly<Record<string, readonly string[] | undefined>> =
  {
    BatchToSpaceND: ["x"],
    Concat: undefined,
    DepthToSpace: ["x"],
    Diag: ["x"],
    MirrorPad: ["x"],
    Pack: undefined,
    PadV2: ["x"],
    ResizeNearestNeighbor: ["images"],
    Reverse: ["x"],
    Select: ["t", "e"],
    Slice: ["x"],
    SpaceToBatchND: ["x"],
    SplitV: ["x"],
    StridedSlice: ["x"],
    Tile: ["x"],
    Transpose: ["x"],
    Unpack: ["value"],
  };

/** Functions with which a backend splits integers into halves, and combines the halves. */
export interface Halving {
  /** One half of each integer, as float32. */
  readonly half: (x: tf.TensorInfo, half: Half) => tf.TensorInfo;
  /** The integers of two halves; bools fit into one half. */
  readonly join: (
    halves: readonly tf.TensorInfo[],
    dtype: tf.DataType,
  ) => tf.TensorInfo;
  readonly dispose: (x: tf.TensorInfo) => void;
}

/** A half of an integer: the upper 16 bits, with the sign, or the lower 16. */
export type Half = "high" | "low";

/** Extracts a half of an integer. */
export function halfOf(value: number, half: Half): number {
  return half === "high" ? value >> 16 : value & 0xffff;
}

/** Joins two halves to an integer. */
export function fromHalves(high: number, low: number): number {
  return high << 16 | low;
}

/**
 * Calls a copying kernel with integers.
 *
 * @param kernel The kernel, right for floats.
 * @param name Its name in {@linkcode COPYING}.
 * @param halving The halving of the call's backend.
 */
export function copyHalves(
  kernel: tf.KernelFunc,
  name: string,
  call: Call,
  { half, join, dispose }: Halving,
): tf.TensorInfo | tf.TensorInfo[] {
  const isCopied = (input: string) => COPYING[name]?.includes(input) ?? true;
  const dtype = Object.entries(call.inputs)
    .filter(([input]) => isCopied(input))
    .map(([, x]) => (x as tf.TensorInfo).dtype)
    .reduce((one, other) => one === "bool" ? other : one);
  const held: tf.TensorInfo[] = [];
  try {
    const halves = dtype === "bool"
      ? ["low"] as const
      : ["high", "low"] as const;
    const results = halves.map((which) => {
      const inputs = mapInputs(call.inputs, (x, input) => {
        if (!isCopied(input)) return x;
        held.push(half(x, which));
        return held.at(-1)!;
      });
      const { constantValue }: Partial<tf.PadV2Attrs> = call.attrs ?? {};
      const result = kernel({
        ...call,
        inputs,
        ...(constantValue !== undefined && {
          attrs: { ...call.attrs, constantValue: halfOf(constantValue, which) },
        }),
      });
      held.push(...[result].flat());
      return result;
    });
    const [first] = results;
    return Array.isArray(first)
      ? first.map((_, i) =>
        join((results as tf.TensorInfo[][]).map((parts) => parts[i]!), dtype)
      )
      : join(results as tf.TensorInfo[], dtype);
  } finally {
    held.forEach(dispose);
  }
}
