/**
 * Operations that give each value of a colour another one, by a table.
 *
 * Source: Pillow's `ImageOps.py` (HPND).
 *
 * @module
 */
import type { Picture } from "../pictures/picture.ts";

/** The new value of each of the 256 values of a colour. */
type Table = Uint8Array;

/** A table of a function of the 256 values, clipped to 8 bits. */
function tableOf(valueOf: (value: number) => number): Table {
  const clamped = Uint8ClampedArray.from(
    { length: 256 },
    (_, value) => Math.trunc(valueOf(value)),
  );
  return new Uint8Array(clamped.buffer);
}

/** Looks up the values of each colour in its table. */
function lookedUp(
  { width, height, pixels }: Picture,
  [red, green, blue]: readonly [Table, Table, Table],
): Picture {
  const result = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    result[i] = red[pixels[i]!]!;
    result[i + 1] = green[pixels[i + 1]!]!;
    result[i + 2] = blue[pixels[i + 2]!]!;
  }
  return { width, height, pixels: result };
}

/** Looks up the values of all colours in one table. */
export function mapped(picture: Picture, table: Table): Picture {
  return lookedUp(picture, [table, table, table]);
}

/** Looks up the values of each colour in a table that its histogram gives. */
function byHistogram(
  picture: Picture,
  tableFor: (counts: Uint32Array) => Table,
): Picture {
  const { pixels } = picture;
  const red = new Uint32Array(256);
  const green = new Uint32Array(256);
  const blue = new Uint32Array(256);
  for (let i = 0; i < pixels.length; i += 3) {
    red[pixels[i]!]!++;
    green[pixels[i + 1]!]!++;
    blue[pixels[i + 2]!]!++;
  }
  return lookedUp(picture, [tableFor(red), tableFor(green), tableFor(blue)]);
}

/** Stretches each colour, so that its darkest value is 0 and its lightest 255. */
export function autoContrasted(picture: Picture): Picture {
  return byHistogram(picture, (counts) => {
    const darkest = counts.findIndex((count) => count > 0);
    const lightest = counts.findLastIndex((count) => count > 0);
    if (lightest === darkest) return tableOf((value) => value);
    const scale = 255 / (lightest - darkest);
    const offset = -darkest * scale;
    return tableOf((value) => value * scale + offset);
  });
}

/** Equalises the histogram of each colour. */
export function equalized(picture: Picture): Picture {
  const total = picture.width * picture.height;
  return byHistogram(picture, (counts) => {
    const lightest = counts.findLast((count) => count > 0)!;
    const step = Math.floor((total - lightest) / 255);
    if (step === 0) return tableOf((value) => value);
    let below = Math.floor(step / 2);
    return tableOf((value) => {
      const level = below / step;
      below += counts[value]!;
      return level;
    });
  });
}

/** Inverts all values. */
export function inverted(picture: Picture): Picture {
  return solarized(picture, 0);
}

/** Inverts values from a threshold on. */
export function solarized(picture: Picture, threshold: number): Picture {
  return mapped(
    picture,
    tableOf((value) => value < threshold ? value : 255 - value),
  );
}

/** Adds a number to values below 128. */
export function lightened(picture: Picture, by: number): Picture {
  return mapped(picture, tableOf((value) => value < 128 ? value + by : value));
}

/** Keeps the upper `bits` bits of each value. */
export function posterized(picture: Picture, bits: number): Picture {
  return mapped(picture, tableOf((value) => value & -(2 ** (8 - bits))));
}
