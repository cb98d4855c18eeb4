/** Pictures are resized and cropped as Pillow does, byte by byte. @module */
import { assertEquals, assertThrows } from "@std/assert";
import {
  centreCrop,
  crop,
  mirrored,
} from "../../../lib/data/images/pictures/crop.ts";
import type { Picture } from "../../../lib/data/images/pictures/picture.ts";
import type { Interpolation } from "../../../lib/data/images/pictures/filters.ts";
import { resize } from "../../../lib/data/images/pictures/resize.ts";
import { NO_PILLOW, runPillow } from "../python.ts";

interface Hexadecimal {
  readonly width: number;
  readonly height: number;
  readonly rgb: string;
}

interface Case {
  readonly step: "resize" | "centreCrop" | "crop" | "mirrored";
  readonly from: Hexadecimal;
  readonly to: Hexadecimal;
  readonly interpolation?: Interpolation;
  readonly box?: [number, number, number, number];
}

const pictureOf = ({ width, height, rgb }: Hexadecimal): Picture => ({
  width,
  height,
  pixels: Uint8Array.fromHex(rgb),
});

const STEPS: Record<Case["step"], (picture: Picture, of: Case) => Picture> = {
  resize: (picture, { to, interpolation, box }) =>
    resize(picture, to.width, to.height, { interpolation, box }),
  centreCrop: (picture) => centreCrop(picture, 48),
  mirrored: (picture) => mirrored(picture),
  crop: (picture, { box: [left, top, right, bottom] = [0, 0, 0, 0] }) =>
    crop(picture, { left, top, width: right - left, height: bottom - top }),
};

Deno.test({
  name: "pictures are resized, cropped and mirrored as Pillow does",
  ...NO_PILLOW,
  fn: async () => {
    for (const of of await runPillow<Case[]>("resize_pictures.py")) {
      const { step, from, to, ...options } = of;
      const size = `${from.width} × ${from.height}`;
      assertEquals(
        STEPS[step](pictureOf(from), of),
        pictureOf(to),
        `${step} of ${size} ${JSON.stringify(options)}`,
      );
    }
  },
});

const picture = { width: 2, height: 1, pixels: new Uint8Array(6) };

/** Calls that are refused, with a part of what is said. */
const REFUSED: Record<string, [() => unknown, ErrorConstructor, string]> = {
  "an unknown option": [
    () => resize(picture, 1, 1, { filter: "box" } as never),
    TypeError,
    "interpolation",
  ],
  "an unknown filter": [
    () => resize(picture, 1, 1, { interpolation: "cubic" as never }),
    RangeError,
    '"bicubic"',
  ],
  "no picture": [
    () => resize(null as never, 1, 1),
    TypeError,
    "decodeImage",
  ],
  "too few pixels": [
    () => resize({ ...picture, height: 2 }, 1, 1),
    RangeError,
    "12 bytes",
  ],
  "half a pixel": [() => resize(picture, 0.5, 1), RangeError, "width"],
  "a box beyond": [
    () => resize(picture, 1, 1, { box: [0, 0, 3, 1] }),
    RangeError,
    "[0, 0, 2, 1]",
  ],
  "what takes gigabytes": [
    () => resize(picture, 1e9, 1),
    RangeError,
    "crop it first",
  ],
  "what takes gigabytes on the way": [
    () =>
      resize({ width: 1, height: 1e5, pixels: new Uint8Array(3e5) }, 1e3, 1),
    RangeError,
    "crop it first",
  ],
  "an empty box": [
    () => resize(picture, 1, 1, { box: [1, 0, 1, 1] }),
    RangeError,
    "left < right",
  ],
  "a box of NaN": [
    () => resize(picture, 1, 1, { box: [0, 0, NaN, 1] }),
    RangeError,
    "NaN",
  ],
};

for (const [name, [call, type, text]] of Object.entries(REFUSED)) {
  Deno.test(`resize refuses ${name}`, () => {
    assertThrows(call, type, text);
  });
}
