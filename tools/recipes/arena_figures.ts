import type { LongRangeArenaTask } from "@lionjs/lion/datasets";
import type { Published } from "./recipe.ts";

/**
 * Accuracy on Long Range Arena, the paper's Tables 5 and 7, for recipes on its tasks and
 * on tasks that are like them. On Path-X all without HiPPO's decays were at chance.
 */
export const ARENA_FIGURES: Readonly<Record<LongRangeArenaTask, Published>> = {
  listops: {
    "LRA's ListOps, paper": {
      ...{ softmax: 36.37, "lion-lit": 16.78, "lion-d": 32.5, "lion-s": 36.34 },
      ...{ "lion-d-hippo": 62, "lion-s-hippo": 62.25 },
    },
  },
  text: {
    "LRA's Text, paper": {
      ...{ softmax: 64.27, "lion-lit": 65.21, "lion-d": 64.5, "lion-s": 60.87 },
      ...{ "lion-d-hippo": 88.78, "lion-s-hippo": 88.1 },
    },
  },
  retrieval: {
    "LRA's Retrieval, paper": {
      ...{ softmax: 57.46, "lion-lit": 54, "lion-d": 50, "lion-s": 55 },
      ...{ "lion-d-hippo": 90.12, "lion-s-hippo": 90.35 },
    },
  },
  image: {
    "LRA's Image, paper": {
      ...{ softmax: 42.44, "lion-lit": 43.29, "lion-d": 47.4, "lion-s": 42.6 },
      ...{ "lion-d-hippo": 85.66, "lion-s-hippo": 86.14 },
    },
  },
  pathfinder: {
    "LRA's Pathfinder, paper": {
      ...{ softmax: 71.4, "lion-lit": 72.78, "lion-d": 73.6, "lion-s": 74.2 },
      ...{ "lion-d-hippo": 90.25, "lion-s-hippo": 91.3 },
    },
  },
  pathx: {
    "LRA's Path-X, paper": { "lion-d-hippo": 97.28, "lion-s-hippo": 97.99 },
  },
};
