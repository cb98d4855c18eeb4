/**
 * Figures, tables, prose and progress in Jupyter.
 * This is the package `@lionjs/notebook`.
 *
 * @module
 */
export * from "@lionjs/notebook";
