/**
 * Notebooks: figures, progress, and a working Stop button.
 *
 * Everything also works in scripts. Importing this in a notebook makes
 * Jupyter's Stop abort {@linkcode stopSignal} instead of ending the kernel,
 * prints errors that no cell awaits, which would otherwise hang the kernel, and
 * shows the dtype, shape and first values of a tensor that a cell ends with.
 *
 * @example A training cell that Stop can stop
 * ```ts ignore
 * const plot = new LivePlot({ title: "Training", y: "loss", yType: "log" });
 * const { aborted } = await train(model, data, {
 *   epochs: 10,
 *   loss: crossEntropy(),
 *   signal: stopSignal(),
 *   callbacks: {
 *     onBatchEnd: (_, logs) => plot.log(logs!.step!, { loss: logs!.loss! }),
 *   },
 * });
 * await plot.end();
 * await (await matrix(attention, { rows: "query", columns: "key" })).show();
 * ```
 *
 * @module
 */
import "./tensor_display.ts";

export { display, type DisplayHandle } from "./jupyter/display.ts";
export { bars, type BarsOptions } from "./bars.ts";
export {
  confusionFigure,
  type ConfusionFigureOptions,
} from "./confusion_figure.ts";
export { curves, type CurvesOptions, type Series } from "./curves.ts";
export {
  Figure,
  type FigureOptions,
  type HTMLOptions,
  type ImageOptions,
  type Layout,
  type Trace,
} from "./figure.ts";
export { stopSignal } from "./jupyter/interrupt.ts";
export { LivePlot, type LivePlotOptions } from "./live_plot.ts";
export { attentionMatrix, matrix, type MatrixOptions } from "./matrix.ts";
export { DISPLAY, type Displayable } from "./jupyter/mime.ts";
export { FORM_COLORS, VARIANT_COLORS } from "./palette.ts";
export { panels, type PanelsOptions } from "./panels.ts";
export { Progress, type ProgressOptions } from "./progress/progress.ts";
export { table, type TableOptions, type TableRow } from "./table.ts";
export { markdown, tex } from "./text.ts";
export { track, type TrackOptions } from "./progress/track.ts";
