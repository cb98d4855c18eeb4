/** The environment in which tests on software WebGPU are quickest. @module */

/**
 * Mesa's compiler takes most of the time on software WebGPU. Without LLVM's
 * optimisations it takes two thirds of that, and in vectors of 128 bits, which need
 * half the instructions of those of 256, two thirds of the rest; shaders run nearly
 * as fast.
 */
export const QUICK_SHADERS = {
  GALLIVM_PERF: "nopt",
  LP_NATIVE_VECTOR_WIDTH: "128",
};
