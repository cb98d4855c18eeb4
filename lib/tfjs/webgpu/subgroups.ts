/** Subgroups: threads that can read each other's registers. @module */

/** A device's subgroups, as far as a shader needs to know them. */
export interface Subgroups {
  /** Threads per subgroup. */
  readonly size: number;
  /**
   * The directive at the start of a shader that uses subgroups; compilers differ.
   */
  readonly directive: string;
}

/** The name of WebGPU's feature, which some implementations grant without listing it. */
const FEATURE = "subgroups" as GPUFeatureName;

/** The directives to try: WGSL's, and none, as for a naga that does not yet know it. */
const DIRECTIVES = ["enable subgroups;\n", ""];

const PROBE = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1)
fn main() { x[0] = subgroupBroadcast(x[0], 0u); }
`;

/**
 * The device of an adapter, with subgroups if there are any.
 *
 * @param wanted The other requirements of the device.
 */
export async function deviceWithSubgroups(
  adapter: GPUAdapter,
  wanted: GPUDeviceDescriptor & { readonly requiredFeatures: GPUFeatureName[] },
): Promise<GPUDevice> {
  const requiredFeatures = [...new Set([...wanted.requiredFeatures, FEATURE])];
  try {
    return await adapter.requestDevice({ ...wanted, requiredFeatures });
  } catch {
    return await adapter.requestDevice(wanted);
  }
}

/**
 * The subgroups of a device.
 *
 * @returns Undefined if it has none, if their size is unknown, or if its
 * compiler rejects shaders that use them.
 */
export async function subgroupsOf(
  device: GPUDevice,
  { subgroupMinSize: size, subgroupMaxSize }: GPUAdapterInfo,
): Promise<Subgroups | undefined> {
  if (!device.features.has(FEATURE)) return undefined;
  if (!size || size !== subgroupMaxSize) return undefined;
  for (const directive of DIRECTIVES) {
    device.pushErrorScope("validation");
    device.createShaderModule({ code: directive + PROBE });
    if (await device.popErrorScope() === null) return { size, directive };
  }
  return undefined;
}
