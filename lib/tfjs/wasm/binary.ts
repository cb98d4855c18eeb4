/** The choice of a module's binary that an engine runs. @module */
import type { Jobs, KernelModule } from "./job.ts";

/** A module as it was built, for engines with relaxed SIMD and for those without it. */
export interface BuiltModule {
  readonly jobs: Jobs;
  /** Loads a binary: zlib's format in base64. */
  relaxed(): Promise<{ readonly BINARY: string }>;
  strict(): Promise<{ readonly BINARY: string }>;
}

/**
 * A module with a function of one instruction of relaxed SIMD, `f32x4.relaxed_madd`.
 *
 * Format: https://webassembly.github.io/spec/core/binary/modules.html
 */
const RELAXED_SIMD = new Uint8Array([
  ...[0, 97, 115, 109, 1, 0, 0, 0],
  // A type, of a function that returns a vector, and the function.
  ...[1, 5, 1, 96, 0, 1, 123],
  ...[3, 2, 1, 0],
  // The function's code: three vectors, the instruction, and the end.
  ...[10, 19, 1, 17, 0],
  ...[65, 1, 253, 15, 65, 1, 253, 15, 65, 1, 253, 15],
  ...[253, 133, 2, 11],
]);

/** Loads a module with the fastest binary that this engine runs. */
export async function loadModule(
  { jobs, relaxed, strict }: BuiltModule,
): Promise<KernelModule> {
  const load = WebAssembly.validate(RELAXED_SIMD) ? relaxed : strict;
  return { binary: await unpacked(await load()), jobs };
}

/** A binary as bytes. */
export async function unpacked(
  { BINARY }: { readonly BINARY: string },
): Promise<Uint8Array<ArrayBuffer>> {
  const unzip = new DecompressionStream("deflate");
  const binary = new Blob([decodeBase64(BINARY)]).stream().pipeThrough(unzip);
  return new Uint8Array(await new Response(binary).arrayBuffer());
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const { fromBase64 } = Uint8Array as Partial<typeof Uint8Array>;
  // Node has `fromBase64` from version 25 on.
  if (fromBase64) return fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}
