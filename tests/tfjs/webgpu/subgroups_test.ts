/** Subgroups, of devices that have them and of some that have not. */
import { assertEquals } from "@std/assert";
import {
  deviceWithSubgroups,
  subgroupsOf,
} from "../../../lib/tfjs/webgpu/subgroups.ts";
import { onEachBackend } from "../../backends.ts";

const SUBGROUPS = "subgroups" as GPUFeatureName;

const sizes = (subgroupMinSize: number, subgroupMaxSize: number) =>
  ({ subgroupMinSize, subgroupMaxSize }) as GPUAdapterInfo;

/** An adapter that grants some features only. */
function adapterOf(granted: readonly string[]) {
  const requestDevice = ({ requiredFeatures }: {
    requiredFeatures: readonly string[];
  }) => {
    const features = new Set(requiredFeatures);
    return requiredFeatures.every((name) => granted.includes(name))
      ? Promise.resolve({ features })
      : Promise.reject(new TypeError("not granted"));
  };
  return { requestDevice } as unknown as GPUAdapter;
}

Deno.test("deviceWithSubgroups() asks for them, and does without", async () => {
  const wanted = { requiredFeatures: ["shader-f16"] as GPUFeatureName[] };
  for (const granted of [["shader-f16"], ["shader-f16", "subgroups"]]) {
    const device = await deviceWithSubgroups(adapterOf(granted), wanted);
    assertEquals([...device.features], granted as GPUFeatureName[]);
  }
});

onEachBackend("subgroupsOf() gives a text that compiles", async () => {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const device = await deviceWithSubgroups(adapter, { requiredFeatures: [] });
  const info = sizes(8, 8);
  const subgroups = await subgroupsOf(device, info);
  assertEquals(subgroups !== undefined, device.features.has(SUBGROUPS));
  if (subgroups) {
    const { size, directive } = subgroups;
    assertEquals(size, 8);
    device.pushErrorScope("validation");
    device.createShaderModule({
      code: `${directive}
@compute @workgroup_size(8)
fn main() { _ = subgroupAdd(1.0); }`,
    });
    assertEquals(await device.popErrorScope(), null);
  }
  // Of which no text can say what a lane reads.
  assertEquals(await subgroupsOf(device, sizes(4, 8)), undefined);
  assertEquals(await subgroupsOf(device, {} as GPUAdapterInfo), undefined);
  device.destroy();

  const plain = (await navigator.gpu.requestAdapter())!;
  const without = await plain.requestDevice();
  assertEquals(await subgroupsOf(without, info), undefined);
  without.destroy();
}, ["webgpu"]);
