// Built by `deno task build` from lib/operations/*/wasm.ts; do not edit.
import * as betweenTokens from "../../../operations/between_tokens/wasm.ts";
import * as crossEntropy from "../../../operations/cross_entropy/wasm.ts";
import * as dense from "../../../operations/dense/wasm.ts";
import * as directions from "../../../operations/directions/wasm.ts";
import * as dropout from "../../../operations/dropout/wasm.ts";
import * as finiteDecay from "../../../operations/finite_decay/wasm.ts";
import * as fixedDecay from "../../../operations/fixed_decay/wasm.ts";
import * as gelu from "../../../operations/gelu/wasm.ts";
import * as heads from "../../../operations/heads/wasm.ts";
import * as layerNorm from "../../../operations/layer_norm/wasm.ts";
import * as logSigmoid from "../../../operations/log_sigmoid/wasm.ts";
import * as padding from "../../../operations/padding/wasm.ts";
import * as rmsNorm from "../../../operations/rms_norm/wasm.ts";
import * as selectiveScan from "../../../operations/selective_scan/wasm.ts";
import * as shortConvolution from "../../../operations/short_convolution/wasm.ts";
import * as sourceDecay from "../../../operations/source_decay/wasm.ts";
import * as spread from "../../../operations/spread/wasm.ts";
import * as tokenDecays from "../../../operations/token_decays/wasm.ts";
import * as tokenMean from "../../../operations/token_mean/wasm.ts";
import * as turned from "../../../operations/turned/wasm.ts";
import * as uniform from "../../../operations/uniform/wasm.ts";

/** The operations that describe their kernels. */
export const OPERATIONS = [
  betweenTokens,
  crossEntropy,
  dense,
  directions,
  dropout,
  finiteDecay,
  fixedDecay,
  gelu,
  heads,
  layerNorm,
  logSigmoid,
  padding,
  rmsNorm,
  selectiveScan,
  shortConvolution,
  sourceDecay,
  spread,
  tokenDecays,
  tokenMean,
  turned,
  uniform,
] as const;
