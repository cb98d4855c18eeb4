/** Kernels of WebGPU that copy integers. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { copyHalves, COPYING, type Halving } from "../../halves.ts";
import { runElementwise } from "../elementwise.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import { integerKernel } from "./integer_kernel.ts";
import { sizeOf } from "../../kernel_call.ts";
import { makeOutput } from "../program.ts";

/** Extends a copying kernel of floats to integers. */
export function copyingKernel(
  stock: tf.KernelFunc,
  name: string,
): tf.KernelFunc {
  return integerKernel(
    stock,
    name,
    (webgpu, call) => copyHalves(stock, name, call, halvingOf(webgpu)),
    COPYING[name],
  );
}

/** The {@linkcode Halving} of integers on the GPU. */
function halvingOf(webgpu: StrictWebGPUBackend): Halving {
  return {
    half(x, half) {
      const y = makeOutput(webgpu, x.shape, "float32");
      runElementwise(webgpu, {
        name: "half",
        variants: [half],
        width: 1,
        elements: { x: "i32" },
        reads: { x },
        writes: { y },
        body: `  y[at] = f32(x[at] ${
          half === "high" ? ">> 16u" : "& 0xffff"
        });`,
      });
      return y;
    },
    join(halves, dtype) {
      const [high, low] = halves.length === 2 ? halves : [undefined, halves[0]];
      const y = makeOutput(webgpu, low!.shape, dtype);
      if (sizeOf(low!) === 0) return y;
      runElementwise(webgpu, {
        name: "join_halves",
        variants: [high ? "two" : "one"],
        width: 1,
        elements: { y: "i32" },
        reads: { low: low!, ...(high && { high }) },
        writes: { y },
        body: `  y[at] = ${
          high ? "(i32(high[at]) << 16u) | " : ""
        }i32(low[at]);`,
      });
      return y;
    },
    dispose: ({ dataId }) => webgpu.disposeData(dataId),
  };
}
