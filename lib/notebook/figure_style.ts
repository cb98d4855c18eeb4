/**
 * What figures look like: their colours, and the ticks of their axes. For those who
 * draw figures beside the library's.
 *
 * @module
 */
export { colorOf, FORM_COLORS, VARIANT_COLORS } from "./palette.ts";
export { labelled, tickText } from "./ticks.ts";
