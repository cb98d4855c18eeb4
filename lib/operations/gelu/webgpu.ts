/** GELU, x Φ(x) with the normal distribution Φ, for WebGPU. @module */
import { GELU } from "./gelu.ts";
import { elementwiseKernel, registerFusedKernel } from "@lionjs/tfjs/webgpu";

/**
 * WGSL functions of GELU's terms: the normal distribution Φ(x) = erfc(-x / √2) / 2,
 * where `bell` is e^(-x²/2), by Abramowitz and Stegun, 7.1.26, off by at most 0.75e-7;
 * and the derivative Φ(x) + x φ(x), with the normal density φ.
 */
export const GELU_TERMS = /* wgsl */ `
fn bell(x: Pack) -> Pack { return exp(-0.5 * x * x); }

fn normal(x: Pack, bell: Pack) -> Pack {
  let t = 1.0 / (1.0 + ${0.3275911 * Math.SQRT1_2} * abs(x));
  let polynomial = t * (0.254829592 + t * (-0.284496736 +
    t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let tail = 0.5 * polynomial * bell;
  return select(1.0 - tail, tail, x < Pack());
}

fn derivative(x: Pack, bell: Pack, normal: Pack) -> Pack {
  return normal + x * (${1 / Math.sqrt(2 * Math.PI)} * bell);
}
`;

/** Registers the kernels of GELU: y = x Φ(x), and dx = dy (Φ(x) + x φ(x)). */
export function register(): void {
  registerFusedKernel(GELU, {
    forward: elementwiseKernel(["x"], ["y"], {
      name: "gelu",
      functions: GELU_TERMS,
      body: "  y[at] = x[at] * normal(x[at], bell(x[at]));",
    }),
    gradient: elementwiseKernel(["x", "dy"], ["dx"], {
      name: "gelu_gradient",
      functions: GELU_TERMS,
      body: /* wgsl */ `  let height = bell(x[at]);
  dx[at] = dy[at] * derivative(x[at], height, normal(x[at], height));`,
    }),
  });
}
