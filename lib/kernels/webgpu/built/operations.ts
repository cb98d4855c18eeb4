// Built by `deno task build` from lib/operations/*/webgpu.ts; do not edit.
import * as crossEntropy from "../../../operations/cross_entropy/webgpu.ts";
import * as gelu from "../../../operations/gelu/webgpu.ts";
import * as heads from "../../../operations/heads/webgpu.ts";
import * as layerNorm from "../../../operations/layer_norm/webgpu.ts";
import * as padding from "../../../operations/padding/webgpu.ts";

/** The operations that describe their kernels. */
export const OPERATIONS = [
  crossEntropy,
  gelu,
  heads,
  layerNorm,
  padding,
] as const;
