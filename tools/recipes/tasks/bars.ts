import { assertInteger } from "@lionjs/base";
import type {
  Examples,
  GeneratedOptions,
  LabelledImage,
} from "@lionjs/lion/data";
import { assertOptions, optionsOf } from "@lionjs/base";
import { generated } from "@lionjs/data/batches";
import { below, type Random, shuffle } from "@lionjs/data/batches";

/** Options of {@linkcode bars}. */
export interface BarsOptions extends GeneratedOptions {
  /** Side of the images in pixels. @default 8 */
  side?: number | undefined;
  /** Pixels that make a bar, one after another. @default 5 */
  bar?: number | undefined;
  /** Bright pixels of an image, those of bars included. @default 20 */
  bright?: number | undefined;
}

const OPTIONS = optionsOf<BarsOptions>()("size side bar bright seed part");

/**
 * Bars: images of dots, all with as many bright pixels. Has one a bar along a
 * row, and one along a column? The label is 0 for none, 1 for a row's, 2 for a
 * column's and 3 for both, each as likely. Who sees rows alone is right in half
 * of the cases, as is who sees columns alone.
 *
 * @param options See {@linkcode BarsOptions}.
 * @returns The images, with pixels of 0 and 255.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or two bars do not fit
 * among the bright pixels.
 */
export function bars(options: BarsOptions): Examples<LabelledImage> {
  assertOptions("bars", options, OPTIONS);
  const { side = 8, bar = 5, bright = 20 } = options;
  assertInteger("side", side, 3);
  assertInteger("bar", bar, 3, side);
  // More of them make bars by chance, too often for images without one.
  assertInteger("bright", bright, 2 * bar, Math.floor(side ** 2 / 3));
  const task = { side, bar, bright };
  return generated(`bars ${side} ${bar} ${bright}`, options, (random) => {
    const label = below(4, random);
    for (;;) {
      const pixels = drawn(task, label, random);
      // Dots can make a bar by chance.
      if (barsIn(pixels, task) === label) return { pixels, label };
    }
  });
}

/** What is drawn. */
type Task = Readonly<Record<"side" | "bar" | "bright", number>>;

/** The bars of a label, and dots. */
function drawn(
  { side, bar, bright }: Task,
  label: number,
  random: Random,
): Uint8Array {
  const pixels = new Uint8Array(side ** 2);
  for (const [of, along, across] of [[1, 1, side], [2, side, 1]] as const) {
    if ((label & of) === 0) continue;
    const first = below(side - bar + 1, random) * along +
      below(side, random) * across;
    for (let i = 0; i < bar; i++) pixels[first + i * along] = 255;
  }
  const dark = [...pixels.keys()].filter((at) => pixels[at] === 0);
  shuffle(dark, random);
  const missing = bright - (pixels.length - dark.length);
  for (const at of dark.slice(0, missing)) pixels[at] = 255;
  return pixels;
}

/** The label of an image: 1 for a bar along a row, and 2 for one along a column. */
export function barsIn(
  pixels: Uint8Array,
  { side, bar }: Pick<Task, "side" | "bar">,
): number {
  const longest = (along: number, across: number) => {
    let best = 0;
    for (let line = 0; line < side; line++) {
      let run = 0;
      for (let i = 0; i < side; i++) {
        run = pixels[line * across + i * along] === 255 ? run + 1 : 0;
        best = Math.max(best, run);
      }
    }
    return best;
  };
  return Number(longest(1, side) >= bar) + 2 * Number(longest(side, 1) >= bar);
}
