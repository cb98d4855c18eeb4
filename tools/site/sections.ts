/** The parts of a page, from a heading to the next. @module */

/** A part of a page. */
export interface Section {
  readonly heading: string;
  /** 1 for the page's title. */
  readonly depth: number;
  /** The heading's id. */
  readonly anchor: string;
  /** What is said, in sentences. */
  readonly prose: string;
  /** What tables and programs contain. */
  readonly rest: string;
}

const HEADING = /<h([1-6]) id="([^"]*)">([^]*?)<\/h\1>/;

/** What contains no sentences. */
const NO_PROSE = /<(table|pre|nav)\b[^]*?<\/\1>/g;

/** The sections of a page whose headings have ids. */
export function sectionsOf(html: string): Section[] {
  // Of each heading: its depth, anchor and text, then what follows it.
  const parts = html.split(HEADING).slice(1);
  return Array.from({ length: parts.length / 4 }, (_, at) => {
    const [depth, anchor, heading, content] = parts.slice(4 * at, 4 * at + 4);
    const rest = [...content!.matchAll(NO_PROSE)].map(([part]) => part);
    return {
      heading: textOf(heading!),
      depth: Number(depth),
      anchor: anchor!,
      prose: textOf(content!.replaceAll(NO_PROSE, " ")),
      rest: textOf(rest.join(" ")),
    };
  });
}

/** A page whose headings have the anchors that GitHub gives them. */
export function withAnchors(html: string): string {
  const taken = new Set(
    [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id!),
  );
  return html.replaceAll(
    /<h([1-6])>([^]*?)<\/h\1>/g,
    (_, depth, heading) =>
      `<h${depth} id="${
        newAnchor(textOf(heading), taken)
      }">${heading}</h${depth}>`,
  );
}

/** Elements that stand within words. */
const INLINE = /<\/?(?:a|b|code|em|i|span|strong|sub|sup)\b[^>]*>|\u200B/g;

/** HTML without its tags; formulas are said once, as they are drawn. */
export function textOf(html: string): string {
  return html.replaceAll(/<math\b[^]*?<\/math>/g, "").replaceAll(INLINE, "")
    .replaceAll(/<[^>]*>/g, " ").replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&").replaceAll(/\s+/g, " ").trim();
}

/** The id that GitHub gives a heading; a number tells equal ones apart. */
function newAnchor(heading: string, taken: Set<string>): string {
  const plain = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");
  let anchor = plain;
  for (let at = 1; taken.has(anchor); at++) anchor = `${plain}-${at}`;
  taken.add(anchor);
  return anchor;
}
