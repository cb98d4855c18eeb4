import { mapTexts } from "./jupyter/html.ts";

/**
 * Escapes data so that plotly.js shows its texts as they are. In all texts, plotly.js
 * interprets entities and some HTML tags, including links, which may lead anywhere.
 */
export function asPlotTexts<T>(data: T): T {
  return mapTexts(
    data,
    (text) =>
      drawable(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;")
        .replaceAll(">", "&gt;"),
  );
}

/** Matches a `<` that does not begin one of the plain tags left to plotly.js. */
const OTHER_TAG = /<(?!\/?(?:b|br|em|i|s|sub|sup|u)>)/gi;

/**
 * Escapes a part of a figure, leaving tags such as `<br>` and `<b>` in its texts to
 * plotly.js, while links, and styles that may fetch a picture, become plain text.
 */
export function withPlainTags<T>(part: T): T {
  return mapTexts(
    part,
    (text) => drawable(text).replaceAll(OTHER_TAG, "&lt;"),
  );
}

/** The characters that XML cannot contain, which would make a picture invalid. */
// deno-lint-ignore no-control-regex
const NOT_XML = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

function drawable(text: string): string {
  return text.toWellFormed().replaceAll(NOT_XML, "\ufffd");
}
