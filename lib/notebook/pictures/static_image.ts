import { JSDOM } from "jsdom";
import { type Canvas, contextOf } from "./canvas.ts";
import { pathLength, pointAtLength } from "./path_length.ts";
import { type Plot, plotlySource } from "../plotly_page.ts";
import { FONT } from "./raster.ts";
import { box, type SVGNode, textBox } from "./text_box.ts";

export { rasterize } from "./raster.ts";

/** The part of plotly.js that draws without a browser. */
interface Plotly {
  toImage(plot: Plot, options: Record<string, unknown>): Promise<string>;
}

/** The part of jsdom's window that plotly.js uses. */
interface Page {
  eval(source: string): void;
  Plotly: Plotly;
  Element: { prototype: object };
  HTMLCanvasElement: { prototype: object };
  SVGElement: { prototype: object };
  URL: object;
  XMLSerializer: new () => { serializeToString(node: SVGNode): string };
}

/** The size of a figure's container: larger than any figure, so as not to limit it. */
const UNBOUNDED = box(0, 0, 10_000, 10_000);

let page: Page | undefined;

/** Opens a page outside a browser, with plotly.js and the parts of a browser that it needs. */
function openPage(): Page {
  const dom = new JSDOM("<!DOCTYPE html>", {
    runScripts: "outside-only",
    pretendToBeVisual: true,
  });
  const page = dom.window as unknown as Page;
  const serializer = new page.XMLSerializer();
  const measure = (element: SVGNode) =>
    textBox(element, (node) => serializer.serializeToString(node));
  Object.assign(page.URL, { createObjectURL: () => "" });
  Object.assign(page.Element.prototype, {
    getBoundingClientRect(this: SVGNode) {
      const isHolder = ["DIV", "svg"].includes(this.tagName);
      return isHolder ? UNBOUNDED : measure(this);
    },
  });
  Object.assign(page.SVGElement.prototype, {
    getBBox(this: SVGNode) {
      return measure(this);
    },
    getComputedTextLength(this: SVGNode) {
      return measure(this).width;
    },
    getTotalLength(this: SVGNode) {
      return pathLength(this.getAttribute!("d")!);
    },
    getPointAtLength(this: SVGNode, distance: number) {
      return pointAtLength(this.getAttribute!("d")!, distance);
    },
  });
  Object.assign(page.HTMLCanvasElement.prototype, {
    getContext(this: Canvas, kind: string) {
      return contextOf(this, kind);
    },
    toDataURL(this: Canvas) {
      return contextOf(this, "2d")!.toDataURL();
    },
  });
  page.eval(plotlySource());
  return page;
}

/**
 * Makes plotly.js draw the same ids for the same plot each time, and different
 * ids for another plot, since both may be on one page.
 */
function seedNames(page: Page, plot: Plot): void {
  let seed = 1;
  for (const character of new TextEncoder().encode(JSON.stringify(plot))) {
    seed = (seed * 31 + character) % 2147483647;
  }
  page.eval(`{
    let state = ${seed || 1};
    Math.random = () => (state = state * 16807 % 2147483647) / 2147483647;
  }`);
}

let last: Promise<unknown> = Promise.resolve();

/**
 * Draws a plot, once earlier ones are finished.
 *
 * @param plot The plot as JSON, which is not changed.
 * @param size The size in CSS pixels.
 */
export function drawSVG(
  plot: Plot,
  size: { width: number; height: number },
): Promise<string> {
  const drawn = last.then(() => draw(plot, size));
  last = drawn.catch(() => {});
  return drawn;
}

async function draw(
  { data, layout }: Plot,
  size: { width: number; height: number },
): Promise<string> {
  page ??= openPage();
  // Traces that need WebGL have equivalents that do not.
  const traces = data.map((trace) =>
    typeof trace["type"] === "string"
      ? { ...trace, type: trace["type"].replace(/gl$/, "") }
      : trace
  );
  const font = { family: FONT, ...layout["font"] as object };
  const plot = { data: traces, layout: { ...layout, ...size, font } };
  seedNames(page, plot);
  try {
    const options = { format: "svg", imageDataOnly: true, ...size };
    return await page.Plotly.toImage(plot, options);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new Error(
      `the figure cannot be drawn without a browser: ${reason}`,
      { cause },
    );
  }
}
