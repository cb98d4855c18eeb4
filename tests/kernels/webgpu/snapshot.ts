import { assertEquals } from "@std/assert";
import type { Shader } from "../../../lib/tfjs/webgpu/shader.ts";

/**
 * Compares a shader with its committed text; `LION_UPDATE_SNAPSHOTS=1` rewrites
 * that.
 */
export async function assertSnapshot(
  name: string,
  { key, code, dispatch }: Shader,
): Promise<void> {
  const file = new URL(`snapshots/${name}.wgsl`, import.meta.url);
  const text = `// ${key}\n// dispatch ${dispatch.join(" × ")}\n${code()}`;
  if (Deno.env.get("LION_UPDATE_SNAPSHOTS") === "1") {
    await Deno.writeTextFile(file, text);
  }
  assertEquals(text, await Deno.readTextFile(file));
}
