/** Short convolutions as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  SHORT_CONVOLUTION,
  type ShortConvolutionAttributes,
} from "../../operations/short_convolution.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import { registerJob } from "../../tfjs/wasm/kernel.ts";
import { LION_JOBS } from "./jobs.ts";

export function registerShortConvolution(host: KernelHost): void {
  registerJob<typeof LION_JOBS.shortConvolution, ShortConvolutionAttributes>(
    host,
    SHORT_CONVOLUTION,
    {
      job: LION_JOBS.shortConvolution,
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
