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

/**
 * A part of a figure in whose texts tags such as `<br>` and `<b>` are left to
 * plotly.js, and those with attributes, such as links and what fetches a
 * picture as a style, are text.
 */
export function withPlainTags<T>(part: T): T {
  return mapTexts(
    part,
    // What plotly.js takes for a tag; another space than " " ends no name there.
    (text) => text.replaceAll(/<(?!\/?[a-z]+>)/gi, "&lt;"),
  );
}
