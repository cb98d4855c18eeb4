/**
 * Files of the Hugging Face hub: downloaded, checked, resumed and kept.
 *
 * @module
 */
export { notKept, opened, treeOf } from "./commit.ts";
export { hubBytes, hubFile, hubFiles } from "./hub_file.ts";
export {
  assertHubOptions,
  DOWNLOAD_OPTIONS,
  type HubDownloadOptions,
  type HubProgress,
} from "./hub_options.ts";
export { assertHubPath, encodedPath, isRepository } from "./hub_paths.ts";
export { hubSnapshot, keepAll } from "./snapshot.ts";
