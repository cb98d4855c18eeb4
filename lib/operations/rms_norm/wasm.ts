/** Root mean square normalisation in WebAssembly. @module */
import { sizeOf } from "@lionjs/tfjs/kernel";
import {
  addresses,
  type Call,
  type Fields,
  integers,
  jobsOf,
  type KernelHost,
  OPERATIONS_AN_ELEMENT,
  registerJob,
} from "@lionjs/tfjs/wasm";
import { normRows } from "../layer_norm/wasm.ts";
import { RMS_NORM } from "./rms_norm.ts";

/**
 * The job of root mean square normalisation of rows, or of its gradient if there is a
 * `dy`; `gate` is 0 for none.
 */
const RECORD = {
  ...integers("rows", "columns", "rowsPerTask"),
  epsilon: "f32",
  ...addresses("x", "scale", "gate", "y", "dy", "dx", "dscale", "dgate"),
} as const satisfies Fields;

export const JOBS = jobsOf({ rmsNorm: RECORD });

export function register(host: KernelHost): void {
  registerJob(host, RMS_NORM, {
    job: JOBS.rmsNorm,
    outputs: ({ inputs, make }) => ({ y: make(inputs["x"]!.shape) }),
    numbers: ({ inputs, attributes }: Call) =>
      normRows(inputs["x"]!, attributes),
    operations: ({ inputs: { x, dy } }) =>
      (dy ? 2 : 1) * OPERATIONS_AN_ELEMENT * sizeOf(x!),
  });
}
