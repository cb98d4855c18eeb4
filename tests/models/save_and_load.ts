/** A model through files. @module */
import { type LayersModel, loadLayersModel } from "@tensorflow/tfjs-layers";
import "../../lib/io/mod.ts";
import { withFolder } from "../io/files.ts";

/** Saves a model, and loads what was saved. */
export async function saveAndLoad(model: LayersModel): Promise<LayersModel> {
  let loaded: LayersModel;
  await withFolder(async (folder) => {
    await model.save(`file://${folder}/model`);
    loaded = await loadLayersModel(`file://${folder}/model/model.json`);
  });
  return loaded!;
}
