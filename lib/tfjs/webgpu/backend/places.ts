/** The places of tensors on a device: in whole buffers, or in parts of common ones. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Bindable, BufferPart } from "../bind_groups.ts";
import type { GpuBuffers } from "../gpu_buffers.ts";
import { HeldValues } from "../held_values.ts";
import { type LaunchingBackend, recordCopy } from "../launch.ts";
import type { Failures } from "./failures.ts";

/** The most bytes of a tensor that shares its buffer with others of the same values. */
const CONSTANT_BYTES = 64;

/**
 * The least bytes of an upload that has commands submitted rather than take another
 * buffer than one that they use: thousands of uploads may come before a submission.
 */
const LARGE_BYTES = 2 ** 18;

/** The offset of a part of a buffer is a multiple of this many bytes, on every device. */
const PART_ALIGNMENT = 256;

/** The most bytes of a buffer that is common to tensors. */
const MOST_COMMON_BYTES = 2 ** 26;

/** The place of a tensor that has a part of a common buffer. */
interface InCommonBuffer {
  /** The tensor's part of its buffer; without one, the tensor has the whole buffer. */
  part?: BufferPart;
}

/** The part of our backend that places need. */
interface PlacingBackend extends LaunchingBackend {
  readonly failures: Failures;
  /** Must be called when launches have changed tensors that are not their outputs. */
  changed(dataIds: readonly object[]): void;
}

/** The places of a backend's tensors. */
export class Places {
  readonly #backend: PlacingBackend;
  readonly #buffers: GpuBuffers;
  /** Buffers of small tensors whose values come in step after step. */
  readonly #constants: HeldValues;
  /** The end of the copies that are read. */
  #submission: Promise<void> | undefined;

  /** @param backend The backend, all other parts of which are there already. */
  constructor(backend: PlacingBackend) {
    this.#backend = backend;
    this.#buffers = backend.buffers;
    this.#constants = new HeldValues(
      backend.device.queue,
      backend.buffers,
      tensorUsage(),
      () => backend.launches.count,
    );
  }

  /** Forgets all that may be invalid since something failed. */
  condemn(): void {
    this.#constants.clear();
  }

  /** Gives a tensor a buffer; throws before any launch if no binding can hold it. */
  upload(dataId: object): void {
    const { shape, dtype, resource, values } = this.#backend.tensorMap.get(
      dataId,
    );
    if (resource) return;
    const bytes = bytesOf({ shape, dtype });
    if (bytes < 0) {
      // tfjs makes such shapes of invalid segment ids; its buffers would not
      // recover.
      if (!values) this.#backend.tensorMap.delete(dataId);
      throw new RangeError(
        `A tensor of shape [${
          shape.join(", ")
        }] cannot exist; look for ids or ` +
          `sizes below 0 among the arguments`,
      );
    }
    const limit = this.#backend.device.limits.maxStorageBufferBindingSize;
    if (bytes > limit) {
      // Without values it is an output that was never computed; an input keeps its values.
      if (!values) this.#backend.tensorMap.delete(dataId);
      throw new RangeError(
        `A tensor of shape [${shape.join(", ")}] takes ${bytes} bytes, more ` +
          `than this adapter's maxStorageBufferBindingSize of ${limit}; split ` +
          `it, or, if it is a [length, length] product of attention, use form: ` +
          `"chunkwise", which makes none`,
      );
    }
    this.#backend.failures.guard(() => this.#write(dataId, bytes));
  }

  /**
   * Gives a tensor a buffer, and writes its values without a staging buffer, which
   * tfjs creates each time. The write comes before commands that are not submitted
   * yet; none of them uses this buffer. The few numbers of a constant are written once.
   */
  #write(dataId: object, bytes: number): void {
    const { tensorMap, queue, launches } = this.#backend;
    const { pipelineCollector } = launches;
    if (pipelineCollector) return pipelineCollector.standIn(dataId);
    const data = tensorMap.get(dataId);
    if (!data.values) {
      data.resource = this.#buffers.acquireBuffer(bytes, tensorUsage());
      return;
    }
    const Values = data.dtype === "float32" ? Float32Array : Int32Array;
    const values = data.values instanceof Values
      ? data.values
      : new Values(data.values as Uint8Array);
    const constant = values.byteLength <= CONSTANT_BYTES
      ? this.#constants.bufferOf(wordsOf(values))
      : undefined;
    if (constant) this.#buffers.share(constant);
    if (bytes >= LARGE_BYTES && this.#buffers.isBusy(bytes, tensorUsage())) {
      launches.submitWaiting();
    }
    const buffer = constant ?? this.#buffers.acquireIdle(bytes, tensorUsage());
    data.resource = buffer;
    // Deno ends with a panic where nothing is written.
    if (!constant && values.length > 0) {
      queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
    }
    // Null says that the values are on the GPU.
    data.values = null!;
  }

  /** The part of a buffer that a tensor has, if it has not all of it. */
  partOf(dataId: object): BufferPart | undefined {
    return (this.#backend.tensorMap.get(dataId) as InCommonBuffer).part;
  }

  /** The resource that a launch binds for a tensor on the device: a part of its buffer, or all. */
  resourceOf(dataId: object): Bindable | GPUTexture | GPUExternalTexture {
    const data = this.#backend.tensorMap.get(dataId);
    return (data as InCommonBuffer).part ?? data.resource!;
  }

  /**
   * Puts tensors into common buffers, so that a launch binds one buffer for many of them.
   * Whoever reads a tensor sees no difference, and a common buffer stays until no tensor has
   * a part of it. Tensors that have such a part already, or are too large, stay where they
   * are, and so do all while launches are captured, or where memory was short.
   *
   * @param dataIds The tensors.
   */
  join(dataIds: readonly object[]): void {
    const candidates = [...new Set(dataIds)].filter((dataId) =>
      !this.partOf(dataId)
    );
    const { tensorMap, device, launches, failures } = this.#backend;
    if (candidates.length < 2 || launches.capture || this.#buffers.isShort) {
      return;
    }
    const most = Math.min(
      MOST_COMMON_BYTES,
      device.limits.maxStorageBufferBindingSize,
    );
    let together: object[] = [], bytes = 0;
    const end = () => {
      if (together.length > 1) {
        failures.guard(() => this.#join(together, bytes));
      }
      together = [];
      bytes = 0;
    };
    for (const dataId of candidates) {
      const { shape, dtype, external, complexTensorInfos } = tensorMap
        .get(dataId);
      const own = alignedToParts(bytesOf({ shape, dtype }));
      if (own === 0 || own > most / 2) continue;
      if (external || complexTensorInfos) continue;
      this.upload(dataId);
      if (bytes + own > most) end();
      together.push(dataId);
      bytes += own;
    }
    end();
  }

  #join(dataIds: readonly object[], bytes: number): void {
    const { tensorMap, launches } = this.#backend;
    const buffers = this.#buffers, { length } = dataIds;
    const buffer = buffers.acquireCommon(bytes, tensorUsage(), length);
    // Free buffers of all weights of a large model might not fit beside the common ones.
    const isLarge = bytes >= LARGE_BYTES;
    let offset = 0;
    const parts = dataIds.map((dataId) => {
      const { shape, dtype, resource } = tensorMap.get(dataId);
      const size = bytesOf({ shape, dtype });
      // Kernels of TensorFlow.js's may read whole vectors.
      const part = { buffer, offset, size: Math.ceil(size / 16) * 16 };
      recordCopy(this.#backend, resource as GPUBuffer, part);
      offset += alignedToParts(size);
      return part;
    });
    for (const [i, dataId] of dataIds.entries()) {
      const data = tensorMap.get(dataId);
      buffers.releaseBuffer(data.resource as GPUBuffer, !isLarge);
      data.resource = buffer;
      (data as InCommonBuffer).part = parts[i]!;
    }
    // If there was no memory for the buffer, all of them are lost.
    this.#backend.changed(dataIds);
    // Buffers that were released are destroyed only at a submission.
    if (isLarge) launches.submitWaiting();
  }

  /**
   * Gives a tensor that will be written a buffer of its own, if it shares that of a
   * constant, has a part of one, or one of the user's.
   */
  ownBuffer(dataId: object): void {
    const data = this.#backend.tensorMap.get(dataId);
    const { resource: shared, external: isUsers } = data;
    // A resource that is drawn on is a texture of the user's.
    if (!(shared instanceof GPUBuffer)) return;
    const part = this.partOf(dataId);
    if (!part && !isUsers && !this.#buffers.isHeld(shared)) return;
    const before = part ?? shared;
    const acquire = () =>
      this.#buffers.acquireBuffer(before.size, tensorUsage());
    // A weight stays longer than what captured launches lend each other.
    const own = part ? this.#buffers.unlent(acquire) : acquire();
    recordCopy(this.#backend, before, own);
    if (isUsers) data.external = false;
    else this.#buffers.releaseBuffer(shared);
    data.resource = own;
    delete (data as InCommonBuffer).part;
  }

  /** Gives a tensor that has a part of a buffer one of its own. */
  leaveCommonBuffer(dataId: object): void {
    const { tensorMap, failures } = this.#backend;
    if (tensorMap.has(dataId) && this.partOf(dataId)) {
      failures.guard(() => this.ownBuffer(dataId));
    }
  }

  /** Reads a tensor, as tfjs does, from a buffer that may be larger. */
  async download(dataId: object): Promise<tf.BackendValues> {
    const { tensorMap, failures } = this.#backend;
    const data = tensorMap.get(dataId);
    const changedAt = failures.changedAt(dataId);
    const content = await this.#contentOf(
      this.resourceOf(dataId) as Bindable,
    );
    const values = exactValues(content, data);
    // A tensor that has changed meanwhile is read anew the next time.
    if (failures.changedAt(dataId) === changedAt) data.values = values;
    return values;
  }

  /** Reads a buffer, or a part of one. What is read at the same time is one submission. */
  async #contentOf(buffer: Bindable): Promise<ArrayBuffer> {
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const staging = this.#buffers.acquireBuffer(buffer.size, usage);
    try {
      this.#backend.failures.guard(() =>
        recordCopy(this.#backend, buffer, staging)
      );
      await (this.#submission ??= Promise.resolve().then(() => {
        this.#submission = undefined;
        this.#backend.launches.submitWaiting();
      }));
      await staging.mapAsync(GPUMapMode.READ);
      const content = staging.getMappedRange().slice(0);
      staging.unmap();
      this.#buffers.releaseBuffer(staging);
      return content;
    } catch (error) {
      // Nobody may use a buffer that is mapped.
      this.#buffers.releaseBuffer(staging, false);
      throw error;
    }
  }
}

/** The ways in which tensors use their buffers. */
export function tensorUsage(): GPUBufferUsageFlags {
  return GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC |
    GPUBufferUsage.COPY_DST;
}

/** Bytes of a tensor's values on the GPU, where bools take as many as integers. */
export function bytesOf(
  { shape, dtype }: Pick<tf.TensorInfo, "shape" | "dtype">,
): number {
  return tf.util.sizeFromShape(shape) * (dtype === "complex64" ? 8 : 4);
}

/** The memory of values, in halves of words. */
function wordsOf(
  { buffer, byteOffset, byteLength }: Float32Array | Int32Array,
): Uint16Array<ArrayBuffer> {
  return new Uint16Array(buffer as ArrayBuffer, byteOffset, byteLength / 2);
}

/** The bytes of a common buffer that a tensor of `bytes` bytes takes. */
function alignedToParts(bytes: number): number {
  return Math.ceil(bytes / PART_ALIGNMENT) * PART_ALIGNMENT;
}

/** The values of a tensor, with which the content of its buffer begins. */
function exactValues(
  content: ArrayBuffer,
  { shape, dtype }: Pick<tf.TensorInfo, "shape" | "dtype">,
): tf.BackendValues {
  const bytes = bytesOf({ shape, dtype });
  return tf.util.convertBackendValuesAndArrayBuffer(
    bytes < content.byteLength ? content.slice(0, bytes) : content,
    dtype,
  );
}
