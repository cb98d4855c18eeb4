/** The rules of all kernels, by name. @module */
import { ARRAYS } from "./arrays.ts";
import { ATTENTION } from "./attention.ts";
import { DECAYS } from "./decays.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { LAYERS } from "./layers.ts";
import type { Rules } from "./rule.ts";
import { SEQUENCES } from "./sequences.ts";
import { SWEEPS } from "./sweeps.ts";

/** Every kernel that can be written as ONNX. */
export const RULES: Rules = {
  ...ELEMENTWISE,
  ...ARRAYS,
  ...LAYERS,
  ...DECAYS,
  ...SWEEPS,
  ...SEQUENCES,
  ...ATTENTION,
};
