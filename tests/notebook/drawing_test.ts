import { assert, assertEquals, assertThrows } from "@std/assert";
import { contextOf } from "../../lib/notebook/pictures/canvas.ts";
import { Figure } from "../../lib/notebook/mod.ts";
import {
  pathLength,
  pointAtLength,
} from "../../lib/notebook/pictures/path_length.ts";
import { textWidth } from "../../lib/notebook/pictures/raster.ts";
import { type SVGNode, textBox } from "../../lib/notebook/pictures/text_box.ts";
import { inFewColors } from "../../lib/notebook/pictures/few_colors.ts";
import { encodePNG, type Pixels } from "../../lib/notebook/pictures/png.ts";
import { readPNG } from "./png.ts";

Deno.test("a canvas draws rectangles and pixels", () => {
  const canvas = { width: 4, height: 3 };
  const context = contextOf(canvas, "2d")!;
  assertEquals(contextOf(canvas, "2d"), context);
  assertEquals(contextOf(canvas, "webgl"), null);
  context.fillStyle = "rgba(255, 0, 0, 1)";
  context.fillRect(-1, 1, 3, 9);
  const dot = context.createImageData(1, 1);
  dot.data.set([0, 0, 255, 255]);
  context.putImageData(dot, 3, 0);

  const url = context.toDataURL();
  const picture = readPNG(Uint8Array.fromBase64(url.split(",")[1]!));
  assertEquals([picture.width, picture.height], [4, 3]);
  assertEquals(
    [picture.at(0, 1), picture.at(1, 2), picture.at(3, 0)],
    ["#ff0000", "#ff0000", "#0000ff"],
  );
  assertEquals(picture.colors.get("#ff0000"), 4);

  canvas.width = 1; // which clears it
  const cleared = Uint8Array.fromBase64(context.toDataURL().split(",")[1]!);
  assertEquals([...readPNG(cleared).colors.keys()], ["#000000"]);
  context.fillStyle = "url(#pattern)";
  assertThrows(
    () => context.fillRect(0, 0, 1, 1),
    Error,
    'cannot fill with "url(#pattern)"',
  );
});

Deno.test("paths of straight lines have lengths and points", () => {
  const path = "M0,0L3,4L3,-1e1";
  assertEquals(pathLength(path), 19);
  assertEquals(pointAtLength(path, 2.5), { x: 1.5, y: 2 });
  assertEquals(pointAtLength(path, 6), { x: 3, y: 3 });
  assertEquals(pointAtLength(path, -1), { x: 0, y: 0 });
  assertEquals(pointAtLength(path, 99), { x: 3, y: -10 });
  assertEquals(pathLength("M1,1"), 0);
  assertEquals(pointAtLength("M1,1", 1), { x: 1, y: 1 });
  assertThrows(() => pathLength("M0,0Q1,1 2,0"), Error, "curved");
});

Deno.test("texts are as wide as their font makes them", () => {
  const style = {
    size: 20,
    family: "Verdana, sans-serif",
    weight: "normal",
    slant: "normal",
  };
  const [thin, wide] = [textWidth("iiii", style), textWidth("WWWW", style)];
  assert(wide > 3 * thin, `${wide} and ${thin}`);
  assert(textWidth("WWWW", { ...style, weight: "bold" }) > wide);
  assert(Math.abs(textWidth("WWWW", { ...style, size: 40 }) - 2 * wide) < 1);
  assertEquals(textWidth("", style), 0);
});

/** An SVG element, in others. */
function node(
  tagName: string,
  attributes: Record<string, string>,
  parentNode: SVGNode | null,
): SVGNode {
  return {
    tagName,
    parentNode,
    childNodes: [],
    getAttribute: (name) => attributes[name] ?? null,
    querySelectorAll: () => [],
  };
}

Deno.test("texts are where transforms move them", () => {
  const outer = node("g", { transform: "translate(100,50) scale(2)" }, null);
  const attributes = {
    x: "10",
    y: "0",
    "font-size": "10",
    transform: "rotate(-90)",
  };
  const text = node("text", attributes, outer);
  // Empty: a line from the font's top to its bottom, which is turned.
  const { left, right, top, bottom } = textBox(text, () => "");
  const rounded = [left, right, top, bottom].map((n) =>
    Math.round(10 * n) / 10
  );
  assertEquals(rounded, [81.4, 104.7, 30, 30]);
  const skewed = node("text", { transform: "skewX(30)" }, null);
  assertThrows(() => textBox(skewed, () => ""), Error, "skewX");
});

Deno.test("a legend has room for its names", async () => {
  const widthWith = async (name: string) => {
    const data = [{ y: [1, 2], name }, { y: [2, 1], name }];
    const svg = await new Figure(data).toImage({ format: "svg" });
    return Number(/class="plotclip"><rect width="([\d.]+)"/.exec(svg)![1]);
  };
  const thin = await widthWith("i".repeat(20));
  const wide = await widthWith("W".repeat(20));
  assert(thin - wide > 150, `${thin} and ${wide}`);
});

/** A row of pixels of opaque greys. */
function greys(...values: number[]): Pixels {
  const data = values.flatMap((value) => [value, value, value, 255]);
  return { width: values.length, height: 1, data: Uint8Array.from(data) };
}

/** A row of so many colours, each in three pixels: red moves in steps, green counts. */
function colorsInThrees(count: number): number[] {
  return Array.from({ length: count }, (_, at) => [
    ...[16 * (at % 16), 16 * Math.floor(at / 16), 0, 255],
  ]).flatMap((color) => [...color, ...color, ...color]);
}

Deno.test("up to 256 opaque colours are a palette, and come back as they were", () => {
  const gradient = greys(...Array.from({ length: 256 }, (_, at) => at));
  const png = encodePNG(gradient);
  assertEquals(png[25], 3);
  const { at, colors } = readPNG(png);
  assertEquals(colors.size, 256);
  assertEquals([at(0, 0), at(255, 0)], ["#000000", "#ffffff"]);
  assertEquals(inFewColors(gradient), gradient);

  const transparent = greys(1, 2);
  (transparent.data as Uint8Array)[3] = 0;
  assertEquals(encodePNG(transparent)[25], 6);
});

Deno.test("pixels of few colours take less than a byte", () => {
  for (
    const [count, bits] of [[1, 1], [2, 1], [3, 2], [5, 4], [16, 4], [17, 8]]
  ) {
    const values = Array.from({ length: 19 }, (_, at) => 7 * (at % count!));
    const png = encodePNG(greys(...values));
    assertEquals([png[24], png[25]], [bits, 3]);
    const { at } = readPNG(png);
    for (const [x, value] of values.entries()) {
      const hex = value.toString(16).padStart(2, "0");
      assertEquals(at(x, 0), `#${hex.repeat(3)}`);
    }
  }
});

Deno.test("of more colours than a palette holds the rare ones move a little, the others stay", () => {
  const frequent = colorsInThrees(256);
  const rare = [3, 0, 0, 255, 241, 240, 2, 255];
  const data = Uint8Array.from([...rare, ...frequent]);
  const row = { width: data.length / 4, height: 1, data };
  assertEquals(encodePNG(row)[25], 6);
  const few = inFewColors(row);
  assertEquals(encodePNG(few)[25], 3);
  assertEquals([...few.data.slice(0, 8)], [0, 0, 0, 255, 240, 240, 0, 255]);
  assertEquals([...few.data.slice(8)], frequent);
});

Deno.test("what would change visibly keeps its colours: distant ones, photographs, glass", () => {
  const distant = Uint8Array.from([
    ...[8, 8, 200, 255],
    ...colorsInThrees(256),
  ]);
  const photograph = new Uint8Array(4 * 5000).map((_, at) =>
    at % 4 === 3 ? 255 : at % 4 === 0 ? at / 4 % 256 : at / 1024
  );
  const glass = Uint8Array.from([1, 0, 0, 128, ...colorsInThrees(256)]);
  for (const data of [distant, photograph, glass]) {
    const row = { width: data.length / 4, height: 1, data };
    assertEquals(inFewColors(row), row);
  }
});
