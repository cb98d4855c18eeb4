/** Pictures of notebooks, of which git keeps each version. @module */
import { assert, assertEquals } from "@std/assert";
import { decodeImage } from "@lionjs/lion/data";
import { encodePNG } from "../../lib/notebook/pictures/png.ts";
import type { Notebook, Output } from "../../tools/notebooks/notebook.ts";
import {
  smallPicture,
  withSmallPictures,
} from "../../tools/notebooks/small_pictures.ts";

const WIDTH = 64, HEIGHT = 32;

/** A picture whose pixels have the colours that a function says. */
function picture(colorOf: (x: number, y: number) => number): Uint8Array {
  const data = new Uint8Array(4 * WIDTH * HEIGHT).fill(255);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const color = colorOf(x, y);
      const rgb = [color >> 16, color >> 8 & 255, color & 255];
      data.set(rgb, 4 * (WIDTH * y + x));
    }
  }
  return encodePNG({ width: WIDTH, height: HEIGHT, data });
}

function grey(value: number): number {
  return value * 0x010101;
}

/** The colours of a file's pixels, as hexadecimal digits. */
async function read(png: Uint8Array) {
  const { pixels } = await decodeImage(png);
  const at = (x: number, y: number) =>
    pixels.subarray(3 * (WIDTH * y + x), 3 * (WIDTH * y + x) + 3).toHex();
  const all = Array.from(
    { length: WIDTH * HEIGHT },
    (_, i) => at(i % WIDTH, Math.floor(i / WIDTH)),
  );
  return { at, colors: new Set(all) };
}

/** Two areas that differ by one, a line, and below them edges of 64 greys. */
const drawing = picture((x, y) =>
  y < 10
    ? x < 32 ? grey(255) : grey(254)
    : y === 10
    ? grey(238)
    : y < 24
    ? grey(255)
    : grey(4 * x + 2)
);

Deno.test("mixed colours become few; areas, lines and hues stay as they are", async () => {
  const small = await smallPicture(drawing);
  const { at, colors } = await read(small);
  assert(small.length < 0.7 * drawing.length, `${small.length}`);
  assertEquals(
    [at(0, 0), at(63, 9), at(5, 10)],
    ["ffffff", "fefefe", "eeeeee"],
  );
  // Two areas, a line, and so many greys that each is within 48 of its own.
  assert(colors.size >= 5 && colors.size <= 8, [...colors].join());
  for (let x = 0; x < WIDTH; x++) {
    const value = parseInt(at(x, 31).slice(0, 2), 16);
    assert(Math.abs(value - (4 * x + 2)) <= 48, `${x}: ${value}`);
  }
  // What is made small already stays as it is.
  assertEquals(await smallPicture(small), small);

  const mixed = picture((x, y) =>
    y < 20 ? grey(255) : y < 30 ? 0x3e7d36 : x % 3 === 0 ? 0x507050 : grey(96)
  );
  const { at: hue } = await read(await smallPicture(mixed));
  assertEquals(hue(1, 31), "606060");
});

Deno.test("steps of a colour bar stay apart", async () => {
  const bar = picture((_, y) => grey(90 + 5 * y));
  const { at } = await read(await smallPicture(bar));
  for (let y = 0; y < HEIGHT; y++) {
    assertEquals(at(9, y), grey(90 + 5 * y).toString(16));
  }
});

Deno.test("a photograph stays as it is", async () => {
  const photograph = picture((x, y) => x << 18 | y << 11);
  assertEquals(await smallPicture(photograph), photograph);
});

Deno.test("of a notebook the pictures become small, and all else stays", async () => {
  const outputs: Output[] = [
    { output_type: "stream", name: "stdout", text: "a" },
    {
      output_type: "display_data",
      data: { "image/png": drawing.toBase64(), "text/plain": "Figure: b" },
      metadata: {},
    },
    {
      output_type: "execute_result",
      data: { "text/plain": "3" },
      metadata: {},
      execution_count: 1,
    },
  ];
  const notebook: Notebook = {
    cells: [
      { cell_type: "markdown", id: "a", metadata: {}, source: "# A" },
      {
        ...{ cell_type: "code", id: "b", metadata: {}, source: "3;" } as const,
        execution_count: 1,
        outputs,
      },
    ],
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5,
  };
  const before = structuredClone(notebook);
  const small = await withSmallPictures(notebook);
  assertEquals(notebook, before);
  const data = (await smallPicture(drawing)).toBase64();
  const text = JSON.stringify(before).replace(drawing.toBase64(), data);
  assertEquals(JSON.stringify(small), text);
  assert(text.length < JSON.stringify(before).length);
});
