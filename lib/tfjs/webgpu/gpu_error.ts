/** A failure of WebGPU: a shader that does not validate, memory that ran out, a lost device. */
export class GpuError extends Error {
  /** The class of error. */
  override readonly name = "GpuError";
  /** The shader that failed, where the message of the driver names one. */
  readonly shader: string | undefined;

  /**
   * Makes the error.
   *
   * @param message What failed, with the text of the compiler or the driver.
   * @param options `shader`: the shader that failed; `cause`: the error behind this one.
   */
  constructor(
    message: string,
    options: { shader?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.shader = options.shader;
  }
}
