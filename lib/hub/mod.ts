/**
 * Models and files of the Hugging Face hub, and folders of models.
 *
 * @module
 */
export {
  type HubDownloadOptions,
  type HubOptions,
  type HubProgress,
} from "./files/hub_options.ts";
export {
  type HubSnapshot,
  hubSnapshot,
  type HubSnapshotOptions,
} from "./files/snapshot.ts";
export { hubBytes, hubFile, hubFiles } from "./files/hub_file.ts";
export type { HubFile } from "./files/tree.ts";
export type { PathPatterns } from "./files/patterns.ts";
export {
  fromPretrained,
  type FromPretrainedOptions,
  type Pretrained,
} from "./pretrained/from_pretrained.ts";
export type { Preprocessing } from "./pretrained/preprocessing.ts";
export {
  savePretrained,
  type SavePretrainedOptions,
} from "./pretrained/save_pretrained.ts";
export type {
  HuggingFaceConfig,
  LionConfig,
  LionModel,
  LionOptions,
  PretrainedConfig,
} from "./pretrained/lion_config.ts";
