/** The mean cross-entropy in WebAssembly. @module */
import { IGNORE_INDEX } from "@lionjs/base";
import { sizeOf } from "@lionjs/tfjs/kernel";
import {
  addresses,
  type Call,
  type Fields,
  integers,
  jobsOf,
  type KernelHost,
  OPERATIONS_AN_EXPONENTIAL,
  registerJob,
} from "@lionjs/tfjs/wasm";
import { CROSS_ENTROPY } from "./cross_entropy.ts";

/**
 * The job of the mean cross-entropy of rows of logits, or of its gradient if there is
 * a `dlogits`.
 */
const RECORD = {
  ...integers("rows", "classes", "rowsPerTask"),
  /** The label of rows that do not count. */
  notCounted: "i32",
  /** The factor of a row's loss: one over the number of rows that count. */
  share: "f32",
  smoothing: "f32",
  ...addresses("logits", "labels", "loss", "maxima", "sums"),
  ...addresses("dloss", "dlogits"),
} as const satisfies Fields;

export const JOBS = jobsOf({ crossEntropy: RECORD });

export function register(host: KernelHost): void {
  registerJob(host, CROSS_ENTROPY, {
    job: JOBS.crossEntropy,
    outputs({ inputs: { logits }, make }) {
      const [rows] = logits!.shape as [number, number];
      return { loss: make([]), maxima: make([rows]), sums: make([rows]) };
    },
    numbers: rowsOfLogits,
    operations: ({ inputs: { logits } }) =>
      OPERATIONS_AN_EXPONENTIAL * sizeOf(logits!),
  });
}

function rowsOfLogits({ wasm, inputs, attributes }: Call) {
  const { logits, labels } = inputs;
  const [rows, classes] = logits!.shape as [number, number];
  let counted = 0;
  for (const label of wasm.typedArrayFromHeap(labels!)) {
    if (label !== IGNORE_INDEX) counted++;
  }
  return {
    ...{ rows, classes },
    rowsPerTask: Math.max(1, Math.ceil(4096 / classes)),
    notCounted: IGNORE_INDEX,
    share: 1 / Math.max(1, counted),
    smoothing: attributes["smoothing"] as number,
  };
}
