/**
 * Notebooks: figures, progress, and a working Stop button.
 *
 * Everything also works in scripts. Importing this in a notebook makes
 * Jupyter's Stop abort {@linkcode interruptSignal} instead of ending the kernel,
 * prints errors that no cell awaits, which would otherwise hang the kernel, and
 * shows the dtype, shape and first values of a tensor that a cell ends with.
 *
 * @example A training cell that Stop can stop
 * ```ts ignore
 * const plot = new LivePlot({ title: "Training", y: "loss", yType: "log" });
 * const { aborted } = await train(model, data, {
 *   epochs: 10,
 *   loss: crossEntropy(),
 *   signal: interruptSignal(),
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

export { display } from "./jupyter/display.ts";
export { bars } from "./bars.ts";
export { calibrationFigure } from "./calibration_figure.ts";
export { confusionFigure } from "./confusion_figure.ts";
export { curves } from "./curves.ts";
export { Figure, type Trace } from "./figure.ts";
export { interruptSignal } from "./jupyter/interrupt.ts";
export { LivePlot } from "./live_plot.ts";
export { attentionMatrix, matrix } from "./matrix.ts";
export { DISPLAY, type Displayable } from "./jupyter/mime.ts";
export { panels } from "./panels.ts";
export { Progress } from "./progress/progress.ts";
export { table, type TableRow } from "./table.ts";
export { markdown, tex } from "./text.ts";
export { progressBar } from "./progress/progress_bar.ts";
export { weightsOverImage } from "./weights/over_image.ts";
export { weightsOverText } from "./weights/over_text.ts";
