/** The choice of where files of the hub are kept. @module */
import { folderStore } from "./folder_store.ts";
import type { Repository } from "./hub_options.ts";
import type { HubStore } from "./hub_store.ts";
import { pageStore } from "./page_store.ts";

/** The store of a repository: a folder, or in a page the browser's Cache storage. */
export function storeOf(repository: Repository): HubStore {
  return repository.cache === undefined
    ? pageStore(repository)
    : folderStore(repository, repository.cache);
}
