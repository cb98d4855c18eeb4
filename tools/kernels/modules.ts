/**
 * The WebAssembly modules that are built: where their sources lie, their jobs, and
 * which file of the assembly does the tasks of a job.
 *
 * @module
 */
import { ATTENTION, LION_JOBS } from "../../lib/kernels/wasm/jobs.ts";
import type { Fields, Jobs } from "../../lib/tfjs/wasm/job.ts";
import { JOBS } from "../../lib/tfjs/wasm/jobs.ts";

/** A module that is built. */
export interface ModuleSource {
  /** The folder of the assembly in `lib`; what is built goes to `built` beside it. */
  readonly folder: string;
  readonly jobs: Jobs;
  /** The files of jobs, within the folder. */
  readonly files: Readonly<Record<string, string>>;
  /** The records that several jobs share, by their names in the source. */
  readonly shared: Readonly<Record<string, Fields>>;
}

/** TensorFlow.js's kernels and optimizers, and what other modules are made of too. */
export const GENERAL: ModuleSource = {
  folder: "tfjs/wasm/assembly",
  jobs: JOBS,
  files: {
    matmul: "math/matmul",
    update: "optimizers/update",
    gemv: "math/gemv",
    elementwise: "elementwise/elementwise",
    reduce: "reductions/reduce",
    cumulate: "reductions/cumulate",
    softmaxRows: "reductions/softmax_rows",
    move: "moves/move",
    gatherRows: "moves/gather_rows",
    scatterRows: "moves/scatter_rows",
    convolution: "convolution/convolution_job",
    gelu: "elementwise/gelu",
    squareSums: "optimizers/square_sums",
    depthwise: "convolution/depthwise",
  } satisfies Record<keyof typeof JOBS, string>,
  shared: {},
};

/** LION's kernels. */
export const LION: ModuleSource = {
  folder: "kernels/wasm/assembly",
  jobs: LION_JOBS,
  files: {
    chunkwiseForward: "chunkwise/chunkwise_job",
    chunkwiseBackward: "chunkwise/chunkwise_job",
    layerNorm: "layer/layer_norm",
    splitHeads: "layer/split_heads",
    softmax: "softmax/softmax_job",
    fullForward: "full/full_forward",
    recurrentForward: "recurrent/recurrent",
    delta: "delta/delta_job",
    selectiveScan: "scan/scan_job",
    shortConvolution: "layer/convolution",
    rmsNorm: "layer/rms_norm",
    splitDirections: "layer/split_directions",
    joinDirections: "layer/join_directions",
    uniform: "layer/uniform",
    crossEntropy: "layer/cross_entropy",
    tokenDecay: "layer/token_decay",
    tokenMean: "layer/token_mean",
  } satisfies Record<keyof typeof LION_JOBS, string>,
  shared: { attention: ATTENTION },
};
