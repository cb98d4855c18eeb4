/**
 * Models and files of the Hugging Face hub, and folders of models.
 *
 * @module
 */
export {
  type HubDownloadOptions,
  type HubOptions,
  type HubProgress,
} from "./hub_options.ts";
export {
  hubSnapshot,
  type HubSnapshot,
  type HubSnapshotOptions,
} from "./snapshot.ts";
export { hubBytes, hubFile, hubFiles } from "./hub_file.ts";
export type { HubFile } from "./tree.ts";
export type { PathPatterns } from "./patterns.ts";
