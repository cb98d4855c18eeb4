/** The module of LION's kernels. @module */
import type { BuiltModule, Jobs } from "@lionjs/tfjs/wasm";
import { OPERATIONS } from "./built/operations.ts";
import { LION_JOBS } from "./jobs.ts";

export const LION_MODULE: BuiltModule = {
  jobs: OPERATIONS.reduce<Jobs>(
    (jobs, operation) => ({
      ...jobs,
      ...("JOBS" in operation ? operation.JOBS : {}),
    }),
    LION_JOBS,
  ),
  relaxed: () => import("./built/relaxed.ts"),
  strict: () => import("./built/strict.ts"),
};
