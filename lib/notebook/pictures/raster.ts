import { Resvg, type ResvgRenderOptions } from "@resvg/resvg-js";
// Importing from a package installs it, so that its files can be resolved.
import "dejavu-fonts-ttf/package.json" with { type: "json" };
import { fileURLToPath } from "node:url";
import { escapeHTML } from "../jupyter/html.ts";
import { inFewColors } from "./few_colors.ts";
import { encodePNG } from "./png.ts";

/** The font of pictures; system fonts are not used. */
export const FONT = "DejaVu Sans";

const PACKAGE = import.meta.resolve("dejavu-fonts-ttf/package.json");
const FILES = [
  "DejaVuSans.ttf",
  "DejaVuSans-Bold.ttf",
  "DejaVuSans-Oblique.ttf",
  "DejaVuSans-BoldOblique.ttf",
  "DejaVuSansMono.ttf",
];

const OPTIONS: ResvgRenderOptions = {
  font: {
    loadSystemFonts: false,
    fontFiles: FILES.map((name) =>
      fileURLToPath(new URL(`ttf/${name}`, PACKAGE))
    ),
    defaultFontFamily: FONT,
    sansSerifFamily: FONT,
    monospaceFamily: "DejaVu Sans Mono",
  },
};

/** Renders an SVG to a PNG file, with `scale` pixels per pixel of the SVG. */
export function rasterize(svg: string, scale: number): Uint8Array {
  const fitTo = { mode: "zoom", value: scale } as const;
  const options = { ...OPTIONS, background: "white", fitTo };
  const { width, height, pixels: data } = new Resvg(understood(svg), options)
    .render();
  // Our PNG is a quarter of the size of resvg's own.
  return encodePNG(inFewColors({ width, height, data }));
}

/**
 * Rewrites what resvg does not understand in an SVG: quoted references, and CSS's
 * "pixelated".
 */
function understood(svg: string): string {
  return svg
    .replaceAll(/url\('#([^']+)'\)/g, "url(#$1)")
    .replaceAll("image-rendering: pixelated", "image-rendering: optimizeSpeed");
}

/** The font's heights above and below the baseline, relative to its size. */
export const ASCENT = 0.928, DESCENT = 0.236;

export interface TextStyle {
  /** The font size in pixels. */
  readonly size: number;
  readonly family: string;
  readonly weight: string;
  readonly slant: string;
}

const WIDTHS = new Map<string, number>();

/** The width of a line of SVG text, in pixels. */
export function textWidth(
  markup: string,
  { size, family, weight, slant }: TextStyle,
): number {
  const text = `<text font-size="${size}" font-family="${
    escapeHTML(family)
  }" font-weight="${weight}" font-style="${slant}">${markup}</text>`;
  const known = WIDTHS.get(text);
  if (known !== undefined) return known;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg">${text}</svg>`;
  const width = new Resvg(svg, OPTIONS).getBBox()?.width ?? 0;
  WIDTHS.set(text, width);
  return width;
}
