/**
 * A failure of WebGPU: a shader that does not validate, exhausted memory, or a
 * lost device.
 *
 * @example Going on without the GPU
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { GpuError, useBackend } from "@lionjs/lion";
 *
 * // Computes anew where a GPU fails; what was in its memory is lost.
 * async function safely<T>(compute: () => Promise<T>): Promise<T> {
 *   try {
 *     return await compute();
 *   } catch (error) {
 *     if (!(error instanceof GpuError)) throw error;
 *     await useBackend({ prefer: ["wasm", "cpu"] });
 *     return await compute();
 *   }
 * }
 * let runs = 0;
 * const answer = await safely(() => {
 *   if (++runs === 1) throw new GpuError("the device was lost");
 *   return Promise.resolve(42);
 * });
 * assertEquals([answer, runs], [42, 2]);
 * ```
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
