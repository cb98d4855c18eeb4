/**
 * Named data sets: MNIST, corpora, synthetic tasks and those of papers.
 * This is the package `@lionjs/datasets`.
 *
 * @module
 */
export * from "@lionjs/datasets";
