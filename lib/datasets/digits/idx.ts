import { viewOf } from "@lionjs/base";

export interface IdxFile {
  /** The sizes of the axes. */
  readonly shape: number[];
  /** The values, row-major. */
  readonly values: Uint8Array;
}

/**
 * Parses the IDX format, in which MNIST and similar datasets are published: two
 * zero bytes, the type (8: unsigned bytes), the number of axes, the size of
 * each as a big-endian integer, and the values.
 *
 * @returns Its shape and its values, which share the memory of `bytes`.
 */
export function parseIdx(name: string, bytes: Uint8Array): IdxFile {
  const view = viewOf(bytes);
  const rank = bytes[3] ?? 0;
  const start = 4 + 4 * rank;
  if (bytes.length < start || view.getUint16(0) !== 0 || bytes[2] !== 8) {
    throw new SyntaxError(`${name} is not an IDX file of unsigned bytes`);
  }
  const shape = Array.from(
    { length: rank },
    (_, axis) => view.getUint32(4 + 4 * axis),
  );
  const size = shape.reduce((product, n) => product * n, 1);
  if (bytes.length !== start + size) {
    throw new SyntaxError(
      `${name} should have ${start + size} bytes for shape [${
        shape.join(", ")
      }], got ${bytes.length}; download it again`,
    );
  }
  return { shape, values: bytes.subarray(start) };
}
