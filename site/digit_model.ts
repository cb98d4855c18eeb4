/** The classifier of drawn digits: what is trained, and what the page loads. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionViT } from "@lionjs/lion";
import { DEPTH, HEADS, PATCH, SIDE } from "./sizes.ts";

/** LION-S over the patches of a picture: `[batch, 28, 28, 1]` to `[batch, 10]`. */
export function digitModel(seed: number): LayersModel {
  return lionViT({
    imageSize: SIDE,
    patchSize: PATCH,
    channels: 1,
    dim: 64,
    numHeads: HEADS,
    depth: DEPTH,
    numClasses: 10,
    mlpRatio: 2,
    classToken: "none",
    variant: "s",
    seed,
  });
}
