/** SwiftShader, a Vulkan driver that computes on the CPU, as it comes with Chromium. @module */

/** Where Debian, Ubuntu and Google put it. */
const DRIVERS = [
  "/usr/lib/chromium/vk_swiftshader_icd.json",
  "/usr/lib/chromium-browser/vk_swiftshader_icd.json",
  "/opt/google/chrome/vk_swiftshader_icd.json",
];

/** The path of what Vulkan's loader reads of it. */
export async function findSwiftShader(): Promise<string | undefined> {
  for (const path of DRIVERS) {
    try {
      await Deno.stat(path);
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}
