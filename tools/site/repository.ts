/** Where the repository is, for pages that lead there. @module */
import { escapeHTML } from "../../lib/notebook/jupyter/html.ts";

/**
 * The repository's address; a release sets it. While it is `null` the packages are
 * not published either, and no page has a command that would need one of them.
 */
export const REPOSITORY: string | null = null;

/** A link that all ways of the page to try begin with, as it is written there. */
const DOCUMENTATION = '<a href="docs/index.html">Documentation</a>';

/** The link to the repository, where there is one. */
export function repositoryLink(address = REPOSITORY): string {
  return address === null
    ? ""
    : `<a href="${escapeHTML(address)}">Repository</a>`;
}

/** The page to try with a link to the repository in its ways and in its header. */
export function withRepository(html: string, address = REPOSITORY): string {
  return html.replaceAll(
    DOCUMENTATION,
    () => DOCUMENTATION + repositoryLink(address),
  );
}
