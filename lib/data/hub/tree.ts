/** The files of a commit: the manifest that downloads are compared with. @module */
import { shown } from "@lionjs/base";
import { HubError, named } from "./hub_error.ts";
import type { Repository } from "./hub_options.ts";
import { assertHubPath, encodedPath, isCommit, urlOf } from "./hub_paths.ts";
import { askJSON, MOST_OF_JSON } from "./request.ts";

/** A file of a repository. */
export interface HubFile {
  /** The file's path in the repository. */
  readonly path: string;
  /** The file's size in bytes. */
  readonly size: number;
  /**
   * The digest of the file's content in hexadecimal: SHA-256 (64 digits) for a
   * large file (LFS), else Git's SHA-1 of a blob (40 digits).
   */
  readonly digest: string;
}

/** The most pages of a listing, of a thousand files each. */
const MOST_PAGES = 10_000;

/** The address of the hub's interface for a repository. */
function interfaceOf({ endpoint, type, repo }: Repository): string {
  return `${endpoint}/api/${type}s/${repo}`;
}

export function addressOf(
  { endpoint, type, repo }: Repository,
  commit: string,
  path: string,
): string {
  const folder = type === "dataset" ? "datasets/" : "";
  return `${endpoint}/${folder}${repo}/resolve/${commit}/${encodedPath(path)}`;
}

export async function askCommit(repository: Repository): Promise<string> {
  const revision = encodeURIComponent(repository.revision);
  const url = `${interfaceOf(repository)}/revision/${revision}`;
  const { value } = await askJSON(repository, url);
  const { sha } = Object(value);
  if (isCommit(sha)) return sha;
  throw new HubError(
    `${url} should have a commit of 40 digits as its sha, got ${shown(sha)}`,
  );
}

/** Asks the hub for all files of a commit. */
export async function askTree(
  repository: Repository,
  commit: string,
): Promise<HubFile[]> {
  const found: HubFile[] = [];
  const first = `${interfaceOf(repository)}/tree/${commit}?recursive=true`;
  const asked = new Set<string>();
  let bytes = 0;
  for (let url: string | undefined = first; url !== undefined;) {
    asked.add(url);
    const { value, size, headers } = await askJSON(repository, url, {
      most: MOST_OF_JSON - bytes,
    });
    bytes += size;
    for (const file of filesIn(value, url)) found.push(file);
    url = nextPage(first, headers);
    if (url !== undefined && asked.has(url)) {
      throw new HubError(
        `the listing of ${named(repository)} should go on after ${
          shown(url)
        }, got the same page again`,
      );
    }
    if (asked.size > MOST_PAGES) {
      throw new HubError(
        `the listing of ${named(repository)} has more than ${MOST_PAGES} pages`,
      );
    }
  }
  return found;
}

/**
 * The address of a listing's next page: the first one's with the query that the
 * hub names. A mirror names another host's, which is not asked.
 */
function nextPage(first: string, headers: Headers): string | undefined {
  const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(headers.get("link") ?? "");
  const named = link ? urlOf(link[1]!, first) : undefined;
  if (!named) return undefined;
  const next = new URL(first);
  next.search = named.search;
  return next.href;
}

export async function askFile(
  repository: Repository,
  commit: string,
  path: string,
): Promise<HubFile> {
  const url = `${interfaceOf(repository)}/paths-info/${commit}`;
  const { value } = await askJSON(repository, url, {
    body: { paths: [path] },
  });
  const file = filesIn(value, url).find((file) => file.path === path);
  return file ?? missing(repository, path);
}

export function missing(repository: Repository, path: string): never {
  throw new HubError(
    `${named(repository)} has no file ${
      shown(path)
    }; hubFiles() lists those it has`,
  );
}

function filesIn(listing: unknown, url: string): HubFile[] {
  if (!Array.isArray(listing)) {
    throw new HubError(
      `${url} should be a list of files, got ${shown(listing)}`,
    );
  }
  return listing.filter((entry) => Object(entry).type === "file").map(
    (entry) => {
      const { path, size, oid, lfs } = entry;
      return lfs === undefined || lfs === null
        ? checkedFile(url, 40, path, size, oid)
        : checkedFile(url, 64, path, Object(lfs).size, Object(lfs).oid);
    },
  );
}

/**
 * Throws unless a listing's file is one: its digest and its path become names of
 * files here.
 */
function checkedFile(
  url: string,
  digits: number,
  path: string,
  size: number,
  digest: string,
): HubFile {
  assertHubPath(`a file that ${url} lists`, path);
  if (
    Number.isSafeInteger(size) && size >= 0 && typeof digest === "string" &&
    digest.length === digits && /^[0-9a-f]+$/.test(digest)
  ) return { path, size, digest };
  throw new HubError(
    `${url} should list ${path} with a size and a digest of ${digits} digits, got ${
      shown(size)
    } and ${shown(digest)}`,
  );
}

/** The content of a file of `trees/`, as huggingface_hub writes it. */
interface TreeFile {
  readonly format_version: 1;
  readonly files: Readonly<
    Record<
      string,
      { size: number; blob_id: string; lfs_sha256?: string; lfs_size?: number }
    >
  >;
}

export function treeText(files: readonly HubFile[]): string {
  const entries = files.map(({ path, size, digest }) => [
    path,
    digest.length === 64
      ? { size, blob_id: digest, lfs_sha256: digest, lfs_size: size }
      : { size, blob_id: digest },
  ]);
  const tree: TreeFile = {
    format_version: 1,
    files: Object.fromEntries(entries),
  };
  return JSON.stringify(tree);
}

/** The files of a manifest's text; `undefined` if it is none. */
export function treeFiles(text: string): HubFile[] | undefined {
  try {
    const tree = JSON.parse(text);
    if (tree.format_version !== 1) return undefined;
    return Object.entries((tree as TreeFile).files).map(([path, entry]) => {
      const { size, blob_id, lfs_sha256, lfs_size } = entry;
      return lfs_sha256 === undefined || lfs_sha256 === null
        ? checkedFile("the cache", 40, path, size, blob_id)
        : checkedFile("the cache", 64, path, lfs_size ?? size, lfs_sha256);
    });
  } catch {
    return undefined; // damaged, or of another version: it is made anew
  }
}
