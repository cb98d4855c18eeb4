import { createHash } from "node:crypto";

/** What a page may load and run, by the directives of a Content-Security-Policy. */
export type ContentPolicy = Readonly<Record<string, readonly string[]>>;

/** Of every page: what it does not name is forbidden. */
const STRICTEST: ContentPolicy = {
  "default-src": ["'none'"],
  "base-uri": ["'none'"],
  "form-action": ["'none'"],
};

/**
 * The element that gives a page its policy; pages are opened as files, which no
 * server sends headers for. It comes before all that it is to hold for.
 *
 * @param allowed What the page needs: sources by directive.
 */
export function policyElement(allowed: ContentPolicy): string {
  return `<meta http-equiv="Content-Security-Policy" content="${
    policyText(allowed)
  }">`;
}

/** A policy as headers have it. */
export function policyText(allowed: ContentPolicy): string {
  return Object.entries({ ...STRICTEST, ...allowed })
    .map(([name, sources]) => [name, ...new Set(sources)].join(" "))
    .join("; ");
}

/** Allows an inline script or style, as its source is now. */
export function hashSource(source: string): string {
  return `'sha256-${createHash("sha256").update(source).digest("base64")}'`;
}

/**
 * Allows the inline scripts of HTML, which has to be our own: taken from a whole
 * page, it would allow what a text of data has put there.
 */
export function scriptHashes(html: string): string[] {
  return [...html.matchAll(/<script>([^]*?)<\/script>/g)]
    .map(([, source]) => hashSource(source!));
}
