/**
 * Models and files of the Hugging Face hub, and folders of models.
 *
 * @module
 */
export { type HubProgress } from "../data/hub/hub_options.ts";
export { hubSnapshot } from "../data/hub/snapshot.ts";
export { hubBytes, hubFile, hubFiles } from "../data/hub/hub_file.ts";
export {
  fromPretrained,
  type Pretrained,
} from "./pretrained/from_pretrained.ts";
export { savePretrained } from "./pretrained/save_pretrained.ts";
export type { LionConfig } from "./pretrained/lion_config.ts";
