/**
 * Puts Dawn in the place of Deno's own WebGPU, so that the same tests run on the
 * implementation that Chrome has: `deno test --preload tests/dawn/preload.ts`.
 *
 * `LION_DAWN` names the adapter: `swiftshader` computes on the CPU, and `null`
 * compiles every text and checks every call, and computes nothing. Either one's
 * devices have the limits that WebGPU guarantees.
 *
 * @module
 */
import { DAWN } from "./package.ts";
import { findSwiftShader } from "../../tools/lab/install.ts";

/** npm's `webgpu`, whose types are in the way of those that Deno has. */
interface Dawn {
  readonly create: (options: readonly string[]) => GPU;
  readonly globals: Readonly<Record<string, unknown>>;
}

const ADAPTERS = ["swiftshader", "null"];
const adapter = Deno.env.get("LION_DAWN") ?? "swiftshader";
if (!ADAPTERS.includes(adapter)) {
  throw new RangeError(
    `LION_DAWN should be one of ${ADAPTERS.join(", ")}, got "${adapter}"`,
  );
}

/** Dawn's options for the adapter. */
async function backendOption(): Promise<string> {
  if (adapter === "null") return "backend=null";
  const driver = await findSwiftShader();
  if (!driver) {
    throw new Error("SwiftShader is missing; see `deno task setup --dawn`");
  }
  // Vulkan's loader reads it when Dawn opens that.
  Deno.env.set("VK_DRIVER_FILES", driver);
  return "backend=vulkan";
}

/** Defines what a page finds in `globalThis` and `navigator`. */
function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, {
    value,
    writable: true,
    configurable: true,
  });
}

/**
 * Lets Dawn sleep for a moment before it looks again whether something has come
 * about. It calls `setImmediate` for each look, tens of thousands of times while
 * SwiftShader computes for a second. Each call makes a function that Deno has to
 * finalize, and Deno searches a list of all such functions for each one that is
 * collected: a training took minutes, most of them in that list.
 */
function lookLessOften(): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const { setImmediate } = globalThis;
  define(globalThis, "setImmediate", (...given: [() => void]) => {
    Atomics.wait(cell, 0, 0, 1);
    return setImmediate(...given);
  });
}

/** Opens devices with what WebGPU guarantees, whatever more they are asked for. */
function openWithGuaranteedLimits(): void {
  const { requestDevice } = GPUAdapter.prototype;
  const open = function (this: GPUAdapter, wanted?: GPUDeviceDescriptor) {
    const { requiredFeatures = [] } = wanted ?? {};
    return requestDevice.call(this, { requiredFeatures });
  };
  define(GPUAdapter.prototype, "requestDevice", open);
}

const option = await backendOption();
const { create, globals }: Dawn = await import(DAWN);
for (const [name, value] of Object.entries(globals)) {
  define(globalThis, name, value);
}
lookLessOften();
openWithGuaranteedLimits();
const gpu = create([option]);
// Tests would be skipped without one.
if (await gpu.requestAdapter() === null) {
  throw new Error(`Dawn has no adapter for ${option}`);
}
define(navigator, "gpu", gpu);
