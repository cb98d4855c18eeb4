/**
 * Models and files of the Hugging Face hub, and folders of models.
 *
 * @module
 */
export {
  type HubDownloadOptions,
  type HubOptions,
  type HubProgress,
} from "../data/hub/hub_options.ts";
export {
  type HubSnapshot,
  hubSnapshot,
  type HubSnapshotOptions,
} from "../data/hub/snapshot.ts";
export { hubBytes, hubFile, hubFiles } from "../data/hub/hub_file.ts";
export type { HubFile } from "../data/hub/tree.ts";
export type { PathPatterns } from "../data/hub/patterns.ts";
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
