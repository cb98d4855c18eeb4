/** Patterns of paths, as in a shell. @module */
import { shown } from "@lionjs/base";

/** One or several patterns of paths; see {@linkcode HubSnapshotOptions}. */
export type PathPatterns = string | readonly string[];

/** Makes a function that says whether a path fits one of the patterns. */
export function pathMatcher(
  name: string,
  patterns: PathPatterns,
): (path: string) => boolean {
  const all = [patterns].flat();
  const other = all.findIndex((pattern) => typeof pattern !== "string");
  if (other >= 0) {
    throw new TypeError(
      `${name} should be a pattern such as "*.json", or a list of them, got ${
        shown(all[other])
      }`,
    );
  }
  const whole = all.map((pattern) =>
    pattern.endsWith("/") ? `${pattern}*` : pattern
  );
  return (path) => whole.some((pattern) => fits(path, pattern));
}

/**
 * Whether a text fits a pattern with `*` (any letters, `/` too) and `?` (one
 * letter), in a time bounded by the product of their lengths.
 */
function fits(text: string, pattern: string): boolean {
  let at = 0, next = 0, star = -1, from = 0;
  while (at < text.length) {
    if (pattern[next] === "*") {
      star = next++;
      from = at;
    } else if (pattern[next] === "?" || pattern[next] === text[at]) {
      next++;
      at++;
    } else if (star >= 0) {
      // The last star takes one letter more.
      next = star + 1;
      at = ++from;
    } else return false;
  }
  while (pattern[next] === "*") next++;
  return next === pattern.length;
}
