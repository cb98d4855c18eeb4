/** The module of LION's kernels. @module */
import type { BuiltModule } from "../../tfjs/wasm/binary.ts";
import { LION_JOBS } from "./jobs.ts";

export const LION_MODULE: BuiltModule = {
  jobs: LION_JOBS,
  relaxed: () => import("./built/relaxed.ts"),
  strict: () => import("./built/strict.ts"),
};
