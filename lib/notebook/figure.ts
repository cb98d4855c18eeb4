import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  assertNamed,
  assertOneOf,
  assertOptions,
  assertText,
  loadOptional,
  optionsOf,
  shown,
} from "@lionjs/base";
import { writeAtomically } from "@lionjs/base/files";
import { display } from "./jupyter/display.ts";
import { escapeHTML } from "./jupyter/html.ts";
import { toJSON } from "./jupyter/json.ts";
import {
  DISPLAY,
  type Displayable,
  type MimeBundle,
  type MimeMetadata,
} from "./jupyter/mime.ts";
import {
  type Plot,
  plotElement,
  plotlyScript,
  plotPage,
  plotPolicy,
} from "./plotly_page.ts";
import { render } from "./render.ts";
import { defaultRenderers, parseRenderers } from "./renderers.ts";

/** A trace of plotly.js, such as `{ type: "scatter", x: [1, 2], y: [3, 4] }`. */
export type Trace = Record<string, unknown>;

/** A layout of plotly.js, such as `{ title: { text: "Loss" } }`. */
export type Layout = Record<string, unknown>;

/** Options of {@linkcode Figure}. */
export interface FigureOptions {
  /**
   * The caption below the figure: one or two sentences on what to see.
   * @default none
   */
  caption?: string | undefined;
}

/** Options of {@linkcode Figure.toHTML}. */
export interface HTMLOptions {
  /**
   * Whether to return a page; `false` returns a `div` and its scripts.
   * @default true
   */
  fullPage?: boolean | undefined;
  /**
   * How to include plotly.js; `false` if the page already has it.
   * @default "source"
   */
  plotly?: "source" | "cdn" | false | undefined;
}

/** Options of {@linkcode Figure.toImage}. */
export interface ImageOptions {
  /** The format: `"png"` for pixels, `"svg"` for lines and text. @default "png" */
  format?: "png" | "svg" | undefined;
  /** Width in CSS pixels. @default the layout's, or 700 */
  width?: number | undefined;
  /** Height in CSS pixels. @default the layout's, or 450 */
  height?: number | undefined;
  /** PNG pixels per CSS pixel. @default 2 */
  scale?: number | undefined;
}

const FIGURE_OPTIONS = optionsOf<FigureOptions>()("caption");

const HTML_OPTIONS = optionsOf<HTMLOptions>()("fullPage plotly");

const IMAGE_OPTIONS = optionsOf<ImageOptions>()("format width height scale");

const SIZE = { width: 700, height: 450 };

/**
 * A plotly.js figure. In its texts, plotly.js interprets links and tags such as
 * `<b>`. {@linkcode curves} and similar functions escape links that lead
 * elsewhere; in names of unknown origin, write `&lt;` for `<`.
 *
 * @example
 * ```ts
 * import { assertEquals, assertStringIncludes } from "@std/assert";
 * import { Figure } from "@lionjs/lion/notebook";
 *
 * const figure = new Figure(
 *   [{ x: new Int32Array([1, 2, 3]), y: [0.5, 0.25, NaN], name: "train" }],
 *   { title: { text: "Loss" }, xaxis: { title: { text: "step" } } },
 * );
 * const svg = await figure.toImage({ format: "svg" });
 * assertStringIncludes(svg, "Loss");
 * const png = await figure.toImage();
 * assertEquals([...png.slice(1, 4)], [...new TextEncoder().encode("PNG")]);
 * ```
 */
export class Figure implements Displayable {
  /** The traces; see plotly.js's reference. */
  readonly data: readonly Trace[];
  /** The layout; see plotly.js's reference. */
  readonly layout: Layout;
  /** The caption; "" for none. */
  readonly caption: string;

  /**
   * Makes a figure from traces and a layout, without changing them.
   *
   * @param data The traces; typed arrays are allowed, and NaN is a gap.
   * @param layout The layout: titles, axes, sizes.
   * @param options See {@linkcode FigureOptions}.
   * @throws {TypeError} If `data` is not an array, an option is unknown, or a
   * title is a string instead of `{ text }`, which plotly.js would ignore.
   */
  constructor(
    data: readonly Trace[],
    layout: Layout = {},
    options: FigureOptions = {},
  ) {
    assertOptions("Figure", options, FIGURE_OPTIONS);
    if (!Array.isArray(data)) {
      throw new TypeError(
        `data should be an array of traces, got ${typeof data}`,
      );
    }
    assertNamed("layout", layout);
    assertTitles(layout);
    this.data = data;
    this.layout = layout;
    const { caption = "" } = options;
    assertText("caption", caption);
    this.caption = caption;
  }

  /** The size in CSS pixels; a PNG has more pixels. */
  get size(): { width: number; height: number } {
    const { width = SIZE.width, height = SIZE.height } = this.layout;
    return { width: Number(width), height: Number(height) };
  }

  /** The layout's title. */
  get title(): string {
    const { title } = this.layout as { title?: { text?: string } };
    return title?.text ?? "";
  }

  /** The metadata of the figure's picture: the size in which it is shown. */
  get metadata(): MimeMetadata {
    return { "image/png": this.size };
  }

  /** Returns the figure as plotly.js's JSON. */
  toJSON(): Plot {
    return toJSON({ data: this.data, layout: this.layout }) as Plot;
  }

  /**
   * Returns the figure as HTML.
   *
   * @param options See {@linkcode HTMLOptions}.
   * @returns A page of 2 MB, which opens without a network, or a part of a
   * page.
   * @throws {TypeError} If an option is unknown.
   * @throws {RangeError} If `plotly` is not one of its values.
   */
  toHTML(options: HTMLOptions = {}): string {
    assertOptions("toHTML", options, HTML_OPTIONS);
    const { fullPage = true, plotly = "source" } = options;
    assertOneOf("plotly", plotly, ["source", "cdn", false]);
    const part = [plotElement(this.toJSON()), ...captionOf(this.caption)]
      .join("\n");
    const body = plotly ? `${plotlyScript(plotly)}\n${part}` : part;
    if (!fullPage) return body;
    // A page that includes plotly.js needs a content policy that allows its scripts.
    const policy = plotly ? plotPolicy([body], plotly) : "";
    return plotPage(this.title, body, policy);
  }

  /** Returns the figure as an SVG. */
  toImage(options: ImageOptions & { format: "svg" }): Promise<string>;
  /**
   * Returns the figure as a picture, the same on every machine, since the font
   * is included. A PNG has a palette if 256 colours suffice: rare colours may
   * differ by up to 12 of 255 from those that plotly.js draws.
   *
   * @param options See {@linkcode ImageOptions}.
   * @returns The bytes of a PNG, or the source of an SVG.
   * @throws {TypeError} If an option is unknown.
   * @throws {RangeError} If there is no such format.
   * @throws {Error} If plotly.js cannot draw it without a browser, such as 3-D
   * plots.
   */
  toImage(options?: ImageOptions & { format?: "png" }): Promise<Uint8Array>;
  async toImage(options: ImageOptions = {}): Promise<string | Uint8Array> {
    assertOptions("toImage", options, IMAGE_OPTIONS);
    const { format = "png", scale = 2 } = options;
    const { width = this.size.width, height = this.size.height } = options;
    assertOneOf("format", format, ["png", "svg"]);
    const { drawSVG, rasterize } = await loadOptional(
      "a Figure's picture",
      ["jsdom", "@resvg/resvg-js", "dejavu-fonts-ttf"],
      () => import("./pictures/static_image.ts"),
    );
    const svg = await drawSVG(this.toJSON(), { width, height });
    return format === "svg" ? svg : rasterize(svg, scale);
  }

  /**
   * Writes a picture, completely or not at all.
   *
   * @param path A path that ends in `.png` or `.svg`.
   * @throws {RangeError} If the path ends differently.
   */
  async writeImage(path: string): Promise<void> {
    const format = /\.(png|svg)$/.exec(path)?.[1];
    if (!format) {
      throw new RangeError(`path should end in .png or .svg, got "${path}"`);
    }
    const image = format === "png"
      ? await this.toImage()
      : new TextEncoder().encode(await this.toImage({ format: "svg" }));
    await writeAtomically(path, [image]);
  }

  /**
   * Writes an HTML page, completely or not at all.
   *
   * @param path The path of the page.
   */
  async writeHTML(path: string): Promise<void> {
    await writeAtomically(path, [new TextEncoder().encode(this.toHTML())]);
  }

  /**
   * Shows the figure and its caption, and waits until they are shown.
   *
   * Renderers have plotly.py's names:
   *
   * - `plotly_mimetype`: plotly's JSON, for VS Code, and for JupyterLab with
   *   plotly's extension.
   * - `notebook`: HTML with plotly.js, which is embedded in the notebook once (2
   *   MB); `notebook_connected` links to it.
   * - `png`, `svg`: a picture. `plotly_mimetype` and `notebook` add a PNG as a
   *   fallback.
   * - `browser`: an HTML file, whose path is printed.
   *
   * @param renderer One renderer, or several joined by `+`.
   * @default the environment variable `PLOTLY_RENDERER`, or else
   * `plotly_mimetype+notebook` in a notebook and `browser` in a script
   * @throws {RangeError} If there is no such renderer.
   */
  async show(renderer: string = defaultRenderers()): Promise<void> {
    const names = parseRenderers(renderer);
    if (names.includes("browser")) {
      const folder = await mkdtemp(join(tmpdir(), "figure_"));
      const file = join(folder, "figure.html");
      await this.writeHTML(file);
      console.log(file);
    }
    const shown = names.filter((name) => name !== "browser");
    if (shown.length === 0) return;
    const { metadata } = this;
    await display({ metadata, [DISPLAY]: () => render(this, shown) });
    await showCaption(this);
  }

  /** Returns the figure's forms by MIME type, for the default renderers. */
  async [DISPLAY](): Promise<MimeBundle> {
    return await render(this, parseRenderers(defaultRenderers()));
  }
}

/** Shows a figure's caption, if it has one, below what was shown last. */
export async function showCaption({ caption }: Figure): Promise<void> {
  for (const html of captionOf(caption)) {
    await display({ "text/html": html, "text/plain": caption });
  }
}

/** A caption as HTML; empty without a caption. */
function captionOf(caption: string): string[] {
  if (caption === "") return [];
  return [`<p class="caption"><em>${escapeHTML(caption)}</em></p>`];
}

function assertTitles(layout: Layout): void {
  const parts = Object.entries(layout)
    .map(([name, part]) => [`layout.${name}`, part] as const);
  for (const [path, part] of [["layout", layout], ...parts] as const) {
    const { title } = (part ?? {}) as { title?: unknown };
    if (typeof title !== "string") continue;
    throw new TypeError(
      `${path}.title should be { text: ${shown(title)} }, got a string`,
    );
  }
}
