/** Subgroups: threads that can read each other's registers. @module */

/** What a shader needs to know of a device's subgroups. */
export interface Subgroups {
  /** Threads per subgroup. */
  readonly size: number;
  /**
   * The directive at the start of a shader that uses them; compilers differ.
   */
  readonly directive: string;
}

/** The feature, which not every implementation lists that grants it. */
const FEATURE = "subgroups" as GPUFeatureName;

/** As WGSL has it, and as naga did before it knew the directive. */
const DIRECTIVES = ["enable subgroups;\n", ""];

const PROBE = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1)
fn main() { x[0] = subgroupBroadcast(x[0], 0u); }
`;

/**
 * The device of an adapter, with subgroups if there are any.
 *
 * @param adapter The adapter.
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
