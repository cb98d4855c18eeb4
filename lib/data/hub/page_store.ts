/** Files of the hub in a page: in the browser's Cache storage, where there is one. @module */
import { messageOf, warnOnce } from "@lionjs/base";
import { blobBytes } from "../../data/bytes/blob_bytes.ts";
import { digestOfParts } from "./digest.ts";
import { download } from "./download.ts";
import type { Repository } from "./hub_options.ts";
import { shared } from "./shared_work.ts";
import type { HubStore, KeptFile } from "./hub_store.ts";
import { addressOf } from "./tree.ts";

const NAME = "lion-hub";

/** The store of a repository in the page's own Cache storage. */
export function pageStore(repository: Repository): HubStore {
  const { endpoint, type, repo } = repository;
  // Cache storage has addresses as keys; these ones are never fetched.
  const at = (name: string) => `${endpoint}/${type}s/${repo}/${name}`;
  return {
    name: "the browser's Cache storage",
    async readText(name) {
      return await (await (await cache())?.match(at(name)))?.text();
    },
    async writeText(name, text) {
      await put(at(name), new Response(text), name);
    },
    async find(commit, path, entry) {
      const found = await (await cache())?.match(
        addressOf(repository, commit, path),
      );
      const blob = await found?.blob();
      const isThere = blob && (entry === undefined || entry.size === blob.size);
      return isThere ? kept(blob, path) : undefined;
    },
    async pathsOf(commit) {
      const start = addressOf(repository, commit, "");
      const keys = await (await cache())?.keys() ?? [];
      return keys.filter(({ url }) => url.startsWith(start))
        .map(({ url }) => decodeURIComponent(url.slice(start.length)));
    },
    async keep(commit, file, onBytes) {
      const address = addressOf(repository, commit, file.path);
      const { signal, token = "" } = repository;
      const work = `${address}\n${token}`;
      const blob = await shared(
        work,
        { signal, onBytes },
        async (signal, onBytes) => {
          let parts: Uint8Array<ArrayBuffer>[] = [], size = 0;
          const part = {
            get size() {
              return size;
            },
            append(bytes: Uint8Array<ArrayBuffer>) {
              parts.push(bytes);
              size += bytes.length;
              return Promise.resolve();
            },
            restart() {
              [parts, size] = [[], 0];
              return Promise.resolve();
            },
            digest: () => digestOfParts(file, parts),
          };
          await download(
            { ...repository, signal },
            commit,
            file,
            part,
            onBytes,
          );
          const blob = new Blob(parts);
          await put(address, new Response(blob), file.path);
          return blob;
        },
      );
      return kept(blob, file.path);
    },
  };
}

function kept(blob: Blob, path: string): KeptFile {
  return {
    location: () => URL.createObjectURL(blob),
    access: () => Promise.resolve(blobBytes(blob, path)),
  };
}

/**
 * Caches a file; if the storage is full, the page still has the file that it
 * downloaded.
 */
async function put(
  address: string,
  content: Response,
  path: string,
): Promise<void> {
  await (await cache())?.put(address, content).catch((error) =>
    console.warn(`${path} is not kept: ${messageOf(error)}`)
  );
}

/**
 * The page's Cache storage, which addresses that are not secure lack, and browsers
 * refuse to some pages, such as those in a frame without an origin.
 */
async function cache(): Promise<Cache | undefined> {
  try {
    return "caches" in globalThis ? await caches.open(NAME) : undefined;
  } catch (error) {
    warnOnce("hub's storage", `files are not kept: ${messageOf(error)}`);
    return undefined;
  }
}
