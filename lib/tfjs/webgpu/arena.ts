/** Buffers that stay for launches that are repeated. @module */
import type { BufferLender, GpuBuffers } from "./gpu_buffers.ts";

/** A launch, ready to be recorded. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  /** The bind group of the launch's buffers. */
  readonly group: GPUBindGroup;
  /** The numbers of workgroups. */
  readonly workgroups: readonly [number, number, number];
}

/** Bytes that captured runs may always hold. */
const FREELY_HELD = 2 ** 24;

/** The most bytes that captured runs hold, as a multiple of what the largest needs. */
const HELD_PER_LARGEST = 2.5;

/** The most bytes of a buffer for each that is asked for. */
const LARGEST_FIT = 2;

/** A captured run, as the arena sees it. */
export interface Captured {
  /** Bytes of the buffers that only this run has. */
  readonly ownBytes: number;
  /** The most bytes of the arena's buffers that the run had at once. */
  readonly lentBytes: number;
  /** All buffers of the arena's that the run uses. */
  readonly lent: ReadonlySet<GPUBuffer>;
  /** Ends the run, so that it uses no buffers any more. */
  dispose(): void;
}

/**
 * Buffers for what captured launches compute on the way. As runs follow each other, all
 * captured runs of a backend have the same ones. Where those of many sizes would hold
 * much more than the largest needs, all but the newest end.
 */
export class Arena {
  readonly #buffers: GpuBuffers;
  readonly #free = new Map<string, GPUBuffer[]>();
  readonly #all = new Set<GPUBuffer>();
  readonly #captured = new Set<Captured>();

  /** @param buffers Where the buffers come from. */
  constructor(buffers: GpuBuffers) {
    this.#buffers = buffers;
  }

  /** Gives a buffer away, to who then holds it. */
  giveAway(buffer: GPUBuffer): void {
    this.#forget(buffer);
    this.#buffers.holdUsed(buffer);
  }

  /** Whether a captured run uses a buffer. */
  isUsed(buffer: GPUBuffer): boolean {
    return this.#captured.values().some(({ lent }) => lent.has(buffer));
  }

  /** Gives out a buffer, which may be up to twice as large. */
  acquire(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const least = this.#buffers.sizeOf(size, usage);
    let fit = least;
    do {
      const free = this.#free.get(`${fit} ${usage}`)?.pop();
      if (free) return free;
      const larger = this.#buffers.sizeOf(fit + 1, usage);
      // The device has no larger buffers.
      if (larger === fit + 1) break;
      fit = larger;
    } while (fit <= LARGEST_FIT * least);
    const buffer = this.#buffers.acquireBuffer(size, usage);
    this.#all.add(buffer);
    this.#buffers.numBytesOfArena += buffer.size;
    return buffer;
  }

  /** Takes a buffer back, for the launches that follow. */
  release(buffer: GPUBuffer): void {
    const key = `${buffer.size} ${buffer.usage}`;
    const others = this.#free.get(key);
    if (others) others.push(buffer);
    else this.#free.set(key, [buffer]);
  }

  /** Takes a captured run, and ends others if all would hold too much. */
  add(captured: Captured): void {
    this.#captured.add(captured);
    let own = 0, largest = 0;
    for (const { ownBytes, lentBytes } of this.#captured) {
      own += ownBytes;
      largest = Math.max(largest, ownBytes + lentBytes);
    }
    const most = Math.max(FREELY_HELD, HELD_PER_LARGEST * largest);
    if (own + this.#buffers.numBytesOfArena <= most) return;
    for (const other of this.#captured) {
      if (other !== captured) other.dispose();
    }
    this.#giveBack((buffer) => !captured.lent.has(buffer));
  }

  /** Forgets a captured run that has ended; after the last, or without one, no buffers stay. */
  remove(captured?: Captured): void {
    if (captured) this.#captured.delete(captured);
    if (this.#captured.size === 0) this.clear();
  }

  /** Gives all buffers back. */
  clear(): void {
    this.#giveBack(() => true);
  }

  #giveBack(condition: (buffer: GPUBuffer) => boolean): void {
    for (const [key, buffers] of this.#free) {
      this.#free.set(key, buffers.filter((buffer) => !condition(buffer)));
    }
    for (const buffer of this.#all) {
      if (!condition(buffer)) continue;
      this.#forget(buffer);
      this.#buffers.releaseBuffer(buffer);
    }
  }

  #forget(buffer: GPUBuffer): void {
    if (this.#all.delete(buffer)) this.#buffers.numBytesOfArena -= buffer.size;
  }
}

/** Captures the launches of one run. */
export class Capture implements BufferLender {
  /** The launches so far. */
  readonly dispatches: Dispatch[] = [];
  /** Buffers whose content stays: inputs, and what the host has written. */
  readonly pinned: Set<GPUBuffer> = new Set<GPUBuffer>();
  /** Whether something was recorded that is no launch. */
  isSpoilt = false;
  readonly #arena: Arena;
  readonly #buffers: GpuBuffers;
  /** Buffers that are lent now. */
  readonly #lentNow = new Set<GPUBuffer>();
  readonly #kept = new Set<GPUBuffer>();
  /** Buffers of results, and those to which they are copied after the launches. */
  readonly copies: Map<GPUBuffer, GPUBuffer> = new Map<GPUBuffer, GPUBuffer>();
  /** All buffers of the arena's that were lent, except those that are kept. */
  readonly lent: Set<GPUBuffer> = new Set<GPUBuffer>();
  /** The most bytes that were lent at once. */
  lentBytes = 0;
  #lentBytesNow = 0;

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
    const buffer = this.#buffers.unlent(() => this.#arena.acquire(size, usage));
    this.#lentNow.add(buffer);
    this.lent.add(buffer);
    this.#lentBytesNow += buffer.size;
    this.lentBytes = Math.max(this.lentBytes, this.#lentBytesNow);
    return buffer;
  }

  /** A buffer that no other launch of the run gets. */
  pin(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.#buffers.unlent(() =>
      this.#buffers.acquireIdle(size, usage)
    );
    this.pinned.add(buffer);
    return buffer;
  }

  /**
   * Holds a result. A buffer that no other captured run uses is taken out of the arena;
   * of another one, which those would write again, there is a copy after the launches.
   *
   * @param buffer The buffer that the launches write.
   * @param size The result's bytes.
   * @returns The buffer that has the result in the end.
   */
  keep(buffer: GPUBuffer, size: number): GPUBuffer {
    const known = this.copies.get(buffer);
    if (known) return known;
    if (this.#arena.isUsed(buffer)) {
      const own = this.#buffers.unlent(() =>
        this.#buffers.acquireBuffer(size, buffer.usage)
      );
      this.#buffers.holdUsed(own);
      this.copies.set(buffer, own);
      return own;
    }
    this.#kept.add(buffer);
    this.pinned.delete(buffer);
    this.#lentNow.delete(buffer);
    this.lent.delete(buffer);
    this.#arena.giveAway(buffer);
    return buffer;
  }

  release(buffer: GPUBuffer): boolean {
    if (this.#kept.has(buffer)) return true;
    if (this.pinned.has(buffer)) return true;
    if (!this.#lentNow.delete(buffer)) return false;
    this.#lentBytesNow -= buffer.size;
    this.#arena.release(buffer);
    return true;
  }
}
