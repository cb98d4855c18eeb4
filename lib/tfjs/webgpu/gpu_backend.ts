/**
 * TensorFlow.js's WebGPU backend, made to fail loudly.
 *
 * Stock tfjs asks for a device with the default limits and never listens to its
 * errors: after a shader that does not compile, a buffer over a limit, or a
 * lost device, results then read as zeros. This backend owns its device, with
 * everything that the adapter offers, and turns each of these failures into an
 * exception.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { nodeModule } from "@lionjs/base/files";
import { bounded } from "./integers/bounded_product.ts";
import { Failures } from "./backend/failures.ts";
import { Launches } from "./backend/launches.ts";
import { Places } from "./backend/places.ts";
import { GpuBuffers } from "./gpu_buffers.ts";
import { recordStockPrograms } from "./launch.ts";
import type { AskedPipelines } from "./pipelines.ts";
import { limitsOf } from "../kernel/limits.ts";
import type { CapturingBackend } from "../record/captures.ts";
import {
  deviceWithSubgroups,
  type Subgroups,
  subgroupsOf,
} from "./subgroups.ts";

/**
 * Launches that a driver gets at once. On a GPU each submission takes as long as some
 * launches; software, which computes on the processor, would wait meanwhile, and has
 * TensorFlow.js's number.
 */
const LAUNCHES_AT_ONCE = { gpu: 512, software: 15 };

/** Sets the number of launches of a submission, unless the user has set another. */
function setLaunchesAtOnce(adapter: keyof typeof LAUNCHES_AT_ONCE): void {
  const flag = "WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE";
  const ours: number[] = Object.values(LAUNCHES_AT_ONCE);
  if (!ours.includes(tf.env().getNumber(flag))) return;
  tf.env().set(flag, LAUNCHES_AT_ONCE[adapter]);
}

/** Forces a full garbage collection, if the host allows it. */
type Collector = () => void;

function garbageCollector(): Collector | undefined {
  nodeModule("node:v8")?.setFlagsFromString("--expose-gc");
  return nodeModule("node:vm")?.runInNewContext("gc");
}

/** The features that only software adapters need or use. */
interface OfSoftware {
  readonly collect?: Collector | undefined;
  readonly subgroups?: Subgroups | undefined;
}

/** A WebGPU backend whose reads throw when the work behind them failed. */
export class StrictWebGPUBackend extends WebGPUBackend {
  /** Subgroups that shaders may use; known only for software adapters. */
  readonly subgroups: Subgroups | undefined;
  /** The pool of buffers. */
  readonly buffers: GpuBuffers;
  /** The failures of the device. */
  readonly failures: Failures;
  /** The launches on the device. */
  readonly launches: Launches;
  /** The places of tensors in buffers. */
  readonly places: Places;
  /** Runs kernels so that their launches can be repeated, as recorded runs ask for. */
  captureLaunches: CapturingBackend["captureLaunches"];

  constructor(
    device: GPUDevice,
    adapterInfo: GPUAdapterInfo,
    { collect, subgroups }: OfSoftware = {},
  ) {
    super(device, adapterInfo);
    this.subgroups = subgroups;
    this.buffers = new GpuBuffers(
      device,
      (buffer) => this.launches.bindGroups.forget(buffer),
    );
    // tfjs's class has private members, which nothing else uses.
    this.bufferManager = this.buffers as unknown as WebGPUBackend[
      "bufferManager"
    ];
    this.failures = new Failures(device, {
      condemn: () => this.#condemn(),
      relieve: () => this.buffers.relieve(),
    });
    this.launches = new Launches(this, device, collect);
    this.places = new Places(this);
    recordStockPrograms(this);
  }

  /** Forgets all that may be invalid since something failed. */
  #condemn(): void {
    this.launches.condemn();
    this.places.condemn();
    this.buffers.condemn();
  }

  /**
   * Runs kernels that launch nothing, and returns the pipelines that their launches
   * would have compiled; `undefined` if it has run nothing.
   */
  compileAhead(run: () => void): AskedPipelines | undefined {
    const { failures, launches } = this;
    const isBusy = launches.pipelineCollector || launches.capture ||
      launches.areTimed;
    if (failures.lost || isBusy) return undefined;
    return failures.guard(() => launches.collectPipelines(run));
  }

  /** Destroys the device, and with it all that was computed on it. */
  override dispose(): void {
    this.failures.release();
    super.dispose();
    this.launches.bindGroups.clear();
    this.device.destroy();
  }

  /**
   * Runs a kernel; if it fails, gives back the data that it has made, or made more
   * references to, and has not disposed of.
   */
  undoing<Result>(kernel: () => Result): Result {
    return this.failures.undoing((dataId) => this.disposeData(dataId), kernel);
  }

  override incRef(dataId: object): void {
    this.failures.countReference(dataId, 1);
    super.incRef(dataId as { id: number });
  }

  override disposeData(dataId: object, force?: boolean): boolean {
    this.failures.countReference(dataId, -1);
    return super.disposeData(dataId as { id: number }, force);
  }

  override write(
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
  ): { id: number } {
    const dataId = super.write(values, shape, dtype) as { id: number };
    this.failures.made(dataId);
    this.failures.countReference(dataId, 1);
    return dataId;
  }

  /** Launches one of tfjs's kernels. */
  override runWebGPUProgram(
    ...[program, ...launch]: Parameters<WebGPUBackend["runWebGPUProgram"]>
  ): tf.TensorInfo {
    return this.undoing(() =>
      this.failures.guard(() =>
        super.runWebGPUProgram(bounded(program), ...launch)
      )
    );
  }

  /** Submits the launched commands. */
  override submitQueue(): void {
    this.failures.guard(() => super.submitQueue());
    this.buffers.submitted();
  }

  /** Measures the time of a function's launches. */
  override async time(run: () => void): ReturnType<WebGPUBackend["time"]> {
    return await this.failures.guardAsync(() => super.time(run));
  }

  /** Gives a tensor a buffer; throws before any launch if no binding can hold it. */
  override uploadToGPU(dataId: { id: number }): void {
    this.places.upload(dataId);
  }

  /**
   * Must be called when launches have changed tensors that are not their outputs: what
   * these hold is as new as an output would be.
   */
  changed(dataIds: readonly object[]): void {
    if (this.launches.pipelineCollector) return;
    const now = this.write(null!, [0], "float32");
    this.disposeData(now);
    for (const dataId of dataIds) {
      // A copy of the values from before, if they were read.
      this.tensorMap.get(dataId).values = null!;
      this.failures.changed(dataId, now);
    }
  }

  /** Reads a tensor; throws if it was computed after something had failed. */
  override async read(dataId: { id: number }): Promise<tf.BackendValues> {
    const { failures, launches, tensorMap } = this;
    failures.throwIfLost();
    // Nobody in a run that launches nothing can await it.
    if (launches.pipelineCollector?.hasNoValues(dataId)) {
      return await new Promise(() => {});
    }
    const data = tensorMap.has(dataId) ? tensorMap.get(dataId) : undefined;
    // Values that are not on the GPU arrive before the errors do.
    if (data?.values) {
      failures.throwIfSuspect(dataId);
      return await super.read(dataId);
    }
    const succeed = this.buffers.beginCheck();
    return await failures.checked(
      dataId,
      () =>
        data && data.dtype !== "complex64"
          ? this.places.download(dataId)
          : super.read(dataId),
      succeed,
    );
  }

  /** Reads a tensor at once, where the host can. */
  override readSync(dataId: { id: number }): tf.BackendValues {
    const { capture, pipelineCollector } = this.launches;
    // A kernel that looks at values does something that is not in its launches.
    if (capture) capture.isSpoilt = true;
    if (pipelineCollector?.hasNoValues(dataId)) {
      throw new Error("A tensor that was not computed cannot be read");
    }
    this.places.leaveCommonBuffer(dataId);
    const values = this.#readAtOnce(dataId);
    const data = this.tensorMap.get(dataId);
    const count = tf.util.sizeFromShape(data.shape);
    if (data.dtype === "complex64" || values.length === count) return values;
    return data.values = values.slice(0, count) as tf.BackendValues;
  }

  /** tfjs draws values on a canvas and looks at it, which few hosts can. */
  #readAtOnce(dataId: { id: number }): tf.BackendValues {
    this.failures.throwIfLost();
    try {
      return super.readSync(dataId);
    } catch (cause) {
      this.failures.throwIfLost();
      throw new Error(
        "This host cannot wait for values that are on the GPU; await data() or " +
          "array(), and rebuild tensors from their values for another backend",
        { cause },
      );
    }
  }

  /** Copies a tensor on the device, as tfjs does, from a buffer of its own. */
  override readToGPU(dataId: object): tf.GPUData {
    this.places.leaveCommonBuffer(dataId);
    return super.readToGPU(dataId);
  }
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
  const wanted = {
    requiredFeatures: [...adapter.features] as GPUFeatureName[],
    requiredLimits: limitsOf(adapter),
  };
  setLaunchesAtOnce(isSoftware ? "software" : "gpu");
  if (!isSoftware) {
    const device = await adapter.requestDevice(wanted);
    return new StrictWebGPUBackend(device, adapter.info);
  }
  const device = await deviceWithSubgroups(adapter, wanted);
  return new StrictWebGPUBackend(device, adapter.info, {
    collect: garbageCollector(),
    subgroups: await subgroupsOf(device, adapter.info),
  });
}
