/** What a WebGPU adapter says about itself; browsers hide part of it. @module */
import { limitsOf } from "../tfjs/kernel/limits.ts";
import type { BackendInfo } from "./backend_info.ts";

/** What an adapter says about itself. */
export type DescribedAdapter = NonNullable<BackendInfo["adapter"]>;

/** Software adapters by what their drivers call them. */
const SOFTWARE =
  /llvmpipe|lavapipe|softpipe|swiftshader|basic render|^(software|warp)$/i;

/** Describes an adapter; what it hides is empty. */
export function describedAdapter(
  { info }: Pick<GPUAdapter, "info">,
): DescribedAdapter {
  const { vendor, architecture = "", description } = info;
  return {
    vendor,
    architecture,
    description,
    isFallbackAdapter: info.isFallbackAdapter ||
      [description, architecture].some((name) => SOFTWARE.test(name)),
  };
}

/** The words that tell an adapter from others, as far as a browser tells them. */
export function adapterName(
  { vendor, architecture, description }: DescribedAdapter,
): string {
  return [vendor, architecture, description].filter(Boolean).join(" ");
}

/**
 * A text that two adapters share only if nothing tells them apart. Two of one vendor
 * may have no description, as in Chrome, but another architecture or other limits.
 */
export function identityOfAdapter(adapter: GPUAdapter): string {
  return JSON.stringify([
    adapterName(describedAdapter(adapter)),
    adapter.info.device,
    [...adapter.features].sort(),
    Object.entries(limitsOf(adapter)).sort(),
  ]);
}
