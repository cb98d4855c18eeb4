import { Buffer } from "node:buffer";
import { encodePNG, type Pixels } from "./png.ts";

/** The part of a canvas that plotly.js needs for heat maps and images. */
export interface Canvas {
  width: number;
  height: number;
}

const CONTEXTS = new WeakMap<Canvas, CanvasContext>();

/** The drawing context of a canvas, always the same one; `null` except for `2d`. */
export function contextOf(canvas: Canvas, kind: string): CanvasContext | null {
  if (kind !== "2d") return null;
  let context = CONTEXTS.get(canvas);
  if (!context) {
    context = new CanvasContext(canvas);
    CONTEXTS.set(canvas, context);
  }
  return context;
}

/** The drawing context of a canvas, which draws rectangles and pixels. */
export class CanvasContext {
  /** A colour such as `rgb(0, 0, 0)` or `rgba(0, 0, 0, 0.5)`. */
  fillStyle = "rgb(0, 0, 0)";
  readonly #canvas: Canvas;
  #pixels: Pixels = { width: 0, height: 0, data: new Uint8ClampedArray() };

  constructor(canvas: Canvas) {
    this.#canvas = canvas;
  }

  /** Makes transparent pixels. */
  createImageData(width: number, height: number): Pixels {
    return { width, height, data: new Uint8ClampedArray(4 * width * height) };
  }

  /** Copies pixels to a place within the canvas. */
  putImageData({ width, height, data }: Pixels, left: number, top: number) {
    const target = this.#resized();
    for (let row = 0; row < height; row++) {
      const line = data.subarray(4 * width * row, 4 * width * (row + 1));
      target.data.set(line, 4 * ((top + row) * target.width + left));
    }
  }

  /** Fills a rectangle with {@linkcode fillStyle}. */
  fillRect(left: number, top: number, width: number, height: number) {
    const target = this.#resized();
    const color = parseColor(this.fillStyle);
    const right = Math.min(target.width, left + width);
    const bottom = Math.min(target.height, top + height);
    for (let y = Math.max(0, top); y < bottom; y++) {
      for (let x = Math.max(0, left); x < right; x++) {
        target.data.set(color, 4 * (y * target.width + x));
      }
    }
  }

  toDataURL(): string {
    return `data:image/png;base64,${
      Buffer.from(encodePNG(this.#resized())).toString("base64")
    }`;
  }

  /** The canvas's pixels, cleared if its size has changed. */
  #resized(): Pixels {
    const { width, height } = this.#canvas;
    if (this.#pixels.width !== width || this.#pixels.height !== height) {
      this.#pixels = this.createImageData(width, height);
    }
    return this.#pixels;
  }
}

function parseColor(style: string): number[] {
  const found = /^rgba?\(([^)]+)\)$/.exec(style);
  if (!found) throw new Error(`canvas cannot fill with "${style}"`);
  const [red, green, blue, alpha = 1] = found[1]!.split(",").map(Number);
  return [red!, green!, blue!, 255 * alpha];
}
