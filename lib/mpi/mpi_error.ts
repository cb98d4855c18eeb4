/**
 * An error that MPI returned.
 *
 * @example The call that failed, and what MPI said
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MpiError } from "@lionjs/lion/mpi";
 *
 * const error = new MpiError("MPI_Irecv", {
 *   errorClass: "MPI_ERR_TRUNCATE", detail: "message truncated",
 * });
 * assertEquals(error.call, "MPI_Irecv");
 * assertEquals(
 *   error.message,
 *   "MPI_Irecv failed: MPI_ERR_TRUNCATE (message truncated)",
 * );
 * ```
 */
export class MpiError extends Error {
  /** The name of the error. */
  override readonly name = "MpiError";
  /** The function of MPI that failed. */
  readonly call: string;
  /** MPI's class of the error, such as `MPI_ERR_TRUNCATE`, in the implementation's words. */
  readonly errorClass: string;

  /** Makes the error. */
  constructor(
    call: string,
    { errorClass, detail }: { errorClass: string; detail: string },
  ) {
    super(
      `${call} failed: ${errorClass}${
        detail === errorClass ? "" : ` (${detail})`
      }`,
    );
    this.call = call;
    this.errorClass = errorClass;
  }
}
