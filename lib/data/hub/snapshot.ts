/** All files of a hub's repository at one commit, or some of them. @module */
import { nodeModule } from "@lionjs/base/files";
import { optionsOf } from "@lionjs/base";
import { notKept, type Opened, opened, storeOf, treeOf } from "./commit.ts";
import { HubError, named } from "./hub_error.ts";
import {
  assertHubOptions,
  DOWNLOAD_OPTIONS,
  type HubDownloadOptions,
  type HubProgress,
} from "./hub_options.ts";
import { pathMatcher, type PathPatterns } from "./patterns.ts";
import type { HubFile } from "./tree.ts";

/** Options of {@linkcode hubSnapshot}. */
export interface HubSnapshotOptions extends HubDownloadOptions {
  /**
   * Patterns of the files to download: `*` matches any characters, even
   * slashes, `?` matches one, and `"onnx/"` all files in that folder.
   * @default all
   */
  include?: PathPatterns | undefined;
  /** Patterns of files to leave out, even if `include` selects them. @default none */
  exclude?: PathPatterns | undefined;
}

const OPTIONS = optionsOf<HubSnapshotOptions>()(
  DOWNLOAD_OPTIONS,
  "include exclude",
);

/** A folder with the files of a commit. */
export interface HubSnapshot {
  /** The folder's path. */
  readonly folder: string;
  /** The commit. */
  readonly commit: string;
  /** The requested files' paths in the folder. */
  readonly files: readonly string[];
}

/** Files that are downloaded at once. */
const AT_ONCE = 4;

/**
 * Downloads a repository, or a part of it, from the Hugging Face hub to a
 * folder.
 *
 * The folder is in the cache that Python's libraries use too. Cached files are
 * not downloaded again, interrupted downloads continue, and every file's digest
 * is checked before it appears. If the hub does not answer, the files of the
 * last call are used. Concurrent calls and processes download a file once.
 *
 * @example A hub of one file
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { hubSnapshot } from "@lionjs/lion/hub";
 *
 * const commit = "c0ffee".padEnd(40, "0");
 * const oid = "9e26dfeeb6e641a33dae4961196235bdb965b21b"; // git hash-object
 * const answers: Record<string, unknown> = {
 *   "/api/models/me/tiny/revision/main": { sha: commit },
 *   [`/api/models/me/tiny/tree/${commit}`]: [
 *     { type: "file", path: "config.json", size: 2, oid },
 *   ],
 *   [`/me/tiny/resolve/${commit}/config.json`]: {},
 * };
 * const { folder, files } = await hubSnapshot("me/tiny", {
 *   cache: await Deno.makeTempDir(),
 *   endpoint: "https://hub.example",
 *   fetch: (url) =>
 *     Promise.resolve(Response.json(answers[new URL(String(url)).pathname])),
 * });
 * assertEquals(files, ["config.json"]);
 * assertEquals(await Deno.readTextFile(`${folder}/config.json`), "{}");
 * ```
 *
 * @param repo The repository, such as `"google/vit-base-patch16-224"`.
 * @param options See {@linkcode HubSnapshotOptions}.
 * @returns The folder, its commit and its files.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or no file matches.
 * @throws {Error} If the hub refuses, or still fails after all retries; the
 * message says what to do. Also in a page, which has no folders.
 */
export async function hubSnapshot(
  repo: string,
  options: HubSnapshotOptions = {},
): Promise<HubSnapshot> {
  assertHubOptions("hubSnapshot", options, OPTIONS);
  const { include = "*", exclude = [], progress } = options;
  const isIn = pathMatcher("include", include);
  const isOut = pathMatcher("exclude", exclude);
  if (!nodeModule("node:fs/promises")) {
    throw new Error(
      "hubSnapshot() needs folders, which a page does not have; get single files with hubFile(), or a model with fromPretrained()",
    );
  }
  const hub = await opened("hubSnapshot", repo, options);
  const { repository, store, commit, offline } = hub;
  const tree = await treeOf(hub);
  // Without a manifest, the files that another program has cached.
  const paths = tree?.map(({ path }) => path) ?? await store.pathsOf(commit);
  const wanted = paths.filter((path) => isIn(path) && !isOut(path));
  if (offline !== undefined && paths.length === 0) {
    throw new HubError(
      `${
        named(repository)
      } is not in ${store.name}, and the hub cannot be asked (${offline})`,
    );
  }
  if (wanted.length === 0) {
    throw new RangeError(
      `include and exclude should leave some of the ${paths.length} files of ${
        named(repository)
      }, got none`,
    );
  }
  const entries = tree?.filter(({ path }) => wanted.includes(path)) ?? [];
  await keepAll(hub, entries, progress);
  return {
    folder: `${store.name}/snapshots/${commit}`,
    commit,
    files: wanted,
  };
}

/** Downloads the files that are not cached, several at once; the first error ends all. */
export async function keepAll(
  hub: Opened,
  entries: readonly HubFile[],
  progress: ((progress: HubProgress) => void) | undefined,
): Promise<void> {
  const { repository, store, commit } = hub;
  const report = reporter(entries, progress);
  const lacking: HubFile[] = [];
  for (const entry of entries) {
    if (await store.find(commit, entry.path, entry)) report(entry, entry.size);
    else lacking.push(entry);
  }
  if (lacking.length === 0) return;
  if (hub.offline !== undefined) {
    throw notKept(hub, lacking.map(({ path }) => path));
  }
  const failed = new AbortController();
  const { signal } = repository;
  const own = storeOf({
    ...repository,
    signal: AbortSignal.any([failed.signal, ...(signal ? [signal] : [])]),
  });
  const queue = lacking.values();
  const work = async () => {
    // All downloads take entries from the same iterator.
    for (const entry of queue) {
      try {
        await own.keep(commit, entry, (bytes) => report(entry, bytes));
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }
  };
  const all = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  signal?.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  const other = all.find(({ status }) => status === "rejected");
  if (other) throw (other as PromiseRejectedResult).reason;
}

/** Makes the function that adds up the bytes of all files, and reports the progress. */
export function reporter(
  entries: readonly HubFile[],
  progress: ((progress: HubProgress) => void) | undefined,
): (file: HubFile, bytes: number) => void {
  const counts = new Map<string, number>();
  const totalSize = entries.reduce((sum, { size }) => sum + size, 0);
  let totalBytes = 0;
  return ({ path, size }, bytes) => {
    totalBytes += bytes - (counts.get(path) ?? 0);
    counts.set(path, bytes);
    progress?.({ path, bytes, size, totalBytes, totalSize });
  };
}
