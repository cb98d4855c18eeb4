/** Text for a panel of the page to try. @module */

/** The sentences of a document in Markdown, without code, tables and marks. */
export function plainText(markdown: string): string {
  return markdown
    .replaceAll(/^```[\s\S]*?^```$/gm, "")
    .replaceAll(/^\s*\|.*$/gm, "")
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/^#+ |[`*_$\\]/gm, "")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}
