/**
 * A failure of WebGPU: a shader that does not validate, exhausted memory, or a
 * lost device.
 *
 * @example Continuing without the GPU
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

/** The expressions by which implementations quote the label of a shader or its pipeline. */
const LABELS = [
  // naga and wgpu: "Shader 'CumProgram' parsing error: …", "ShaderModule with 'CumProgram' label …".
  /label(?: is)? [`'"]([^`'"]+)/,
  /Shader(?:Module with)? '([^']+)'/,
  // Dawn: [Invalid ShaderModule "CumProgram"], [ComputePipelineDescriptor ""CumProgram""].
  /\[(?:Invalid )?\w*(?:ShaderModule|Pipeline|BindGroup)\w* "+([^"]+)"/,
];

/** One exception for all errors that the device reported since the last read. */
export function reported(
  errors: readonly Pick<GPUError, "message">[],
): GpuError {
  const text = errors.map((error) => error.message.trim()).join("\n");
  const name = LABELS.map((label) => label.exec(text)?.[1]).find(Boolean);
  return new GpuError(
    `WebGPU reported ${
      errors.length === 1 ? "an error" : `${errors.length} errors`
    }${name ? ` in shader ${name}` : ""}, so the result is not valid:\n${text}`,
    { cause: errors[0], ...(name ? { shader: name } : {}) },
  );
}
