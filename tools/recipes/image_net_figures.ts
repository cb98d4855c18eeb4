import type { Figures } from "./recipe.ts";

/** Accuracy on ImageNet by the size of models, the paper's Tables 2 and 12; softmax is DeiT. */
export const IMAGENET_FIGURES: Readonly<
  Record<"tiny" | "small" | "base", Readonly<Figures>>
> = {
  tiny: {
    ...{ softmax: 72.2, "lion-lit": 68.9, "lion-d": 72.4, "lion-s": 72.4 },
    ...{ "lion-d-snake": 74.2, "lion-s-snake": 73.5, vim: 76.1 },
  },
  small: {
    ...{ softmax: 79.8, "lion-lit": 72.4, "lion-d": 73.5, "lion-s": 74 },
    ...{ "lion-d-snake": 79.9, "lion-s-snake": 79.6, hydra: 78.6, vim: 80.3 },
  },
  base: {
    ...{ softmax: 81.8, "lion-lit": 74.7, "lion-d": 77.8, "lion-s": 76.3 },
    ...{ "lion-d-snake": 80.2, "lion-s-snake": 79.9, hydra: 81, vim: 81.9 },
  },
};
