/** All figures of the report. @module */
import { chunks, forms, lengths } from "./attention_figures.ts";
import { family } from "./family_figure.ts";
import type { FigureMaker } from "./figure.ts";
import { kernels } from "./kernels_figure.ts";
import { memory, resolutions, tokens, training } from "./model_figures.ts";
import { flags } from "./models/flags_figure.ts";
import { mixer } from "./models/mixer_figure.ts";
import { launches } from "./models/launches_figure.ts";
import { large, models } from "./models/models_figure.ts";
import { operations } from "./models/operations_figure.ts";
import { optimizers } from "./models/optimizers_figure.ts";
import { overhead } from "./models/overhead_figure.ts";
import { recompute } from "./models/recompute_figure.ts";
import { size } from "./models/size_figure.ts";
import { peers } from "./peers_figure.ts";
import { products } from "./products_figure.ts";
import { scan } from "./scan_figure.ts";
import { steps } from "./steps_figure.ts";
import type { FigureName } from "../../measure/report_file.ts";

/** How each is measured. */
export const FIGURES: Readonly<Record<FigureName, FigureMaker>> = {
  ...{ forms, lengths, peers, chunks, resolutions, tokens, memory, training },
  ...{ family, scan, products, steps, operations, models, large, optimizers },
  ...{ mixer, overhead, recompute, flags, size, launches, kernels },
};
