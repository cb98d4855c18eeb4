/**
 * A failure of WebGPU: a shader that does not validate, exhausted memory, or a
 * lost device.
 */
export class GpuError extends Error {
  /** The name of the error. */
  override readonly name = "GpuError";
  /** The shader that failed, if the driver's message names one. */
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
