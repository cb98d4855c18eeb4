/** Finds links that lead nowhere. @module */

/** The files of a site by their paths; text or bytes. */
export type Files = ReadonlyMap<string, string | Uint8Array>;

/**
 * The links of pages to files and anchors that are not there, as "page: link".
 *
 * @param elsewhere Folders whose files are made in another way.
 */
export function brokenLinks(
  files: Files,
  elsewhere: readonly string[] = [],
): string[] {
  return [...files].flatMap(([page, content]) => {
    if (!page.endsWith(".html") || typeof content !== "string") return [];
    const links = content.matchAll(/<[^>]+\s(?:href|src)="([^"]*)"/g);
    return [...links].map(([, link]) => link!).filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const { pathname, hash } = new URL(link, `file:///${page}`);
      const path = decodeURIComponent(pathname.slice(1));
      if (elsewhere.some((folder) => path.startsWith(folder))) return false;
      const target = files.get(
        path === "" || path.endsWith("/") ? `${path}index.html` : path,
      );
      if (target === undefined) return true;
      const anchor = decodeURIComponent(hash.slice(1));
      return anchor !== "" && !`${target}`.includes(`id="${anchor}"`);
    }).map((link) => `${page}: ${link}`);
  });
}
