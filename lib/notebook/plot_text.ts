import { mapTexts } from "../jupyter/html.ts";

/**
 * Data whose texts plotly.js shows as they are. It reads some tags of HTML in
 * all texts, of links too, which may lead anywhere, and entities.
 */
export function asPlotTexts<T>(data: T): T {
  return mapTexts(
    data,
    (text) =>
      text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
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
  return mapTexts(part, (text) => text.replaceAll(OTHER_TAG, "&lt;"));
}
