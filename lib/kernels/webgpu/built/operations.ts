// Built by `deno task build` from lib/operations/*/webgpu.ts; do not edit.
import * as crossEntropy from "../../../operations/cross_entropy/webgpu.ts";
import * as dense from "../../../operations/dense/webgpu.ts";
import * as finiteDecay from "../../../operations/finite_decay/webgpu.ts";
import * as gelu from "../../../operations/gelu/webgpu.ts";
import * as heads from "../../../operations/heads/webgpu.ts";
import * as layerNorm from "../../../operations/layer_norm/webgpu.ts";
import * as logSigmoid from "../../../operations/log_sigmoid/webgpu.ts";
import * as padding from "../../../operations/padding/webgpu.ts";
import * as selectiveScan from "../../../operations/selective_scan/webgpu.ts";
import * as sourceDecay from "../../../operations/source_decay/webgpu.ts";
import * as tokenDecays from "../../../operations/token_decays/webgpu.ts";

/** The operations that describe their kernels. */
export const OPERATIONS = [
  crossEntropy,
  dense,
  finiteDecay,
  gelu,
  heads,
  layerNorm,
  logSigmoid,
  padding,
  selectiveScan,
  sourceDecay,
  tokenDecays,
] as const;
