/** The commit that a revision is, and its files. @module */
import { HubError, named } from "./hub_error.ts";
import { folderStore } from "./folder_store.ts";
import {
  type HubOptions,
  type Repository,
  repositoryOf,
} from "./hub_options.ts";
import { isCommit } from "./hub_paths.ts";
import type { HubStore } from "./hub_store.ts";
import { pageStore } from "./page_store.ts";
import {
  askCommit,
  askFile,
  askTree,
  type HubFile,
  missing,
  treeFiles,
  treeText,
} from "./tree.ts";

/** A repository at a commit, and where its files are kept. */
export interface Opened extends Resolved {
  readonly repository: Repository;
  readonly store: HubStore;
}

/** A commit, and whether the hub can be asked for its files. */
interface Resolved {
  readonly commit: string;
  /** Why only what is kept can be used; `undefined` if the hub answers. */
  readonly offline: string | undefined;
}

/** The store of a repository: a folder, or in a page the browser's Cache storage. */
export function storeOf(repository: Repository): HubStore {
  return repository.cache === undefined
    ? pageStore(repository)
    : folderStore(repository, repository.cache);
}

/**
 * Opens a repository at the commit of its revision: what the hub says, or where it
 * does not answer, what it said last.
 *
 * @throws {HubError} If the hub says that there is none, or does not answer and
 * has not been asked before.
 */
export async function opened(
  owner: string,
  repo: string,
  options: HubOptions,
): Promise<Opened> {
  const repository = await repositoryOf(owner, repo, options);
  const store = storeOf(repository);
  return { repository, store, ...await resolve(repository, store) };
}

async function resolve(
  repository: Repository,
  store: HubStore,
): Promise<Resolved> {
  const { revision } = repository;
  const offline = repository.offline ? "offline" : undefined;
  if (isCommit(revision)) return { commit: revision, offline };
  const name = `refs/${revision}`;
  const before = (await store.readText(name))?.trim();
  if (offline === undefined) {
    try {
      const commit = await askCommit(repository);
      if (commit !== before) await store.writeText(name, commit);
      return { commit, offline };
    } catch (error) {
      if (!(error instanceof HubError) || !error.isPassing) throw error;
      if (!isCommit(before)) throw error;
      console.warn(
        `${
          named(repository)
        } is used as it is in ${store.name}, which may be old: ${error.message}`,
      );
      return { commit: before, offline: error.message };
    }
  }
  if (isCommit(before)) return { commit: before, offline };
  throw new HubError(
    `${
      named(repository)
    } is not in ${store.name}, and the hub is not asked (offline); load it once without`,
  );
}

/** The manifest of a commit; `undefined` if the hub cannot be asked, and was not before. */
export async function treeOf(
  { repository, store, commit, offline }: Opened,
): Promise<HubFile[] | undefined> {
  const before = await keptTree(store, commit);
  if (before || offline !== undefined) return before;
  const tree = await askTree(repository, commit);
  await store.writeText(treeName(commit), treeText(tree));
  return tree;
}

/** The entry of one file, from the manifest that is kept, or by one request. */
export async function entryOf(opened: Opened, path: string): Promise<HubFile> {
  const { repository, store, commit, offline } = opened;
  const tree = await keptTree(store, commit);
  if (tree) {
    return tree.find((file) => file.path === path) ?? missing(repository, path);
  }
  if (offline !== undefined) throw notKept(opened, [path]);
  return await askFile(repository, commit, path);
}

/** The error where files would have to be downloaded, and cannot be. */
export function notKept(
  { repository, store, offline = "" }: Opened,
  paths: readonly string[],
): HubError {
  const more = paths.length > 3 ? ` and ${paths.length - 3} more` : "";
  return new HubError(
    `${named(repository)} is not whole in ${store.name}: it lacks ${
      paths.slice(0, 3).join(", ")
    }${more}, and the hub cannot be asked (${offline})`,
  );
}

function treeName(commit: string): string {
  return `trees/${commit}.json`;
}

async function keptTree(
  store: HubStore,
  commit: string,
): Promise<HubFile[] | undefined> {
  const text = await store.readText(treeName(commit));
  return text === undefined ? undefined : treeFiles(text);
}
