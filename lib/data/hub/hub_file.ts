/** Single files of the hub. @module */
import type { RandomAccess } from "../../data/bytes/random_access.ts";
import { urlBytes } from "../../data/bytes/url_bytes.ts";
import { entryOf, notKept, opened, treeOf } from "./commit.ts";
import { HubError, named } from "./hub_error.ts";
import {
  assertHubOptions,
  DOWNLOAD_OPTIONS,
  HUB_OPTIONS,
  type HubDownloadOptions,
  type HubOptions,
} from "./hub_options.ts";
import { assertHubPath } from "./hub_paths.ts";
import { retrying, send } from "./request.ts";
import { reporter } from "./snapshot.ts";
import { addressOf, type HubFile } from "./tree.ts";

/**
 * Downloads one file from the Hugging Face hub, unless it is cached.
 *
 * @example A hub of one file
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hubFile } from "@lionjs/lion/hub";
 *
 * const commit = "c0ffee".padEnd(40, "0");
 * const oid = "9e26dfeeb6e641a33dae4961196235bdb965b21b"; // git hash-object
 * const answers: Record<string, unknown> = {
 *   "/api/models/me/tiny/revision/main": { sha: commit },
 *   [`/api/models/me/tiny/paths-info/${commit}`]: [
 *     { type: "file", path: "config.json", size: 2, oid },
 *   ],
 *   [`/me/tiny/resolve/${commit}/config.json`]: {},
 * };
 * const path = await hubFile("me/tiny", "config.json", {
 *   cache: await Deno.makeTempDir(),
 *   endpoint: "https://hub.example",
 *   fetch: (url) =>
 *     Promise.resolve(Response.json(answers[new URL(String(url)).pathname])),
 * });
 * assertEquals(await Deno.readTextFile(path), "{}");
 * ```
 *
 * @param repo The repository, such as `"google/vit-base-patch16-224"`.
 * @param path The file's path in it.
 * @param options See {@linkcode HubDownloadOptions}.
 * @returns The path of the local file, which must not be written to. A page has
 * no files and gets a Blob's URL, for `fetch` and the page's elements; release
 * it by `URL.revokeObjectURL`.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 * @throws {Error} If the hub refuses, or still fails after all retries;
 * the message says what to do.
 */
export async function hubFile(
  repo: string,
  path: string,
  options: HubDownloadOptions = {},
): Promise<string> {
  assertHubOptions("hubFile", options, DOWNLOAD_OPTIONS);
  assertHubPath("path", path);
  const hub = await opened("hubFile", repo, options);
  const { store, commit } = hub;
  const found = await store.find(commit, path);
  if (found) return found.location();
  const entry = await entryOf(hub, path);
  if (hub.offline !== undefined) throw notKept(hub, [path]);
  const report = reporter([entry], options.progress);
  const kept = await store.keep(commit, entry, (bytes) => report(entry, bytes));
  return kept.location();
}

/**
 * Lists the files of a repository on the Hugging Face hub.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hubFiles } from "@lionjs/lion/hub";
 *
 * const commit = "c0ffee".padEnd(40, "0");
 * const oid = "9e26dfeeb6e641a33dae4961196235bdb965b21b";
 * const answers: Record<string, unknown> = {
 *   "/api/models/me/tiny/revision/main": { sha: commit },
 *   [`/api/models/me/tiny/tree/${commit}`]: [
 *     { type: "file", path: "config.json", size: 2, oid },
 *   ],
 * };
 * const files = await hubFiles("me/tiny", {
 *   cache: await Deno.makeTempDir(),
 *   endpoint: "https://hub.example",
 *   fetch: (url) =>
 *     Promise.resolve(Response.json(answers[new URL(String(url)).pathname])),
 * });
 * assertEquals(files, [{ path: "config.json", size: 2, digest: oid }]);
 * ```
 *
 * @param repo The repository, such as `"allenai/c4"`.
 * @param options See {@linkcode HubOptions}.
 * @returns The files, in the hub's order.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 * @throws {Error} If the hub refuses, or still fails after all retries.
 */
export async function hubFiles(
  repo: string,
  options: HubOptions = {},
): Promise<HubFile[]> {
  assertHubOptions("hubFiles", options, HUB_OPTIONS);
  const hub = await opened("hubFiles", repo, options);
  const tree = await treeOf(hub);
  if (tree) return tree;
  throw new HubError(
    `the files of ${
      named(hub.repository)
    } are not listed in ${hub.store.name}, and the hub cannot be asked (${hub.offline})`,
  );
}

/**
 * Reads parts of a file on the Hugging Face hub by range requests, for instance
 * a few columns of a Parquet file of gigabytes. Nothing is stored, and digests,
 * which need whole files, are not checked; a cached file is read from the
 * cache.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hubBytes } from "@lionjs/lion/hub";
 *
 * const commit = "c0ffee".padEnd(40, "0");
 * const letters = new TextEncoder().encode("abcdef");
 * const bytes = await hubBytes("me/tiny", "letters", {
 *   revision: commit,
 *   cache: await Deno.makeTempDir(),
 *   endpoint: "https://hub.example",
 *   fetch(_, init) {
 *     const range = new Headers(init?.headers).get("range")!;
 *     const [first, last] = range.match(/\d+/g)!.map(Number) as [number, number];
 *     const headers = { "content-range": `bytes ${first}-${last}/6` };
 *     const body = letters.slice(first, last + 1);
 *     return Promise.resolve(new Response(body, { status: 206, headers }));
 *   },
 * });
 * assertEquals(new TextDecoder().decode(await bytes.read(2, 3)), "cde");
 * ```
 *
 * @param repo The repository.
 * @param path The file's path in it.
 * @param options See {@linkcode HubOptions}.
 * @returns The bytes.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 * @throws {Error} If the hub refuses, or still fails after all retries.
 */
export async function hubBytes(
  repo: string,
  path: string,
  options: HubOptions = {},
): Promise<RandomAccess> {
  assertHubOptions("hubBytes", options, HUB_OPTIONS);
  assertHubPath("path", path);
  const hub = await opened("hubBytes", repo, options);
  const { repository, store, commit } = hub;
  const found = await store.find(commit, path);
  if (found) return await found.access();
  if (hub.offline !== undefined) throw notKept(hub, [path]);
  return await urlBytes(addressOf(repository, commit, path), {
    fetch(url, init) {
      const headers = Object.fromEntries(new Headers(init?.headers));
      return retrying(
        repository,
        (watch) => send(repository, String(url), { headers, ...watch }),
      );
    },
  });
}
