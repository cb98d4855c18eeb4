/** The images of CIFAR's files: planes of red, green and blue, and labels. @module */
import type { CifarClasses, FoundCifar, NamedBytes } from "./cifar_files.ts";
import { type Pickled, PickledObject, unpickle } from "./unpickle.ts";

/** Side of an image in pixels. */
const SIDE = 32;

/** Bytes of a plane, and of an image. */
const PLANE = SIDE ** 2;
const PIXELS = 3 * PLANE;

/** Which labels an image has in CIFAR-100: those of 100 classes, or of 20. */
export type CifarLabels = "fine" | "coarse";

export interface CifarRecords {
  /** The name of the file in errors. */
  readonly name: string;
  readonly size: number;
  /** The class of each. */
  readonly labels: ArrayLike<number>;
  /** The planes of an image, `[3, 32, 32]`. */
  planes(index: number): Uint8Array;
}

/** The images of all files, and the names of the classes. */
export function cifarRecords(
  found: FoundCifar,
  classes: CifarClasses,
  labels: CifarLabels,
): { readonly names: readonly string[]; readonly records: CifarRecords[] } {
  const { version, images } = found;
  if (version.kind === "pickle") {
    return {
      names: namesOfPickle(found, classes, labels),
      records: images.map((file) => recordsOfPickle(file, classes, labels)),
    };
  }
  return {
    names: namesOfText(found, labels),
    records: images.map((file) => recordsOfBinary(file, classes, labels)),
  };
}

/**
 * The records of a binary file: the label, or of CIFAR-100 the coarse one and the fine
 * one, and the planes.
 */
function recordsOfBinary(
  { name, bytes }: NamedBytes,
  classes: CifarClasses,
  labels: CifarLabels,
): CifarRecords {
  const labelBytes = classes === 10 ? 1 : 2;
  const stride = labelBytes + PIXELS;
  const size = bytes.length / stride;
  if (!Number.isInteger(size) || size === 0) {
    throw new SyntaxError(
      `${name} should have images of ${stride} bytes each, got ${bytes.length} bytes; unpack or download it again`,
    );
  }
  const place = labels === "fine" ? labelBytes - 1 : 0;
  return {
    ...{ name, size },
    labels: Uint8Array.from(
      { length: size },
      (_, i) => bytes[i * stride + place]!,
    ),
    planes: (index) =>
      bytes.subarray(index * stride + labelBytes, (index + 1) * stride),
  };
}

/** The names of the classes of a binary version, a line each. */
function namesOfText({ names }: FoundCifar, labels: CifarLabels): string[] {
  const { bytes } = labels === "fine" ? names[0]! : names[1]!;
  return new TextDecoder().decode(bytes).split("\n")
    .map((line) => line.trim()).filter((line) => line !== "");
}

function recordsOfPickle(
  { name, bytes }: NamedBytes,
  classes: CifarClasses,
  kind: CifarLabels,
): CifarRecords {
  const file = new PickledFile(name, unpickle(name, bytes));
  const { size, values } = file.pixels("data");
  const labels = file.numbers(classes === 10 ? "labels" : `${kind}_labels`);
  if (labels.length !== size) {
    throw new SyntaxError(
      `${name} should have a label for each of ${size} images, got ${labels.length}; download it again`,
    );
  }
  return {
    ...{ name, size, labels },
    planes: (index) => values.subarray(index * PIXELS, (index + 1) * PIXELS),
  };
}

function namesOfPickle(
  { names }: FoundCifar,
  classes: CifarClasses,
  kind: CifarLabels,
): string[] {
  const { name, bytes } = names[0]!;
  const file = new PickledFile(name, unpickle(name, bytes));
  return file.texts(classes === 10 ? "label_names" : `${kind}_label_names`);
}

/** The dictionary of a pickle. */
class PickledFile {
  readonly #name: string;
  readonly #values: ReadonlyMap<string, Pickled>;

  constructor(name: string, value: Pickled) {
    if (!(value instanceof Map)) {
      throw new SyntaxError(
        `${name} should be a pickled dictionary, got another value; download it again`,
      );
    }
    this.#name = name;
    this.#values = value;
  }

  numbers(key: string): number[] {
    return this.#list(
      key,
      "numbers",
      (value) => typeof value === "number" ? value : undefined,
    );
  }

  texts(key: string): string[] {
    return this.#list(
      key,
      "texts",
      (value) =>
        value instanceof Uint8Array
          ? new TextDecoder().decode(value)
          : typeof value === "string"
          ? value
          : undefined,
    );
  }

  /** The pixels of images, one after another. */
  pixels(key: string): { size: number; values: Uint8Array } {
    const array = pixelsOf(this.#values.get(key));
    if (array) return array;
    throw new SyntaxError(
      `${this.#name} should have under ${
        JSON.stringify(key)
      } an array of numpy's, of bytes and of shape [images, ${PIXELS}], got another value; download it again`,
    );
  }

  #list<T>(
    key: string,
    what: string,
    read: (value: Pickled) => T | undefined,
  ): T[] {
    const value = this.#values.get(key);
    const list = Array.isArray(value) ? value.map(read) : [undefined];
    if (list.every((item) => item !== undefined)) return list;
    throw new SyntaxError(
      `${this.#name} should have a list of ${what} under ${
        JSON.stringify(key)
      }, got ${
        value === undefined
          ? `only ${[...this.#values.keys()].join(", ")}`
          : "another value"
      }; download it again`,
    );
  }
}

/**
 * The values of an array of numpy's that has a row for each image.
 *
 * Format: numpy's `ndarray.__reduce__`, whose state is its version, shape, type,
 * whether columns lie together, and bytes.
 */
function pixelsOf(
  value: Pickled | undefined,
): { size: number; values: Uint8Array } | undefined {
  if (!(value instanceof PickledObject)) return undefined;
  if (!value.callee.endsWith("._reconstruct")) return undefined;
  if (!Array.isArray(value.state)) return undefined;
  const [, shape, type, areColumns, values] = value.state;
  if (!Array.isArray(shape) || !isBytes(type)) return undefined;
  const [size, width] = shape;
  if (
    typeof size !== "number" || shape.length !== 2 || width !== PIXELS ||
    !(values instanceof Uint8Array) || values.length !== size * PIXELS ||
    size === 0
  ) return undefined;
  return { size, values: areColumns === true ? asRows(values, size) : values };
}

/** Whether a pickled type is numpy's `uint8`. */
function isBytes(type: Pickled | undefined): boolean {
  if (!(type instanceof PickledObject) || type.callee !== "numpy.dtype") {
    return false;
  }
  const [name] = Array.isArray(type.args) ? type.args : [];
  const text = name instanceof Uint8Array
    ? new TextDecoder().decode(name)
    : name;
  return text === "u1";
}

/** The values of an array whose columns lie together, row by row. */
function asRows(values: Uint8Array, rows: number): Uint8Array {
  const result = new Uint8Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < PIXELS; i++) {
      result[row * PIXELS + i] = values[i * rows + row]!;
    }
  }
  return result;
}

const HEADER = new TextEncoder().encode(
  `P6\n${SIDE} ${SIDE}\n255\n`,
);

/** The planes of an image as a file: a PPM. */
export function ppmOf(planes: Uint8Array): Uint8Array {
  const file = new Uint8Array(HEADER.length + PIXELS);
  file.set(HEADER);
  for (let i = 0, to = HEADER.length; i < PLANE; i++) {
    file[to++] = planes[i]!;
    file[to++] = planes[i + PLANE]!;
    file[to++] = planes[i + 2 * PLANE]!;
  }
  return file;
}
