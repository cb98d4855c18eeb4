/** All figures of the report. @module */
import type { Figures } from "./figure.ts";
import { chunks, forms, lengths, peers } from "./figures/attention.ts";
import { exported } from "./figures/exported.ts";
import { family, newer, scan } from "./figures/family.ts";
import { hessian } from "./figures/hessian.ts";
import {
  large,
  memory,
  models,
  resolutions,
  tokens,
  training,
} from "./figures/models.ts";
import { flags, size } from "./figures/module.ts";
import { operations, products } from "./figures/operations.ts";
import { kernels, launches } from "./figures/profiles.ts";
import {
  mixer,
  optimizers,
  overhead,
  recompute,
  steps,
} from "./figures/training.ts";

/** By their names. */
export const FIGURES: Figures = {
  ...{ forms, lengths, peers, chunks, resolutions, tokens, memory, training },
  ...{
    family,
    newer,
    scan,
    products,
    steps,
    operations,
    models,
    large,
    exported,
    optimizers,
  },
  ...{ mixer, overhead, recompute, hessian, flags, size, launches, kernels },
};
