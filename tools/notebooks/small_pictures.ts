/** Makes the pictures of a notebook small, since git keeps each version of them. @module */
import init, { optimise } from "@jsquash/oxipng/codec/pkg/squoosh_oxipng.js";
import { Buffer } from "node:buffer";
import { decodeImage } from "../../lib/data/images/decoding/decode_image.ts";
import { encodePNG, PALETTE_SIZE } from "../../lib/notebook/pictures/png.ts";
import type { Cell, Notebook, Output } from "./notebook.ts";

/** Where oxipng lies, which finds what zlib does not: a tenth of the bytes. */
const OXIPNG = new URL(
  import.meta.resolve("@jsquash/oxipng/codec/pkg/squoosh_oxipng_bg.wasm"),
);
/** How hard it tries: one to two seconds per picture, and what is above finds no more. */
const LEVEL = 4;

/** The side of the smallest square of one colour, in pixels, that is an area: no line is as thick. */
const SQUARE = 8;
/** The pixels of one colour in a row that are a line, or a step of a colour bar. */
const RUN = 40;
/** The share of a picture whose colour is no mixture: that of letters, say. */
const OFTEN = 1 / 200;
/** How far colours of lines may move, of 255: two such are one to the eye. */
const LINE_STEP = 4;
/** How far the mixed colours at the edges of lines and letters move, at least and at most. */
const EDGE_STEP = 48, FARTHEST = 64;
/** How much a change of hue counts beside one of brightness, so that letters stay grey. */
const HUE = 3;
/** Colours with which a pixel takes half a byte. */
const FEW = 16;

/** A notebook whose pictures have fewer mixed colours at edges, and those of areas as they were. */
export async function withSmallPictures(notebook: Notebook): Promise<Notebook> {
  const cells: Cell[] = [];
  for (const cell of notebook.cells) {
    cells.push(
      cell.cell_type === "markdown"
        ? cell
        : { ...cell, outputs: await Promise.all(cell.outputs.map(small)) },
    );
  }
  return { ...notebook, cells };
}

async function small(output: Output): Promise<Output> {
  if (!("data" in output)) return output;
  const { "image/png": png } = output.data;
  if (typeof png !== "string") return output;
  const bytes = Uint8Array.fromBase64(png.trim());
  const smaller = await smallPicture(bytes);
  if (smaller.length >= bytes.length) return output;
  const data = Buffer.from(smaller).toString("base64");
  return { ...output, data: { ...output.data, "image/png": data } };
}

let loaded: Promise<unknown> | undefined;

/** A PNG of a drawing with fewer colours; a photograph comes back as it is. */
export async function smallPicture(png: Uint8Array): Promise<Uint8Array> {
  const { width, height, pixels } = await decodeImage(png);
  const colors = Uint32Array.from(
    { length: width * height },
    (_, at) =>
      pixels[3 * at]! << 16 | pixels[3 * at + 1]! << 8 | pixels[3 * at + 2]!,
  );
  const kinds = kindsOf(colors, width);
  if (kinds.all.length > PALETTE_SIZE) return png;
  let fewest = merged(kinds, EDGE_STEP);
  for (let step = EDGE_STEP; step <= FARTHEST; step += 4) {
    const tried = merged(kinds, step);
    if (new Set(tried.values()).size > FEW) continue;
    fewest = tried;
    break;
  }
  const data = new Uint8Array(4 * colors.length).fill(255);
  for (const [at, color] of colors.entries()) {
    const now = fewest.get(color)!;
    data.set([now >> 16, now >> 8 & 255, now & 255], 4 * at);
  }
  loaded ??= Deno.readFile(OXIPNG).then((bytes) => init(bytes));
  await loaded;
  return optimise(encodePNG({ width, height, data }), LEVEL, false, false);
}

/** Colours, the most frequent first, and where they lie. */
interface Kinds {
  readonly all: readonly number[];
  readonly areas: ReadonlySet<number>;
  readonly lines: ReadonlySet<number>;
}

function kindsOf(colors: Uint32Array, width: number): Kinds {
  const counts = new Map<number, number>();
  const areas = new Set<number>(), lines = new Set<number>();
  // Of the square, and of the run, that end at each pixel of a row.
  let above = new Uint32Array(width), sides = new Uint32Array(width);
  for (let row = 0; row < colors.length; row += width) {
    [above, sides] = [sides, above];
    let run = 0;
    for (let x = 0; x < width; x++) {
      const at = row + x, color = colors[at]!;
      counts.set(color, (counts.get(color) ?? 0) + 1);
      const isLeft = x > 0 && colors[at - 1] === color;
      run = isLeft ? run + 1 : 1;
      const isSquare = isLeft && colors[at - width] === color &&
        colors[at - width - 1] === color;
      sides[x] = isSquare
        ? 1 + Math.min(sides[x - 1]!, above[x]!, above[x - 1]!)
        : 1;
      if (run >= RUN) lines.add(color);
      if (sides[x]! >= SQUARE) areas.add(color);
    }
  }
  for (const [color, count] of counts) {
    if (count >= OFTEN * colors.length) areas.add(color);
  }
  const all = [...counts].sort(([, a], [, b]) => b - a)
    .map(([color]) => color);
  return { all, areas, lines };
}

/** What becomes of each colour: the closest kept one, if it is within its step. */
function merged(
  { all, areas, lines }: Kinds,
  edgeStep: number,
): Map<number, number> {
  const rest = all.filter((color) => !areas.has(color));
  const kept = all.filter((color) => areas.has(color));
  const places = new Map(kept.map((color) => [color, color]));
  const keep = (some: readonly number[], step: number) => {
    for (const color of some) {
      let closest = color, least = step;
      for (const one of kept) {
        const apart = distance(color, one);
        if (apart <= least) [closest, least] = [one, apart - 1e-9];
      }
      if (closest === color) kept.push(color);
      places.set(color, closest);
    }
  };
  keep(rest.filter((color) => lines.has(color)), LINE_STEP);
  keep(rest.filter((color) => !lines.has(color)), edgeStep);
  return places;
}

/** How different two colours look: in brightness, or in hue. */
function distance(one: number, other: number): number {
  const apart = [16, 8, 0].map((bit) =>
    (one >> bit & 255) - (other >> bit & 255)
  );
  const brightness = apart.reduce((sum, by) => sum + by, 0) / 3;
  const hue = Math.max(...apart.map((by) => Math.abs(by - brightness)));
  return Math.max(Math.abs(brightness), HUE * hue);
}
