/** An output in several forms, by MIME type; Jupyter shows the richest it can. */
export type MimeBundle = Record<string, unknown>;

/**
 * The name of the method that Deno's kernel calls to show a value.
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

/** How Jupyter draws an output's forms, by MIME type, such as `{ width, height }` for an image. */
export type MimeMetadata = Record<string, Record<string, unknown>>;

/** A value that defines how Jupyter shows it. */
export interface Displayable {
  /** How the value's forms are drawn. @default Jupyter's choice */
  readonly metadata?: MimeMetadata | undefined;
  /** Returns the forms in which the value can be shown. */
  [DISPLAY](): MimeBundle | Promise<MimeBundle>;
}
