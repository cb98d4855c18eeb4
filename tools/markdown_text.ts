/** Texts of data in Markdown, where they are text and nothing else. @module */
import { mapTexts } from "../lib/notebook/jupyter/html.ts";

/**
 * What means something to Markdown wherever it stands, and dollars, between
 * which pages have formulas. An entity begins with &, an address of others ends
 * a scheme with ://, and is known by www. and @, too.
 */
const SPECIAL =
  /[\\`*_[\]<|~$]|&(?=#?\w+;)|:(?=\/\/)|(?<=\bwww)\.|(?<=\S)@(?=\S)/gi;

/** What means something where a block begins. */
const AT_START = /^(?:[#>+=-]|\d+(?=[.)](?:\s|$)))/;

/** A text in a line of Markdown: entities stand for what would be markup. */
function markdownText(text: string): string {
  return escaped(text).trim().replace(AT_START, entities);
}

/** Data whose texts are {@linkcode markdownText}. */
export function asMarkdownTexts<T>(data: T): T {
  return mapTexts(data, markdownText);
}

/** Code of a {@linkcode markdownText}; a span between backticks knows no entities. */
export function codeOf(text: string): string {
  // Where a block begins does not matter within a line.
  const escaped = text.replace(/^&#45;/, "-");
  return escaped.includes("&") ? `<code>${escaped}</code>` : `\`${escaped}\``;
}

/** A text in which nothing but code between backticks is markup. */
export function textWithCode(text: string): string {
  return text.replaceAll(
    /`([^`]+)`|[^`]+|`/g,
    (part, code) => code === undefined ? escaped(part) : codeOf(escaped(code)),
  ).trim().replace(AT_START, entities);
}

/** A table; its cells are Markdown. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  return [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function escaped(text: string): string {
  return text
    // deno-lint-ignore no-control-regex
    .replaceAll(/[\s\x00-\x1f\x7f]+/g, " ")
    .replaceAll(SPECIAL, entities);
}

function entities(text: string): string {
  return Array.from(text, (character) => `&#${character.codePointAt(0)};`)
    .join("");
}

/**
 * Markdown whose tables have no spaces that only align columns, which in wide
 * tables are a third of the file, and in a line that changes move all others.
 */
export function withoutPadding(markdown: string): string {
  return markdown.replaceAll(/^\|.*\|$/gm, (row) => {
    const short = row.replaceAll(/ +(?=\|)|(?<=\|) +/g, " ");
    const isRule = /^[-:| ]+$/.test(short);
    return isRule ? short.replaceAll(/-+/g, "---") : short;
  });
}
