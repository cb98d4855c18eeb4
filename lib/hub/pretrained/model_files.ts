/** The files of a model in a folder, on the hub, or at an address. @module */
import { shown } from "@lionjs/base";
import { files, ifThere, nodeModule, pathOf } from "@lionjs/base/files";
import { readSafetensors, type Safetensors } from "../../io/safetensors.ts";
import {
  encodedPath,
  type HubDownloadOptions,
  isRepository,
  keepAll,
  notKept,
  opened,
  treeOf,
} from "@lionjs/data/hub";

export interface ModelFiles {
  /** The name of the folder, repository or address in messages. */
  readonly name: string;
  /** Downloads files that will be read, several at once, unless they are local. */
  prepare(paths: readonly string[]): Promise<void>;
  /** Reads a file; `undefined` if there is none. */
  bytes(path: string): Promise<Uint8Array | undefined>;
  /** Reads a safetensors file; `undefined` if there is none. */
  tensors(path: string): Promise<Safetensors | undefined>;
}

/**
 * A package that holds a model, such as the default export of `@lionjs/sudoku`.
 */
export interface ModelPackage {
  /** The folder of the package's files; ends with a slash. */
  readonly url: URL;
  /** What the model does, in a word. */
  readonly task: string;
  /**
   * The addresses of all files by their names, each written out for bundlers, which
   * may move them. @default whatever the folder has
   */
  readonly files?: Readonly<Record<string, URL>> | undefined;
}

/**
 * Finds the files of a model.
 *
 * @param source A folder, the name of a repository, an address, or a package or its
 * name.
 */
export async function modelFiles(
  source: string | URL | ModelPackage,
  options: HubDownloadOptions,
): Promise<ModelFiles> {
  if (isPackage(source)) return filesOfPackage(source, options);
  if (typeof source !== "string" && !(source instanceof URL)) {
    throw new TypeError(
      `fromPretrained's first argument should be a folder, a name of the hub such as "google/vit-base-patch16-224", or what a package such as @lionjs/sudoku exports, got ${
        shown(source)
      }`,
    );
  }
  const text = String(source);
  if (/^https?:\/\//i.test(text)) return filesAt(text, options);
  if (nodeModule("node:fs/promises")) {
    const folder = /^file:\/\//i.test(text) ? pathOf(new URL(text)) : text;
    const info = await files().stat(folder).catch(() => undefined);
    if (info?.isDirectory()) return filesIn(folder.replace(/(.)\/+$/, "$1"));
  }
  if (/^@[\w.-]+\/[\w.-]+$/.test(text)) return await filesOfInstalled(text);
  if (isRepository(text)) {
    try {
      return await filesOfHub(text, options);
    } catch (error) {
      if (error instanceof Error && error.name === "HubError") {
        error.message += `; and there is no folder ${text} here`;
      }
      throw error;
    }
  }
  throw new RangeError(
    `fromPretrained's first argument should be a folder, or a name of the hub such as "google/vit-base-patch16-224", got ${
      shown(text)
    }, which is neither`,
  );
}

function isPackage(source: unknown): source is ModelPackage {
  return typeof source === "object" && source !== null &&
    (source as Partial<ModelPackage>).url instanceof URL;
}

/** The files that a package has beside its program, or where a bundler put them. */
function filesOfPackage(
  { url, files: listed }: ModelPackage,
  options: HubDownloadOptions,
): ModelFiles {
  const own = url.protocol === "file:"
    ? filesIn(pathOf(url).replace(/(.)\/+$/, "$1"))
    : filesAt(url.href, options, listed);
  const isThere = (path: string) => !listed || Object.hasOwn(listed, path);
  const none = Promise.resolve(undefined);
  return {
    ...own,
    bytes: (path) => isThere(path) ? own.bytes(path) : none,
    tensors: (path) => isThere(path) ? own.tensors(path) : none,
  };
}

/**
 * The files of an installed package: in `node_modules` of the current folder or one
 * above it, as Deno and Node look for packages.
 */
async function filesOfInstalled(name: string): Promise<ModelFiles> {
  const folders = nodeModule("node:process")?.cwd().split(/[\\/]/) ?? [];
  for (const above of folders.keys()) {
    const place = `${"../".repeat(above)}node_modules/${name}`;
    const info = await files().stat(place).catch(() => undefined);
    if (info?.isDirectory()) return filesIn(place);
  }
  throw new RangeError(
    `fromPretrained's first argument should be a package in node_modules, got "${name}", which is not installed here; install it, or import it and pass its default export`,
  );
}

function filesIn(folder: string): ModelFiles {
  return {
    name: folder,
    prepare: () => Promise.resolve(),
    bytes: (path) => ifThere(files().readFile(`${folder}/${path}`)),
    tensors: (path) => ifThere(readSafetensors(`${folder}/${path}`)),
  };
}

/** The files of a repository, each downloaded when it is first read. */
async function filesOfHub(
  repo: string,
  options: HubDownloadOptions,
): Promise<ModelFiles> {
  const hub = await opened("fromPretrained", repo, options);
  const { repository, store, commit } = hub;
  const tree = await treeOf(hub);
  const entriesOf = (paths: readonly string[]) =>
    tree?.filter(({ path }) => paths.includes(path)) ?? [];
  const prepare = (paths: readonly string[]) =>
    keepAll(hub, entriesOf(paths), options.progress);
  const find = async (path: string) => {
    if (tree && entriesOf([path]).length === 0) return undefined;
    await prepare([path]);
    const found = await store.find(commit, path);
    // Without a manifest, a file that is not cached may not exist, which is no error.
    if (!found && tree) throw notKept(hub, [path]);
    return found;
  };
  const bytesOf = async (path: string) => {
    const bytes = await (await find(path))?.access();
    return await bytes?.read(0, bytes.size);
  };
  return {
    name: `${repo} of the hub`,
    prepare,
    bytes: bytesOf,
    async tensors(path) {
      const file = await find(path);
      if (!file) return undefined;
      // Of a file on a disk, only one tensor at a time is read into memory.
      if (repository.cache !== undefined) {
        return await readSafetensors(file.location());
      }
      const bytes = await bytesOf(path);
      return await readSafetensors(bytes!);
    },
  };
}

/**
 * The files below an address, such as those next to a web page.
 *
 * @param moved The addresses of files that lie elsewhere.
 */
function filesAt(
  address: string,
  options: HubDownloadOptions,
  moved: Readonly<Record<string, URL>> = {},
): ModelFiles {
  const { fetch: fetched = fetch, signal } = options;
  const folder = address.endsWith("/") ? address : `${address}/`;
  const read = async (path: string) => {
    // Unencoded, a path such as "http:other" would be an address of its own.
    const url = (moved[path] ?? new URL(encodedPath(path), folder)).href;
    const response = await fetched(url, signal ? { signal } : {});
    // Many servers answer with their start page instead of status 404.
    const isPage = response.headers.get("content-type")?.includes("text/html");
    if (response.ok && !isPage) {
      return new Uint8Array(await response.arrayBuffer());
    }
    await response.body?.cancel();
    if (response.status === 404 || isPage) return undefined;
    throw new Error(`${url} answers with status ${response.status}`);
  };
  return {
    name: folder,
    prepare: () => Promise.resolve(),
    bytes: read,
    async tensors(path) {
      const bytes = await read(path);
      return bytes && await readSafetensors(bytes);
    },
  };
}
