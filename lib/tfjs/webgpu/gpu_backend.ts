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
import { nodeModule } from "../../base/node_module.ts";
import { bounded } from "./integers/bounded_product.ts";
import { type Bindable, BindGroups, type BufferPart } from "./bind_groups.ts";
import { Arena, type Capture } from "./arena.ts";
import { GpuBuffers } from "./gpu_buffers.ts";
import { GpuError, reported } from "./gpu_error.ts";
import { HeldValues } from "./held_values.ts";
import { recordCopy, recordStockPrograms } from "./launch.ts";
import { AskedPipelines } from "./pipelines.ts";
import { limitsOf } from "../kernel/limits.ts";
import type { CapturingBackend } from "../record/recorded_run.ts";
import {
  deviceWithSubgroups,
  type Subgroups,
  subgroupsOf,
} from "./subgroups.ts";

/**
 * wgpu frees a bind group only when its JavaScript object is collected, and
 * Mesa's software driver maps a page for each. Linux allows a process 65,530
 * maps: after as many bind groups without a full collection, the next one ends
 * the process with a segmentation fault. So on software adapters one is forced
 * after this many, whose launches take seconds there.
 */
const BIND_GROUPS_BETWEEN_COLLECTIONS = 16_384;

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

/** How tensors use their buffers. */
function tensorUsage(): GPUBufferUsageFlags {
  return GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC |
    GPUBufferUsage.COPY_DST;
}

/** The most bytes of a tensor that shares its buffer with others of the same values. */
const CONSTANT_BYTES = 64;

/**
 * The least bytes of an upload that has commands submitted rather than take another
 * buffer than one that they use: thousands of uploads may come before a submission.
 */
const LARGE_BYTES = 2 ** 18;

/** Where parts of a buffer may begin, in bytes, on every device. */
const PART_ALIGNMENT = 256;

/** The most bytes of a buffer in which tensors are joined. */
const MOST_JOINED_BYTES = 2 ** 26;

/** What is known of a tensor, besides what TensorFlow.js knows. */
interface Joined {
  /** The part of its buffer that a tensor has; without one, it has all. */
  part?: BufferPart;
}

/** A reference to data that a kernel has taken, or given back. */
interface Taken {
  readonly dataId: object;
  readonly by: 1 | -1;
}

/** Forces a full garbage collection, if the host allows it. */
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

/** The features that only software adapters need or use. */
interface OfSoftware {
  readonly collect?: Collector | undefined;
  readonly subgroups?: Subgroups | undefined;
}

/** A WebGPU backend whose reads throw when the work behind them failed. */
export class StrictWebGPUBackend extends WebGPUBackend {
  /** Subgroups that shaders may use; known only for software adapters. */
  readonly subgroups: Subgroups | undefined;
  /** Why the device is gone, or `undefined` while it works. */
  lost: GpuError | undefined;
  #newest = 0;
  #clean = 0;
  #pending: GPUError[] = [];
  #suspects: Suspects[] = [];
  /** When tensors were changed, by the numbers that tensors have. */
  readonly #changedAt = new WeakMap<object, number>();

  /** What the kernel that runs has taken and given back. */
  #taken: Taken[] | undefined;

  #limits: GPUSupportedLimits | undefined;
  #mostWorkgroups = 0;
  #mostBuffers = 0;
  launches = 0;
  /** The pool of buffers. */
  readonly buffers: GpuBuffers;
  /** The bind groups of launches. */
  readonly bindGroups: BindGroups;
  /** The uniform buffers of launches. */
  readonly uniforms: HeldValues;
  readonly #constants: HeldValues;
  /** The buffers of captured launches. */
  readonly arena: Arena;
  /** What captures launches now. */
  capture: Capture | undefined;
  /** Who is asked for pipelines now, instead of a launch. */
  asked: AskedPipelines | undefined;
  /** Runs kernels so that their launches can be repeated, as recorded runs ask for. */
  captureLaunches: CapturingBackend["captureLaunches"];
  /** Grows whenever buffers may have become invalid. */
  generation = 0;
  /** The number of submissions when launches were last repeated. */
  #repeatedAt = -1;
  /** The end of the copies that are read. */
  #submission: Promise<void> | undefined;
  #boundGroups = 0;
  #collect: Collector | undefined;

  constructor(
    device: GPUDevice,
    adapterInfo: GPUAdapterInfo,
    { collect, subgroups }: OfSoftware = {},
  ) {
    super(device, adapterInfo);
    this.#collect = collect;
    this.subgroups = subgroups;
    this.bindGroups = new BindGroups(device, () => this.countBindGroup());
    this.buffers = new GpuBuffers(
      device,
      (buffer) => this.bindGroups.forget(buffer),
    );
    // tfjs's class has private members, which nothing else uses.
    this.bufferManager = this.buffers as unknown as WebGPUBackend[
      "bufferManager"
    ];
    const held = (usage: GPUBufferUsageFlags) =>
      new HeldValues(device.queue, this.buffers, usage, () => this.launches);
    this.arena = new Arena(this.buffers);
    this.uniforms = held(GPUBufferUsage.UNIFORM);
    this.#constants = held(tensorUsage());
    recordStockPrograms(this);
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      // Deno's types have a plain Event here.
      const { error } = event as GPUUncapturedErrorEvent;
      this.#pending.push(error);
      this.#condemn();
      if (error instanceof GPUOutOfMemoryError) this.buffers.relieve();
    });
    device.lost.then((info) => {
      this.lost ??= new GpuError(
        `The GPU device was lost (${info.reason}): ${
          info.message || "no reason given"
        }; call useBackend() again and rebuild your tensors`,
      );
    });
  }

  /**
   * Whether the device still computes. A device may be lost for a while before
   * it reports it.
   */
  async answers(): Promise<boolean> {
    if (this.lost) return false;
    try {
      const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
      const buffer = this.device.createBuffer({ size: 4, usage });
      await buffer.mapAsync(GPUMapMode.READ);
      buffer.destroy();
    } catch {
      return false;
    }
    return !this.lost;
  }

  /** Forgets all that may be invalid since something failed. */
  #condemn(): void {
    this.uniforms.clear();
    this.#constants.clear();
    this.bindGroups.clear();
    this.generation++;
    this.arena.clear();
    this.buffers.condemn();
  }

  /** How tensors use their buffers. */
  get tensorUsage(): GPUBufferUsageFlags {
    return tensorUsage();
  }

  /** Bytes of a tensor's values on the GPU. */
  bytesOf({ shape, dtype }: tf.TensorInfo): number {
    return bytesOf(shape, dtype);
  }

  /** Whether launches are being timed. */
  get isTimed(): boolean {
    return (this as unknown as { activeTimers?: unknown }).activeTimers != null;
  }

  /**
   * Runs kernels that launch nothing, and returns the pipelines that their launches
   * would have compiled; `undefined` if it has run nothing.
   */
  compileAhead(run: () => void): AskedPipelines | undefined {
    if (this.lost || this.asked || this.capture || this.isTimed) {
      return undefined;
    }
    return this.guard(() => AskedPipelines.of(this, run));
  }

  /** Submits what waits if launches were repeated since the last submission. */
  submitBeforeRepeating(): void {
    if (this.buffers.submissions === this.#repeatedAt) {
      this.endComputePassEncoder();
      this.submitQueue();
    }
    this.#repeatedAt = this.buffers.submissions;
  }

  /** Destroys the device, and with it all that was computed on it. */
  override dispose(): void {
    this.lost ??= new GpuError(
      "The GPU device was released, and its tensors with it; call " +
        "useBackend() and create them again",
    );
    super.dispose();
    this.bindGroups.clear();
    this.device.destroy();
  }

  /**
   * Runs a function that calls WebGPU; whatever it throws becomes a
   * {@linkcode GpuError}. A lost device rejects commands before it reports the
   * loss.
   */
  guard<Result>(run: () => Result): Result {
    if (this.lost) throw this.lost;
    try {
      return run();
    } catch (error) {
      throw this.#described(error);
    }
  }

  #described(error: unknown): unknown {
    if (this.lost) return this.lost;
    if (!(error instanceof DOMException)) return error;
    return new GpuError(
      `WebGPU refused a command (${error.message}), as it does when the GPU ` +
        "device was lost; call useBackend() again and rebuild your tensors",
      { cause: error },
    );
  }

  /**
   * Runs a kernel; if it fails, gives back the data that it has made, or made more
   * references to, and has not disposed of.
   */
  undoing<Result>(kernel: () => Result): Result {
    const outer = this.#taken, own: Taken[] = this.#taken = [];
    try {
      const result = kernel();
      outer?.push(...own);
      return result;
    } catch (error) {
      const left = new Map<object, number>();
      for (const { dataId, by } of own) {
        left.set(dataId, (left.get(dataId) ?? 0) + by);
      }
      this.#taken = undefined;
      for (const [dataId, references] of left) {
        for (let i = 0; i < references; i++) this.disposeData(dataId);
      }
      throw error;
    } finally {
      this.#taken = outer;
    }
  }

  override incRef(dataId: object): void {
    this.#taken?.push({ dataId, by: 1 });
    super.incRef(dataId as { id: number });
  }

  override disposeData(dataId: object, force?: boolean): boolean {
    this.#taken?.push({ dataId, by: -1 });
    return super.disposeData(dataId as { id: number }, force);
  }

  /** Numbers each tensor, so that an error can tell which came before it. */
  override write(
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
  ): { id: number } {
    const dataId = super.write(values, shape, dtype) as { id: number };
    this.#newest = dataId.id;
    this.#taken?.push({ dataId, by: 1 });
    return dataId;
  }

  /** Launches one of tfjs's kernels. */
  override runWebGPUProgram(
    ...[program, ...launch]: Parameters<WebGPUBackend["runWebGPUProgram"]>
  ): tf.TensorInfo {
    return this.undoing(() =>
      this.guard(() => super.runWebGPUProgram(bounded(program), ...launch))
    );
  }

  /** Submits the launched commands. */
  override submitQueue(): void {
    this.guard(() => super.submitQueue());
    this.buffers.submitted();
  }

  /** Submits the commands that wait, if there are any. */
  #submitWaiting(): void {
    if (!this.buffers.commandsWait) return;
    this.endComputePassEncoder();
    this.submitQueue();
  }

  /** Measures the time of a function's launches. */
  override async time(
    run: () => void,
  ): ReturnType<WebGPUBackend["time"]> {
    if (this.lost) throw this.lost;
    try {
      return await super.time(run);
    } catch (error) {
      await this.#hearOfLoss();
      throw this.#described(error);
    }
  }

  /**
   * Waits for the device to report its loss, which comes a little after its
   * first failure.
   */
  async #hearOfLoss(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const moment = new Promise((resolve) => timer = setTimeout(resolve, 100));
    await Promise.race([this.device.lost, moment]);
    clearTimeout(timer);
  }

  /** The most workgroups that the device dispatches along an axis. */
  get mostWorkgroups(): number {
    this.#askForLimits();
    return this.#mostWorkgroups;
  }

  /** The most storage buffers that a launch on the device binds. */
  get mostBuffers(): number {
    this.#askForLimits();
    return this.#mostBuffers;
  }

  /** The host would be asked for a limit each time. */
  #askForLimits(): void {
    const { limits } = this.device;
    if (limits === this.#limits) return;
    this.#limits = limits;
    this.#mostWorkgroups = limits.maxComputeWorkgroupsPerDimension;
    this.#mostBuffers = limits.maxStorageBuffersPerShaderStage;
  }

  /** Is called before each launch. */
  countLaunch(): void {
    this.launches++;
  }

  /** Must be called before a bind group is made. */
  countBindGroup(): void {
    if (++this.#boundGroups % BIND_GROUPS_BETWEEN_COLLECTIONS === 0) {
      this.#collect?.();
    }
  }

  /** Gives a tensor a buffer; throws before any launch if no binding can hold it. */
  override uploadToGPU(dataId: { id: number }): void {
    const { shape, dtype, resource, values } = this.tensorMap.get(dataId);
    if (resource) return;
    const bytes = bytesOf(shape, dtype);
    if (bytes < 0) {
      // tfjs makes such shapes of invalid segment ids; its buffers would not
      // recover.
      if (!values) this.tensorMap.delete(dataId);
      throw new RangeError(
        `A tensor of shape [${
          shape.join(", ")
        }] cannot exist; look for ids or ` +
          `sizes below 0 among the arguments`,
      );
    }
    const limit = this.device.limits.maxStorageBufferBindingSize;
    if (bytes > limit) {
      // Without values it is an output that was never computed; an input keeps its values.
      if (!values) this.tensorMap.delete(dataId);
      throw new RangeError(
        `A tensor of shape [${shape.join(", ")}] takes ${bytes} bytes, more ` +
          `than this adapter's maxStorageBufferBindingSize of ${limit}; split ` +
          `it, or, if it is a [length, length] product of attention, use form: ` +
          `"chunkwise", which makes none`,
      );
    }
    this.guard(() => this.#upload(dataId, bytes));
  }

  /**
   * Gives a tensor a buffer, and writes its values without a staging buffer, which
   * tfjs creates each time. The write comes before commands that are not submitted
   * yet; none of them uses this buffer. The few numbers of a constant are written once.
   */
  #upload(dataId: { id: number }, bytes: number): void {
    if (this.asked) return this.asked.standIn(dataId);
    const data = this.tensorMap.get(dataId);
    if (!data.values) {
      data.resource = this.buffers.acquireBuffer(bytes, tensorUsage());
      return;
    }
    const Values = data.dtype === "float32" ? Float32Array : Int32Array;
    const values = data.values instanceof Values
      ? data.values
      : new Values(data.values as Uint8Array);
    const constant = values.byteLength <= CONSTANT_BYTES
      ? this.#constants.bufferOf(wordsOf(values))
      : undefined;
    if (constant) this.buffers.share(constant);
    if (bytes >= LARGE_BYTES && this.buffers.isBusy(bytes, tensorUsage())) {
      this.#submitWaiting();
    }
    const buffer = constant ?? this.buffers.acquireIdle(bytes, tensorUsage());
    data.resource = buffer;
    // Deno ends with a panic where nothing is written.
    if (!constant && values.length > 0) {
      this.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
    }
    // Null says that the values are on the GPU.
    data.values = null!;
  }

  /** The part of a buffer that a tensor has, if it has not all of it. */
  partOf(dataId: object): BufferPart | undefined {
    return (this.tensorMap.get(dataId) as Joined).part;
  }

  /** What a launch binds for a tensor that is on the device: a part of its buffer, or all. */
  resourceOf(dataId: object): Bindable | GPUTexture | GPUExternalTexture {
    const data = this.tensorMap.get(dataId);
    return (data as Joined).part ?? data.resource!;
  }

  /**
   * Joins tensors in common buffers, so that a launch binds one for many of them. They
   * stay as they are for whoever reads them, and a common buffer stays until none has a
   * part of it. Tensors that are joined already, or too large, stay where they are, and
   * so do all while launches are captured, or where memory was short.
   *
   * @param dataIds The tensors.
   */
  join(dataIds: readonly object[]): void {
    const apart = [...new Set(dataIds)].filter((dataId) =>
      !this.partOf(dataId)
    );
    if (apart.length < 2 || this.capture || this.buffers.isShort) return;
    const most = Math.min(
      MOST_JOINED_BYTES,
      this.device.limits.maxStorageBufferBindingSize,
    );
    let together: object[] = [], bytes = 0;
    const end = () => {
      if (together.length > 1) this.guard(() => this.#join(together, bytes));
      together = [];
      bytes = 0;
    };
    for (const dataId of apart) {
      const { shape, dtype, external, complexTensorInfos } = this.tensorMap
        .get(dataId);
      const own = inParts(bytesOf(shape, dtype));
      if (own === 0 || own > most / 2) continue;
      if (external || complexTensorInfos) continue;
      this.uploadToGPU(dataId as { id: number });
      if (bytes + own > most) end();
      together.push(dataId);
      bytes += own;
    }
    end();
  }

  #join(dataIds: readonly object[], bytes: number): void {
    const { buffers, tensorMap } = this;
    const { length } = dataIds;
    const buffer = buffers.acquireJoined(bytes, tensorUsage(), length);
    // Of a large model, free buffers of all weights might not fit beside them.
    const isLarge = bytes >= LARGE_BYTES;
    let offset = 0;
    const parts = dataIds.map((dataId) => {
      const { shape, dtype, resource } = tensorMap.get(dataId);
      const size = bytesOf(shape, dtype);
      // Kernels of TensorFlow.js's may read whole vectors.
      const part = { buffer, offset, size: Math.ceil(size / 16) * 16 };
      recordCopy(this, resource as GPUBuffer, part);
      offset += inParts(size);
      return part;
    });
    for (const [i, dataId] of dataIds.entries()) {
      const data = tensorMap.get(dataId);
      buffers.releaseBuffer(data.resource as GPUBuffer, !isLarge);
      data.resource = buffer;
      (data as Joined).part = parts[i]!;
    }
    // If there was no memory for the buffer, all of them are lost.
    this.changed(dataIds);
    // What was released is destroyed only then.
    if (isLarge) this.#submitWaiting();
  }

  /**
   * Gives a tensor that will be written a buffer of its own, if it shares that of a
   * constant, has a part of one, or one of the user's.
   */
  ownBuffer(dataId: object): void {
    const data = this.tensorMap.get(dataId);
    const { resource: shared, external: isUsers } = data;
    // What is drawn on is a texture of the user's.
    if (!(shared instanceof GPUBuffer)) return;
    const part = this.partOf(dataId);
    if (!part && !isUsers && !this.buffers.isHeld(shared)) return;
    const before = part ?? shared;
    const acquire = () =>
      this.buffers.acquireBuffer(before.size, tensorUsage());
    // A weight stays longer than what captured launches lend each other.
    const own = part ? this.buffers.unlent(acquire) : acquire();
    recordCopy(this, before, own);
    if (isUsers) data.external = false;
    else this.buffers.releaseBuffer(shared);
    data.resource = own;
    delete (data as Joined).part;
  }

  /**
   * Must be called when launches have changed tensors that are not their outputs: what
   * these hold is as new as an output would be.
   */
  changed(dataIds: readonly object[]): void {
    if (this.asked) return;
    const now = this.write(null!, [0], "float32");
    this.disposeData(now);
    for (const dataId of dataIds) {
      // A copy of the values from before, if they were read.
      this.tensorMap.get(dataId).values = null!;
      this.#changedAt.set(dataId, now.id);
    }
  }

  /** Reads a tensor; throws if it was computed after something had failed. */
  override async read(dataId: { id: number }): Promise<tf.BackendValues> {
    if (this.lost) throw this.lost;
    // Nobody in a run that launches nothing can await it.
    if (this.asked?.hasNoValues(dataId)) return await new Promise(() => {});
    // Values that are not on the GPU arrive before the errors do.
    if (this.tensorMap.has(dataId) && this.tensorMap.get(dataId).values) {
      this.#throwIfSuspect(dataId);
      return await super.read(dataId);
    }
    const startedAt = this.#newest;
    const succeed = this.buffers.beginCheck();
    // The errors of all work submitted so far arrive before the read resolves.
    const outcome = await this.#download(dataId).then(
      (values) => ({ values }),
      (error: unknown) => ({ error }),
    );
    if ("error" in outcome) await this.#hearOfLoss();
    if (this.lost) throw this.lost;
    if (this.#pending.length === 0 && "values" in outcome) succeed();
    if (this.#pending.length > 0) {
      const error = reported(this.#pending);
      this.#suspects.push({ from: this.#clean, to: this.#newest, error });
      this.#pending = [];
      // A host may report a failure before the buffer that failed is known.
      this.#condemn();
    }
    this.#clean = Math.max(this.#clean, startedAt);
    this.#throwIfSuspect(dataId);
    if ("values" in outcome) return outcome.values;
    const { error: cause } = outcome;
    if (cause instanceof GpuError) throw cause;
    throw new GpuError(`Reading a tensor failed: ${cause}`, { cause });
  }

  /** Reads a tensor, as tfjs does, from a buffer that may be larger. */
  async #download(dataId: { id: number }): Promise<tf.BackendValues> {
    if (!this.tensorMap.has(dataId)) return await super.read(dataId);
    const data = this.tensorMap.get(dataId);
    if (data.dtype === "complex64") return await super.read(dataId);
    const changedAt = this.#changedAt.get(dataId);
    const content = await this.#contentOf(
      this.resourceOf(dataId) as Bindable,
    );
    const values = exactValues(content, data);
    // A tensor that has changed meanwhile is read anew the next time.
    if (this.#changedAt.get(dataId) === changedAt) data.values = values;
    return values;
  }

  /** Reads a buffer, or a part of one. What is read at the same time is one submission. */
  async #contentOf(buffer: Bindable): Promise<ArrayBuffer> {
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const staging = this.buffers.acquireBuffer(buffer.size, usage);
    try {
      this.guard(() => recordCopy(this, buffer, staging));
      await (this.#submission ??= Promise.resolve().then(() => {
        this.#submission = undefined;
        this.#submitWaiting();
      }));
      await staging.mapAsync(GPUMapMode.READ);
      const content = staging.getMappedRange().slice(0);
      staging.unmap();
      this.buffers.releaseBuffer(staging);
      return content;
    } catch (error) {
      // Nobody may use a buffer that is mapped.
      this.buffers.releaseBuffer(staging, false);
      throw error;
    }
  }

  /** Reads a tensor at once, where the host can. */
  override readSync(dataId: { id: number }): tf.BackendValues {
    // What a kernel does by values is not in its launches.
    if (this.capture) this.capture.isSpoilt = true;
    if (this.asked?.hasNoValues(dataId)) {
      throw new Error("A tensor that was not computed cannot be read");
    }
    this.#leaveJoined(dataId);
    const values = this.#readAtOnce(dataId);
    const data = this.tensorMap.get(dataId);
    const count = tf.util.sizeFromShape(data.shape);
    if (data.dtype === "complex64" || values.length === count) return values;
    return data.values = values.slice(0, count) as tf.BackendValues;
  }

  /** tfjs draws values on a canvas and looks at it, which few hosts can. */
  #readAtOnce(dataId: { id: number }): tf.BackendValues {
    if (this.lost) throw this.lost;
    try {
      return super.readSync(dataId);
    } catch (cause) {
      if (this.lost) throw this.lost;
      throw new Error(
        "This host cannot wait for values that are on the GPU; await data() or " +
          "array(), and rebuild tensors from their values for another backend",
        { cause },
      );
    }
  }

  /** Copies a tensor on the device, as tfjs does, from a buffer of its own. */
  override readToGPU(dataId: object): tf.GPUData {
    this.#leaveJoined(dataId);
    return super.readToGPU(dataId);
  }

  /** Gives a tensor that has a part of a buffer one of its own. */
  #leaveJoined(dataId: object): void {
    if (this.tensorMap.has(dataId) && this.partOf(dataId)) {
      this.guard(() => this.ownBuffer(dataId));
    }
  }

  #throwIfSuspect(dataId: { id: number }): void {
    const id = this.#changedAt.get(dataId) ?? dataId.id;
    const suspect = this.#suspects.find(({ from, to }) =>
      from < id && id <= to
    );
    if (suspect) throw suspect.error;
  }
}

/** The memory of values, in halves of words. */
function wordsOf(
  { buffer, byteOffset, byteLength }: Float32Array | Int32Array,
): Uint16Array<ArrayBuffer> {
  return new Uint16Array(buffer as ArrayBuffer, byteOffset, byteLength / 2);
}

/** Bytes of a tensor on the GPU, where bools take as many as integers. */
function bytesOf(shape: number[], dtype: tf.DataType): number {
  return tf.util.sizeFromShape(shape) * (dtype === "complex64" ? 8 : 4);
}

/** The bytes that a part of a common buffer takes for so many of a tensor. */
function inParts(bytes: number): number {
  return Math.ceil(bytes / PART_ALIGNMENT) * PART_ALIGNMENT;
}

/** The values of a tensor, with which the content of its buffer begins. */
function exactValues(
  content: ArrayBuffer,
  { shape, dtype }: { shape: number[]; dtype: tf.DataType },
): tf.BackendValues {
  const bytes = bytesOf(shape, dtype);
  return tf.util.convertBackendValuesAndArrayBuffer(
    bytes < content.byteLength ? content.slice(0, bytes) : content,
    dtype,
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
