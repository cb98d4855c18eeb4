import { mapTexts } from "../jupyter/html.ts";

/**
 * Data whose texts plotly.js shows as they are. It reads some tags of HTML in
 * all texts, of links too, which may lead anywhere, and entities.
 */
export function asPlotTexts<T>(data: T): T {
  return mapTexts(
    data,
    (text) =>
      drawable(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;"),
  );
}

/** What begins no tag that is left to plotly.js, which a line of text may have. */
const OTHER_TAG = /<(?!\/?(?:b|br|em|i|s|sub|sup|u)>)/gi;

/**
 * A part of a figure in whose texts tags such as `<br>` and `<b>` are left to
 * plotly.js, while links, and styles that may fetch a picture, are text.
 */
export function withPlainTags<T>(part: T): T {
  return mapTexts(
    part,
    (text) => drawable(text).replaceAll(OTHER_TAG, "&lt;"),
  );
}

/** Characters that XML has no way to write: a picture with one would be none. */
// deno-lint-ignore no-control-regex
const NOT_XML = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

function drawable(text: string): string {
  return text.toWellFormed().replaceAll(NOT_XML, "\ufffd");
}
