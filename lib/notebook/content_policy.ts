import { createHash } from "node:crypto";

/** A Content-Security-Policy: the sources that a page may load and run, by directive. */
export type ContentPolicy = Readonly<Record<string, readonly string[]>>;

/** The directives of every page: all that a page's own do not allow is forbidden. */
const STRICTEST: ContentPolicy = {
  "default-src": ["'none'"],
  "base-uri": ["'none'"],
  "form-action": ["'none'"],
};

/**
 * The element that gives a page its policy; pages are opened as files, for which no
 * server sends headers. It must precede everything to which it applies.
 */
export function policyElement(allowed: ContentPolicy): string {
  return `<meta http-equiv="Content-Security-Policy" content="${
    policyText(allowed)
  }">`;
}

/** The text of a policy, as in an HTTP header. */
export function policyText(allowed: ContentPolicy): string {
  return Object.entries({ ...STRICTEST, ...allowed })
    .map(([name, sources]) => [name, ...new Set(sources)].join(" "))
    .join("; ");
}

/** The source expression that allows an inline script or style of exactly this text. */
export function hashSource(source: string): string {
  return `'sha256-${createHash("sha256").update(source).digest("base64")}'`;
}

/**
 * The source expressions that allow the inline scripts of HTML, which must be our own:
 * given a whole page, this would also allow scripts that came in with data.
 */
export function scriptHashes(html: string): string[] {
  return [...html.matchAll(/<script>([^]*?)<\/script>/g)]
    .map(([, source]) => hashSource(source!));
}
