import { ASCENT, DESCENT, textWidth } from "./raster.ts";

/** The part of an SVG element that is used here. */
export interface SVGNode {
  readonly tagName: string;
  readonly parentNode: SVGNode | null;
  readonly childNodes: Iterable<SVGNode>;
  readonly style?: {
    readonly fontSize: string;
    readonly fontFamily: string;
    readonly fontWeight: string;
    readonly fontStyle: string;
    readonly textAnchor: string;
  };
  getAttribute?(name: string): string | null;
  querySelectorAll(selectors: string): Iterable<SVGNode>;
}

/** A rectangle as returned by `getBoundingClientRect`. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A rectangle between two corners. */
export function box(
  left: number,
  top: number,
  right: number,
  bottom: number,
): Box {
  const [width, height] = [right - left, bottom - top];
  return { x: left, y: top, width, height, left, top, right, bottom };
}

/**
 * The position of an element's text on the page, which jsdom does not know.
 *
 * @param element A text, a part of one, or an element that contains texts.
 */
export function textBox(
  element: SVGNode,
  serialize: (node: SVGNode) => string,
): Box {
  const isText = ["text", "tspan"].includes(element.tagName);
  const texts = isText ? [element] : [...element.querySelectorAll("text")];
  const corners = texts.flatMap((text) => {
    const lines = [...text.querySelectorAll("tspan.line")];
    const toPage = transformOf(text);
    return (lines.length > 0 ? lines : [text])
      .flatMap((line) => lineCorners(line, serialize))
      .map(toPage);
  });
  if (corners.length === 0) return box(0, 0, 0, 0);
  const xs = corners.map(([x]) => x), ys = corners.map(([, y]) => y);
  return box(
    Math.min(...xs),
    Math.min(...ys),
    Math.max(...xs),
    Math.max(...ys),
  );
}

type Point = readonly [x: number, y: number];

/** The corners of a line of text, before its element is transformed. */
function lineCorners(
  line: SVGNode,
  serialize: (node: SVGNode) => string,
): Point[] {
  const size = parseFloat(inherited(line, "fontSize", "font-size") || "12");
  const markup = [...line.childNodes].map(serialize).join("");
  const width = textWidth(markup, {
    size,
    family: inherited(line, "fontFamily", "font-family") || "sans-serif",
    weight: inherited(line, "fontWeight", "font-weight") || "normal",
    slant: inherited(line, "fontStyle", "font-style") || "normal",
  });
  const anchor = inherited(line, "textAnchor", "text-anchor");
  const before = { middle: width / 2, end: width }[anchor] ?? 0;
  const left = position(line, "x") - before;
  const shift = line.getAttribute?.("dy") ?? "0";
  const down = parseFloat(shift) * (shift.endsWith("em") ? size : 1);
  const baseline = position(line, "y") + down;
  const [top, bottom] = [baseline - ASCENT * size, baseline + DESCENT * size];
  const right = left + width;
  return [[left, top], [right, top], [left, bottom], [right, bottom]];
}

/** A property of an element's text, from its style or its ancestors'. */
function inherited(
  element: SVGNode,
  property: keyof NonNullable<SVGNode["style"]>,
  attribute: string,
): string {
  for (let node: SVGNode | null = element; node; node = node.parentNode) {
    const value = node.style?.[property] || node.getAttribute?.(attribute);
    if (value) return value;
  }
  return "";
}

/** An element's coordinate, or that of the text to which it belongs. */
function position(element: SVGNode, name: "x" | "y"): number {
  const own = element.getAttribute?.(name) ??
    element.parentNode?.getAttribute?.(name);
  return parseFloat(own ?? "0");
}

/** Maps an element's coordinates to the page's. */
function transformOf(element: SVGNode): (point: Point) => Point {
  const steps: ((point: Point) => Point)[] = [];
  for (let node: SVGNode | null = element; node; node = node.parentNode) {
    const transform = node.getAttribute?.("transform") ?? "";
    steps.push(
      ...[...transform.matchAll(/(\w+)\(([^)]*)\)/g)]
        .map(([, kind, list]) =>
          transformStep(kind!, list!.trim().split(/[\s,]+/).map(Number))
        )
        // The last transformation in the text is the first to be applied.
        .reverse(),
    );
  }
  return (point) => steps.reduce((moved, step) => step(moved), point);
}

function transformStep(
  kind: string,
  [a = 0, b, c]: number[],
): (point: Point) => Point {
  switch (kind) {
    case "translate":
      return ([x, y]) => [x + a, y + (b ?? 0)];
    case "scale":
      return ([x, y]) => [x * a, y * (b ?? a)];
    case "rotate": {
      const [cos, sin] = [
        Math.cos(a * Math.PI / 180),
        Math.sin(a * Math.PI / 180),
      ];
      const [cx, cy] = [b ?? 0, c ?? 0];
      return ([x, y]) => [
        cx + cos * (x - cx) - sin * (y - cy),
        cy + sin * (x - cx) + cos * (y - cy),
      ];
    }
    default:
      throw new Error(`text cannot be measured in a transform "${kind}"`);
  }
}
