/** An error that MPI has returned. */
export class MpiError extends Error {
  /** The class of error. */
  override readonly name = "MpiError";
  /** The function of MPI that failed. */
  readonly call: string;
  /** MPI's class of the error, in the implementation's words. */
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
