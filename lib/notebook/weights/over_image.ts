/** Weights of the patches of a picture, such as attention's, over the picture. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertOptions, assertShare, optionsOf, shown } from "@lionjs/base";
import { assertChart } from "../chart_options.ts";
import { Figure } from "../figure.ts";
import { matrix, rowsOf } from "../matrix.ts";

/** Options of {@linkcode weightsOverImage}. */
export interface WeightsOverImageOptions {
  /** The title, above the picture. @default none */
  title?: string | undefined;
  /**
   * The caption below the picture: one or two sentences on what to see.
   * @default none
   */
  caption?: string | undefined;
  /**
   * The colour scale of the weights, one of plotly's.
   * @default "Viridis", or "RdBu" with 0 in its middle if some are negative
   */
  colorscale?: string | undefined;
  /**
   * The weights of the first and the last colour.
   * @default from 0 or, if some are negative, minus the largest, to the largest
   */
  range?: readonly [low: number, high: number] | undefined;
  /** How much the weights cover the picture, from 0 to 1. @default 0.6 */
  opacity?: number | undefined;
  /** Whether to show the colour scale. @default true */
  showScale?: boolean | undefined;
  /** Width in CSS pixels. @default 460 */
  width?: number | undefined;
  /** Height in CSS pixels. @default 420 */
  height?: number | undefined;
}

const OPTIONS = optionsOf<WeightsOverImageOptions>()(
  "title caption colorscale range opacity showScale width height",
);

/**
 * Draws weights of the patches of a picture over the picture, which is shown in
 * grey: a row of `attentionRows`, or the result of `inputSaliency`.
 *
 * @example Four patches of a picture of 4 by 4 pixels
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { weightsOverImage } from "@lionjs/lion/notebook";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const image = tf.randomUniform([1, 4, 4, 3]);
 * const figure = await weightsOverImage(image, [0.1, 0.2, 0.3, 0.4]);
 * const [, weights] = figure.data;
 * assertEquals(weights!["z"], [[0.1, 0.2], [0.3, 0.4]]);
 * assertEquals([weights!["x0"], weights!["dx"]], [0.5, 2]);
 * ```
 *
 * @param image The picture, `[height, width]` or `[height, width, channels]`, of any
 * range of numbers; a tensor may have leading axes of size 1, and is not disposed of.
 * @param weights The weights, `[rows, columns]` of patches, or all of them, row by row;
 * a tensor may have leading axes of size 1, and is not disposed of.
 * @param options See {@linkcode WeightsOverImageOptions}.
 * @returns The figure.
 * @throws {TypeError} If a tensor has another shape, or an option is unknown.
 * @throws {RangeError} If the patches do not divide the picture, or an option has an
 * invalid value.
 */
export async function weightsOverImage(
  image: tf.Tensor | readonly ArrayLike<number>[],
  weights: tf.Tensor | ArrayLike<number> | readonly ArrayLike<number>[],
  options: WeightsOverImageOptions = {},
): Promise<Figure> {
  assertOptions("weightsOverImage", options, OPTIONS);
  assertChart(options);
  const { opacity = 0.6, ...others } = options;
  assertShare("opacity", opacity);
  const pixels = await greyOf(image);
  const [height, width] = [pixels.length, pixels[0]?.length ?? 0];
  if (width === 0) {
    throw new TypeError(`image should have pixels, got ${shown(image)}`);
  }
  const rows = await patchesOf(weights, height, width);
  const [high, wide] = [height / rows.length, width / rows[0]!.length];
  const largest = rows.flat().reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const isSigned = rows.some((row) => row.some((weight) => weight < 0));
  const { data: [patches], layout, caption } = await matrix(rows, {
    colorscale: isSigned ? "RdBu" : "Viridis",
    range: [isSigned ? -largest : 0, largest],
    ...others,
  });
  const blank = { showticklabels: false, ticks: "", showgrid: false };
  const hidden = { type: "heatmap", hoverinfo: "skip", showscale: false };
  return new Figure(
    [
      { ...hidden, z: pixels, colorscale: [[0, "#000"], [1, "#fff"]] },
      {
        ...patches,
        opacity,
        ...{ x0: (wide - 1) / 2, dx: wide, y0: (high - 1) / 2, dy: high },
      },
    ],
    {
      ...layout,
      xaxis: { ...layout["xaxis"] as object, ...blank },
      yaxis: { ...layout["yaxis"] as object, ...blank },
    },
    { caption },
  );
}

/** The mean of a picture's channels, `[height][width]`. */
async function greyOf(
  image: tf.Tensor | readonly ArrayLike<number>[],
): Promise<number[][]> {
  if (!(image instanceof tf.Tensor)) return await rowsOf(image, "image");
  const { shape } = image;
  const isBatch = shape.length > 3 && shape.slice(0, -3).every((n) => n === 1);
  if (shape.length === 2) return await rowsOf(image, "image");
  if (shape.length !== 3 && !isBatch) {
    throw new TypeError(
      `image should be [height, width, channels], got a tensor of shape [${shape}]; slice one from a batch`,
    );
  }
  const grey = tf.tidy(() =>
    tf.reshape(tf.mean(image, -1), shape.slice(-3, -1) as [number, number])
  );
  try {
    return await rowsOf(grey);
  } finally {
    grey.dispose();
  }
}

/** The weights of patches in their rows, which divide the picture evenly. */
async function patchesOf(
  weights: tf.Tensor | ArrayLike<number> | readonly ArrayLike<number>[],
  height: number,
  width: number,
): Promise<number[][]> {
  const isList = weights instanceof tf.Tensor
    ? weights.shape.slice(0, -1).every((size) => size === 1)
    : typeof Object(weights)[0] === "number";
  if (!isList) {
    const rows = await rowsOf(
      weights as tf.Tensor | readonly ArrayLike<number>[],
      "weights",
    );
    assertDivides(rows.length, rows[0]!.length, height, width);
    return rows;
  }
  const all = Array.from(
    weights instanceof tf.Tensor
      ? await weights.data()
      : weights as ArrayLike<number>,
  );
  // Patches are squares, as those of a vision transformer.
  const columns = Math.sqrt(all.length * width / height);
  const rows = all.length / columns;
  assertDivides(rows, columns, height, width, all.length);
  return Array.from(
    { length: rows },
    (_, row) => all.slice(row * columns, (row + 1) * columns),
  );
}

/** Throws unless rows and columns of patches divide a picture. */
function assertDivides(
  rows: number,
  columns: number,
  height: number,
  width: number,
  count?: number,
): void {
  const isWhole = Number.isInteger(rows) && Number.isInteger(columns);
  if (isWhole && height % rows === 0 && width % columns === 0) return;
  throw new RangeError(
    `weights should be those of patches that divide a picture of ${height} × ${width} pixels, got ${
      count === undefined
        ? `${rows} × ${columns}`
        : `${count}, which make no rows of squares; leave out the class token, or give rows`
    }`,
  );
}
