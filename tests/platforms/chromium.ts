/** Chromium, where it is installed. @module */
import { type Browser, chromium } from "playwright-core";
import { findChromium } from "../../tools/lab/install.ts";

/** The path of Chromium, if it is installed. */
export const CHROMIUM = await findChromium();

/**
 * Playwright's pipes and timers belong to the browser, and outlive a step of it:
 * Deno would take them for leaks of the test's own.
 */
export const KEEPS_BROWSER = { sanitizeOps: false, sanitizeResources: false };

/** Starts Chromium, with a GPU in software if it is asked for. */
export function launch(gpu = false): Promise<Browser> {
  const args = gpu
    ? [
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      "--enable-features=Vulkan",
    ]
    : ["--disable-gpu"];
  return chromium.launch({
    executablePath: CHROMIUM!,
    args: ["--no-sandbox", ...args],
  });
}

/** Tells a time beside what idle cores should need; tests never assert a speed. */
export function tellTime(
  what: string,
  milliseconds: number,
  most: number,
): void {
  console.log(
    `${what}: ${milliseconds.toFixed(0)} ms, of at most ${most} on idle ` +
      `cores; load ${Deno.loadavg()[0]}`,
  );
}
