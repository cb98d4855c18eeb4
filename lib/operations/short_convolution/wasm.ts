/** Short convolutions in WebAssembly. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  addresses,
  type Fields,
  integers,
  jobsOf,
  type KernelHost,
  registerJob,
} from "@lionjs/tfjs/wasm";
import {
  SHORT_CONVOLUTION,
  type ShortConvolutionAttributes,
} from "./short_convolution.ts";

/**
 * The job of a short convolution, or of its gradient if there is a `dy`. Tap k of token
 * t reads token t + first + step k.
 */
const RECORD = {
  ...integers("batch", "length", "channels", "taps", "first", "step"),
  /** Whether SiLU is applied to the sums. */
  silu: "i32",
  ...addresses("x", "weight", "bias", "segments"),
  y: "usize",
  ...addresses("dy", "dx", "dweight", "dbias"),
} as const satisfies Fields;

export const JOBS = jobsOf({ shortConvolution: RECORD });

export function register(host: KernelHost): void {
  registerJob<typeof JOBS.shortConvolution, ShortConvolutionAttributes>(
    host,
    SHORT_CONVOLUTION,
    {
      job: JOBS.shortConvolution,
      outputs: ({ inputs, make }) => ({ y: make(inputs["x"]!.shape) }),
      numbers: ({ inputs: { x, weight }, attributes }) => {
        const [batch, length, channels] = x!.shape as tf.Tensor3D["shape"];
        const taps = weight!.shape[1]!;
        const { first, step, silu } = attributes;
        return {
          ...{ batch, length, channels, taps, first, step },
          silu: Number(silu),
        };
      },
      operations: ({ inputs: { x, weight } }) =>
        tf.util.sizeFromShape(x!.shape) * (2 * weight!.shape[1]! + 20),
    },
  );
}
