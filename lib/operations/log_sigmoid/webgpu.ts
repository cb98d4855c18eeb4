/** log σ(x) for WebGPU. @module */
import {
  elementwiseKernel,
  LOG_OF_ONE_PLUS,
  registerFusedKernel,
  SIGMOID,
} from "@lionjs/tfjs/webgpu";
import { LOG_SIGMOID } from "./log_sigmoid.ts";

/** WGSL function: log(sigmoid(x)) of a pack. */
export const LOG_SIGMOID_OF_PACK = /* wgsl */ `${LOG_OF_ONE_PLUS}
fn log_sigmoid(x: Pack) -> Pack { return min(x, Pack()) - log_of_one_plus(exp(-abs(x))); }
`;

export function register(): void {
  registerFusedKernel(LOG_SIGMOID, {
    forward: elementwiseKernel(["x"], ["y"], {
      name: "log_sigmoid",
      functions: LOG_SIGMOID_OF_PACK,
      body: "  y[at] = log_sigmoid(x[at]);",
    }),
    // dx = dy sigmoid(-x)
    gradient: elementwiseKernel(["x", "dy"], ["dx"], {
      name: "log_sigmoid_gradient",
      functions: SIGMOID,
      body: "  dx[at] = dy[at] * sigmoid(-x[at]);",
    }),
  });
}
