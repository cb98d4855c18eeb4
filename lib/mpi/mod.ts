/**
 * Several processes, on one machine or many, that compute together over MPI.
 * It needs Deno on Linux, with MPICH or Open MPI installed; see `docs/cluster.md`.
 *
 * @module
 */
export type { Communicator } from "@lionjs/base";
export { MpiCommunicator } from "./mpi_communicator.ts";
export { MpiError } from "./mpi_error.ts";
export { openMpi } from "./open_mpi.ts";
