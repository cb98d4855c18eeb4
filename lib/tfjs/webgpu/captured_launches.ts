/**
 * Launches that are captured while kernels run, and repeated without the kernels.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { BufferLender, GpuBuffers } from "./gpu_buffers.ts";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { recordCopy, repeatDispatches } from "./launch.ts";

/** A launch, ready to be recorded. */
export interface Dispatch {
  /** The pipeline. */
  readonly pipeline: GPUComputePipeline;
  /** Its buffers. */
  readonly group: GPUBindGroup;
  /** The numbers of workgroups. */
  readonly workgroups: readonly [number, number, number];
}

/**
 * Buffers for what captured launches compute on the way. As runs follow each other, all
 * captured runs of a backend have the same ones.
 */
export class Arena {
  readonly #buffers: GpuBuffers;
  readonly #free = new Map<string, GPUBuffer[]>();
  readonly #all = new Set<GPUBuffer>();
  #users = 0;

  /** @param buffers Where the buffers come from. */
  constructor(buffers: GpuBuffers) {
    this.#buffers = buffers;
  }

  /** Gives a buffer away, to who then holds it. */
  giveAway(buffer: GPUBuffer): void {
    this.#all.delete(buffer);
    this.#buffers.holdUsed(buffer);
  }

  /** Gives out a buffer. */
  acquire(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const key = `${this.#buffers.sizeOf(size, usage)} ${usage}`;
    const free = this.#free.get(key)?.pop();
    if (free) return free;
    const buffer = this.#buffers.acquireBuffer(size, usage);
    this.#all.add(buffer);
    return buffer;
  }

  /** Takes a buffer back, for the launches that follow. */
  release(buffer: GPUBuffer): void {
    const key = `${buffer.size} ${buffer.usage}`;
    const others = this.#free.get(key);
    if (others) others.push(buffer);
    else this.#free.set(key, [buffer]);
  }

  /** Counts a captured run that needs the buffers, or, with -1, that does not any more. */
  count(users: 1 | -1): void {
    this.#users += users;
    if (this.#users === 0) this.clear();
  }

  /** Gives all buffers back. */
  clear(): void {
    for (const buffer of this.#all) this.#buffers.releaseBuffer(buffer);
    this.#all.clear();
    this.#free.clear();
  }
}

/** A tensor that a run gets or returns, in a buffer of its own. */
interface Bound extends Omit<tf.TensorInfo, "dataId"> {
  readonly buffer: GPUBuffer;
}

/** Captures the launches of one run. */
export class Capture implements BufferLender {
  /** The launches so far. */
  readonly dispatches: Dispatch[] = [];
  /** Buffers whose content stays: inputs, and what the host has written. */
  readonly pinned = new Set<GPUBuffer>();
  /** Whether something was recorded that is no launch. */
  isSpoilt = false;
  readonly #arena: Arena;
  readonly #buffers: GpuBuffers;
  readonly #lent = new Set<GPUBuffer>();
  readonly #kept = new Set<GPUBuffer>();

  /** Lends buffers of the arena. */
  constructor(arena: Arena, buffers: GpuBuffers) {
    this.#arena = arena;
    this.#buffers = buffers;
  }

  acquire(
    size: number,
    usage: GPUBufferUsageFlags,
    isWritten: boolean,
  ): GPUBuffer {
    if (isWritten) return this.pin(size, usage);
    const buffer = this.#unlent(() => this.#arena.acquire(size, usage));
    this.#lent.add(buffer);
    return buffer;
  }

  /** A buffer that no other launch of the run gets. */
  pin(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.#unlent(() => this.#buffers.acquireIdle(size, usage));
    this.pinned.add(buffer);
    return buffer;
  }

  /** Holds a buffer of results, which the arena does not have any more. */
  keep(buffer: GPUBuffer): void {
    this.#kept.add(buffer);
    this.pinned.delete(buffer);
    this.#lent.delete(buffer);
    this.#arena.giveAway(buffer);
  }

  release(buffer: GPUBuffer): boolean {
    if (this.#kept.has(buffer)) return true;
    if (this.pinned.has(buffer)) return true;
    if (!this.#lent.delete(buffer)) return false;
    this.#arena.release(buffer);
    return true;
  }

  #unlent<T>(run: () => T): T {
    const { lender } = this.#buffers;
    this.#buffers.lender = undefined;
    try {
      return run();
    } finally {
      this.#buffers.lender = lender;
    }
  }
}

/** What a captured run reads besides its inputs, where it was when it was captured. */
interface Found {
  readonly dataId: object;
  readonly buffer: GPUBuffer;
}

/** The launches of a run, with the buffers that they use. */
export class CapturedLaunches {
  readonly #backend: StrictWebGPUBackend;
  readonly #arena: Arena;
  readonly #generation: number;
  readonly #dispatches: readonly Dispatch[];
  readonly #pinned: ReadonlySet<GPUBuffer>;
  readonly #found: readonly Found[];
  readonly #inputs: readonly Bound[];
  readonly #outputs: readonly Bound[];
  #last: readonly object[] = [];

  private constructor(
    backend: StrictWebGPUBackend,
    capture: Capture,
    bound: Record<"inputs" | "outputs", readonly Bound[]>,
    found: readonly Found[],
  ) {
    this.#backend = backend;
    this.#arena = backend.arena;
    this.#generation = backend.generation;
    this.#dispatches = capture.dispatches;
    this.#pinned = capture.pinned;
    this.#found = found;
    this.#inputs = bound.inputs;
    this.#outputs = bound.outputs;
  }

  /**
   * Runs a function and captures its launches.
   *
   * @param backend The backend.
   * @param found What the function reads besides its inputs.
   * @param given The inputs.
   * @param run Runs kernels, and returns results that are neither given nor found.
   * @returns The results, and the launches unless something else was recorded between
   * them.
   */
  static of(
    backend: StrictWebGPUBackend,
    found: readonly tf.TensorInfo[],
    given: readonly tf.TensorInfo[],
    run: (inputs: readonly tf.TensorInfo[]) => tf.TensorInfo[],
  ): { results: tf.TensorInfo[]; launches: CapturedLaunches | undefined } {
    const { buffers } = backend;
    for (const { dataId } of found) upload(backend, dataId);
    const capture = new Capture(backend.arena, buffers);
    const inputs = given.map((info) => {
      const { shape, dtype } = info;
      const own = backend.makeTensorInfo([...shape], dtype);
      const buffer = capture.pin(backend.bytesOf(info), backend.tensorUsage);
      backend.tensorMap.get(own.dataId).resource = buffer;
      return { ...own, buffer };
    });
    putInto(backend, inputs, given);
    backend.arena.count(1);
    let outputs: Bound[] = [];
    buffers.lender = backend.capture = capture;
    try {
      const results = run(inputs);
      outputs = results.map(({ dataId, shape, dtype }) => {
        upload(backend, dataId);
        return { shape, dtype, buffer: bufferOf(backend, dataId) };
      });
      for (const { buffer } of outputs) capture.keep(buffer);
      for (const { dataId } of results) backend.disposeData(dataId);
    } finally {
      for (const { dataId } of inputs) backend.disposeData(dataId);
      buffers.lender = backend.capture = undefined;
      if (outputs.length === 0) {
        release(backend, capture.pinned);
        backend.arena.count(-1);
      }
    }
    const launches = new CapturedLaunches(
      backend,
      capture,
      { inputs, outputs },
      found.map(({ dataId }) => ({
        dataId,
        buffer: bufferOf(backend, dataId),
      })),
    );
    const results = launches.#results();
    if (!capture.isSpoilt) return { results, launches };
    launches.dispose();
    return { results, launches: undefined };
  }

  /** Whether the run can be repeated: all that it reads is where it was. */
  fits(found: readonly tf.TensorInfo[]): boolean {
    const { lost, generation, tensorMap } = this.#backend;
    return !lost && generation === this.#generation &&
      found.every(({ dataId }, i) => {
        const { dataId: before, buffer } = this.#found[i]!;
        return dataId === before && tensorMap.get(dataId).resource === buffer;
      });
  }

  /** Repeats the launches on other inputs. */
  run(given: readonly tf.TensorInfo[]): tf.TensorInfo[] {
    const backend = this.#backend;
    return backend.guard(() => {
      backend.submitBeforeRepeating();
      putInto(backend, this.#inputs, given);
      this.#leaveResults();
      repeatDispatches(backend, this.#dispatches);
      return this.#results();
    });
  }

  /** What the launches have computed, which stays theirs until they are repeated. */
  #results(): tf.TensorInfo[] {
    const backend = this.#backend;
    const results = this.#outputs.map(({ shape, dtype, buffer }) => {
      const info = backend.makeTensorInfo([...shape], dtype);
      backend.buffers.share(buffer);
      backend.tensorMap.get(info.dataId).resource = buffer;
      return info;
    });
    this.#last = results.map(({ dataId }) => dataId);
    return results;
  }

  /** Gives results of the last run that are still there buffers of their own. */
  #leaveResults(): void {
    for (const dataId of this.#last) {
      if (this.#backend.tensorMap.has(dataId)) this.#backend.ownBuffer(dataId);
    }
  }

  /** Gives the buffers back. */
  dispose(): void {
    const { buffers } = this.#backend;
    for (const { buffer } of this.#outputs) buffers.letGo(buffer);
    release(this.#backend, this.#pinned);
    this.#arena.count(-1);
  }
}

/** Copies inputs to where launches read them. */
function putInto(
  backend: StrictWebGPUBackend,
  inputs: readonly Bound[],
  given: readonly tf.TensorInfo[],
): void {
  for (const [i, { dataId }] of given.entries()) {
    upload(backend, dataId);
    recordCopy(backend, bufferOf(backend, dataId), inputs[i]!.buffer);
  }
}

function release(
  { buffers }: StrictWebGPUBackend,
  pinned: Iterable<GPUBuffer>,
): void {
  for (const buffer of pinned) buffers.releaseBuffer(buffer);
}

function upload(backend: StrictWebGPUBackend, dataId: object): void {
  backend.uploadToGPU(dataId as { id: number });
}

function bufferOf(backend: StrictWebGPUBackend, dataId: object): GPUBuffer {
  return backend.tensorMap.get(dataId).resource as GPUBuffer;
}
