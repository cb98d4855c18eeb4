/**
 * Models and files of the Hugging Face hub, and folders of models.
 *
 * @module
 */
export { hubBytes, hubFile, hubFiles, hubSnapshot } from "@lionjs/data/hub";
export {
  fromPretrained,
  type Pretrained,
} from "./pretrained/from_pretrained.ts";
export { savePretrained } from "./pretrained/save_pretrained.ts";
export type { ModelPackage } from "./pretrained/model_files.ts";
export type { LionConfig } from "./pretrained/lion_config.ts";
