/** The module of TensorFlow.js's kernels and of optimizers. @module */
import type { BuiltModule } from "./binary.ts";
import { JOBS } from "./jobs.ts";

export const MODULE: BuiltModule = {
  jobs: JOBS,
  relaxed: () => import("./built/relaxed.ts"),
  strict: () => import("./built/strict.ts"),
};
