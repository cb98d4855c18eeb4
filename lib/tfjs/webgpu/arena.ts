/** Buffers that stay for launches that are repeated. @module */
import type { BufferLender, GpuBuffers } from "./gpu_buffers.ts";

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
