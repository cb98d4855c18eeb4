/**
 * TensorFlow.js's WebGPU backend, made to fail loudly.
 *
 * Stock tfjs asks for a device with the default limits and never listens to
 * its errors: a shader that does not compile, a buffer over a limit, or a lost
 * device then reads as zeros. This backend owns its device, with all that the
 * adapter offers, and turns each of these into an exception.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { nodeModule } from "../contract/node_module.ts";
import { GpuError } from "./gpu_error.ts";
import { limitsOf } from "./limits.ts";

/**
 * wgpu frees a bind group only when its JavaScript object is collected, and
 * Mesa's software driver maps a page for each. Linux allows a process 65,530
 * maps: after as many launches without a full collection, the next one ends
 * the process with a segmentation fault. So on software adapters one is forced
 * after this many launches, which take seconds there.
 */
const LAUNCHES_BETWEEN_COLLECTIONS = 16_384;

/** Forces a full garbage collection, where the host lets us. */
type Collector = () => void;

function garbageCollector(): Collector | undefined {
  nodeModule("node:v8")?.setFlagsFromString("--expose-gc");
  return nodeModule("node:vm")?.runInNewContext("gc");
}

/** Tensors numbered `from` < id <= `to` may hold garbage, because of `error`. */
interface Suspects {
  readonly from: number;
  readonly to: number;
  readonly error: GpuError;
}

/** A WebGPU backend whose reads throw when the work behind them failed. */
export class StrictWebGPUBackend extends WebGPUBackend {
  /** Why the device is gone, or `undefined` while it works. */
  lost: GpuError | undefined;
  #newest = 0;
  #clean = 0;
  #pending: GPUError[] = [];
  #suspects: Suspects[] = [];

  #launches = 0;
  #collect: Collector | undefined;

  constructor(
    device: GPUDevice,
    adapterInfo: GPUAdapterInfo,
    collect?: Collector,
  ) {
    super(device, adapterInfo);
    this.#collect = collect;
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      // Typed as a plain Event in Deno.
      this.#pending.push((event as GPUUncapturedErrorEvent).error);
    });
    device.lost.then((info) => {
      this.lost = new GpuError(
        `The GPU device was lost (${info.reason}): ${
          info.message || "no reason given"
        }; call useBackend() again and rebuild your tensors`,
      );
    });
  }

  /** Numbers each tensor, so that an error can tell which came before it. */
  override write(
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
  ): { id: number } {
    const dataId = super.write(values, shape, dtype) as { id: number };
    this.#newest = dataId.id;
    return dataId;
  }

  /** Launches a kernel of tfjs. */
  override runWebGPUProgram(
    ...launch: Parameters<WebGPUBackend["runWebGPUProgram"]>
  ): tf.TensorInfo {
    this.countLaunch();
    return super.runWebGPUProgram(...launch);
  }

  /** To be called before each launch that does not go through {@linkcode runWebGPUProgram}. */
  countLaunch(): void {
    if (++this.#launches % LAUNCHES_BETWEEN_COLLECTIONS === 0) {
      this.#collect?.();
    }
  }

  /** Refuses what no binding can hold, before anything is launched. */
  override uploadToGPU(dataId: { id: number }): void {
    const { shape, dtype, resource, values } = this.tensorMap.get(dataId);
    const bytes = tf.util.sizeFromShape(shape) * tf.util.bytesPerElement(dtype);
    const limit = this.device.limits.maxStorageBufferBindingSize;
    if (!resource && bytes > limit) {
      // An output that was never computed; an input keeps its values.
      if (!values) this.tensorMap.delete(dataId);
      throw new RangeError(
        `A tensor of shape [${shape.join(", ")}] takes ${bytes} bytes, more ` +
          `than this adapter's maxStorageBufferBindingSize of ${limit}; split ` +
          `it, or, if it is a [length, length] product of attention, use form: ` +
          `"chunkwise", which makes none`,
      );
    }
    if (this.lost) throw this.lost;
    super.uploadToGPU(dataId);
  }

  /** Reads a tensor; throws if it was computed when something had failed. */
  override async read(dataId: { id: number }): Promise<tf.BackendValues> {
    if (this.lost) throw this.lost;
    const startedAt = this.#newest;
    // The errors of all work submitted so far arrive before the read resolves.
    const reading = super.read(dataId).catch((cause) => {
      throw new GpuError(`Reading a tensor failed: ${cause}`, { cause });
    });
    const outcome = await reading.then(
      (values) => ({ values }),
      (error: GpuError) => ({ error }),
    );
    if (this.lost) throw this.lost;
    if (this.#pending.length > 0) {
      const error = describe(this.#pending);
      this.#suspects.push({ from: this.#clean, to: this.#newest, error });
      this.#pending = [];
    }
    this.#clean = Math.max(this.#clean, startedAt);
    const suspect = this.#suspects.find(({ from, to }) =>
      from < dataId.id && dataId.id <= to
    );
    if (suspect) throw suspect.error;
    if ("error" in outcome) throw outcome.error;
    return outcome.values;
  }
}

/** One exception for all that the device reported since the last read. */
function describe(errors: readonly GPUError[]): GpuError {
  const text = errors.map((error) => error.message.trim()).join("\n");
  // naga and wgpu quote the label: "Shader 'CumProgram' parsing error: …".
  const shader = /label(?: is)? [`'"]([^`'"]+)|Shader '([^']+)'/.exec(text);
  const name = shader?.[1] ?? shader?.[2];
  return new GpuError(
    `WebGPU reported ${
      errors.length === 1 ? "an error" : `${errors.length} errors`
    }${name ? ` in shader ${name}` : ""}, so the result is not valid:\n${text}`,
    { cause: errors[0], ...(name ? { shader: name } : {}) },
  );
}

/**
 * Opens the adapter's device with every limit and feature that it offers.
 *
 * @param adapter The adapter.
 * @param isSoftware Whether it computes on the CPU.
 * @returns A backend for it, not yet registered.
 */
export async function openAdapter(
  adapter: GPUAdapter,
  isSoftware: boolean,
): Promise<StrictWebGPUBackend> {
  const device = await adapter.requestDevice({
    requiredFeatures: [...adapter.features] as GPUFeatureName[],
    requiredLimits: limitsOf(adapter),
  });
  const collect = isSoftware ? garbageCollector() : undefined;
  return new StrictWebGPUBackend(device, adapter.info, collect);
}
