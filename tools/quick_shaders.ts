/** The environment in which tests on software WebGPU are quickest. @module */

/**
 * Mesa's compiler takes most of the time on software WebGPU; without LLVM's
 * optimisations it takes two thirds of that, and shaders run nearly as fast.
 */
export const QUICK_SHADERS = { GALLIVM_PERF: "nopt" };
