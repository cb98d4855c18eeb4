/** An output in several forms, by MIME type; Jupyter shows the richest it can. */
export type MimeBundle = Record<string, unknown>;

/**
 * The method by which Deno's kernel asks a value how to show it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DISPLAY, type Displayable } from "@lionjs/lion/notebook";
 *
 * const three: Displayable = {
 *   [DISPLAY]: () => ({ "text/plain": "3", "text/html": "<b>3</b>" }),
 * };
 * assertEquals(await three[DISPLAY](), {
 *   "text/plain": "3", "text/html": "<b>3</b>",
 * });
 * ```
 */
export const DISPLAY: unique symbol = Symbol.for("Jupyter.display");

/** How Jupyter draws forms, such as `{ width, height }` of an image. */
export type MimeMetadata = Record<string, Record<string, unknown>>;

/** A value that says how it is shown. */
export interface Displayable {
  /** How its forms are drawn. @default as Jupyter likes */
  readonly metadata?: MimeMetadata;
  /** The forms that it can be shown in. */
  [DISPLAY](): MimeBundle | Promise<MimeBundle>;
}
