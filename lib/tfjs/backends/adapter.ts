/** The description of a WebGPU adapter, of which browsers hide a part. @module */
import { limitsOf } from "../kernel/limits.ts";
import type { OpenedBackend } from "./opened_backend.ts";

/** The description of an adapter by its driver. */
export type DescribedAdapter = NonNullable<OpenedBackend["adapter"]>;

/** The names that drivers give to software adapters. */
const SOFTWARE =
  /llvmpipe|lavapipe|softpipe|swiftshader|basic render|^(software|warp)$/i;

/** Describes an adapter; hidden fields are empty. */
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

/**
 * An adapter's vendor, architecture and description as one text, without those
 * that are hidden.
 */
export function adapterName(
  { vendor, architecture, description }: DescribedAdapter,
): string {
  return [vendor, architecture, description].filter(Boolean).join(" ");
}

/**
 * A text that is the same for two adapters only if nothing distinguishes them.
 * Two of one vendor may have no description, as in Chrome, but another
 * architecture or other limits.
 */
export function identityOfAdapter(adapter: GPUAdapter): string {
  return JSON.stringify([
    adapterName(describedAdapter(adapter)),
    adapter.info.device,
    [...adapter.features].sort(),
    Object.entries(limitsOf(adapter)).sort(),
  ]);
}
