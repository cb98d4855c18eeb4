/**
 * Several processes that compute together, by MPI.
 * This is the package `@lionjs/mpi`.
 *
 * @module
 */
export * from "@lionjs/mpi";
