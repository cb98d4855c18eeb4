/**
 * TensorFlow.js on all processors, with errors instead of zeros.
 * This is the package `@lionjs/tfjs`.
 *
 * @module
 */
export * from "@lionjs/tfjs";
