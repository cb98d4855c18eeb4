/** The pool of a WebGPU backend's buffers, in place of TensorFlow.js's own. @module */

import { numberOf } from "./bind_groups.ts";

/** Bytes that the pool may always hold: smaller buffers are not worth their creation. */
const FREELY_HELD = 2 ** 20;

/** The most bytes that the pool holds, as a multiple of the most that were in use at once. */
const HELD_PER_USED = 2.5;

/** The most bytes of a buffer for each that is asked for, where memory is full. */
const LARGEST_FIT = 1.5;

/**
 * The number of buffers that are given out, one for each launch and one for each
 * result, before an older peak of use is forgotten.
 */
const PEAK_LASTS = 2 ** 15;

/** The size of the smallest buffers, in bytes. */
const SMALLEST = 16;

/** Gives out buffers in the pool's place. */
export interface BufferLender {
  /** Gives out a buffer; the host will write it if `isWritten`. */
  acquire(
    size: number,
    usage: GPUBufferUsageFlags,
    isWritten: boolean,
  ): GPUBuffer;
  /** Takes a buffer back; returns whether it was one of the lender's. */
  release(buffer: GPUBuffer): boolean;
}

/** The part of a device that the pool needs. */
type Device = Pick<GPUDevice, "createBuffer" | "limits">;

/**
 * A pool of buffers, with the interface of TensorFlow.js's own, which keeps every
 * buffer for one exact size, forever. Here sizes are rounded up to eighths of
 * octaves, and free buffers are destroyed, those first that have waited longest,
 * before the pool would hold more than {@linkcode HELD_PER_USED} times what was in use
 * at the worst moment.
 *
 * A free buffer may be used by commands that wait for their submission: those that use
 * it next come after them. Only the host's own writes, and the end of a buffer, would
 * come before: such buffers are not written by the host, and are destroyed after the
 * submission. Of the free buffers of a kind, the oldest is given out first, so that
 * what asks for the same buffers in the same order gets the same ones.
 *
 * A buffer for which there was no memory, or that is over a limit, is invalid for
 * good, and WebGPU says so only later. So each new buffer is suspect until a read has
 * shown that nothing had failed.
 */
export class GpuBuffers {
  /** The bytes that were asked for, of the buffers in use. */
  numBytesUsed = 0;
  /** The bytes of buffers in use that captured launches share. */
  numBytesOfArena = 0;
  /** The bytes of all buffers, in use or free. */
  numBytesAllocated = 0;
  /** Whether commands were recorded since the last submission. */
  commandsWait = false;
  submissions = 0;
  /** The lender of buffers in the pool's place, while launches are captured. */
  lender: BufferLender | undefined;
  readonly #device: Device;
  readonly #largestBuffer: number;
  readonly #largestBinding: number;
  readonly #destroyed: (buffer: GPUBuffer) => void;
  /** The buffers in use, and the bytes that were asked for. */
  readonly #used = new Map<GPUBuffer, number>();
  /** Buffers whose content stays, and how many tensors have them. */
  readonly #held = new Map<GPUBuffer, number>();
  /** Buffers in use of which several tensors have parts, and how many still do. */
  readonly #common = new Map<GPUBuffer, number>();
  /** Held buffers that are let go once no tensor has them. */
  readonly #unheld = new Set<GPUBuffer>();
  /** Buffers that were released since the last submission, and may be in use until the next. */
  readonly #busy = new Set<GPUBuffer>();
  /** Busy buffers that are to be destroyed at the next submission. */
  #doomed: GPUBuffer[] = [];
  /** Free buffers by size and usage, the oldest of which is the last. */
  readonly #free = new Map<number, GPUBuffer[]>();
  /** All free buffers, in the order of their release. */
  readonly #waiting = new Set<GPUBuffer>();
  #suspect = new Set<GPUBuffer>();
  readonly #failed = new WeakSet<GPUBuffer>();
  #givenOut = 0;
  /** The most bytes that were in use at once, of late and in the time before. */
  #peak = 0;
  #earlierPeak = 0;
  /** The bytes for which there was no memory. */
  #tooMuch = Infinity;

  /**
   * Makes an empty pool.
   *
   * @param device Makes the buffers.
   * @param destroyed Is called with each buffer that is destroyed.
   */
  constructor(
    device: Device,
    destroyed: (buffer: GPUBuffer) => void = () => {},
  ) {
    this.#device = device;
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    // wgpu's limits may be odd, and only words are bound and copied.
    const inWords = (limit: number) => limit - limit % 4;
    this.#largestBuffer = inWords(maxBufferSize);
    this.#largestBinding = inWords(
      Math.min(maxBufferSize, maxStorageBufferBindingSize),
    );
    this.#destroyed = destroyed;
  }

  /** Gives out a buffer of at least the given size, with any content. */
  acquireBuffer(
    size: number,
    usage: GPUBufferUsageFlags,
    mappedAtCreation = false,
    reuse = true,
    mustBeIdle = false,
  ): GPUBuffer {
    if (this.lender) return this.lender.acquire(size, usage, mustBeIdle);
    // Buffers that captured launches share were in use before, while kernels ran.
    this.#expect(this.numBytesUsed - this.numBytesOfArena + size);
    const rounded = this.#roundedUp(size, usage);
    const buffer = (reuse && this.#takeFree(rounded, usage, mustBeIdle)) ||
      this.#create({ size: rounded, usage, mappedAtCreation });
    this.#used.set(buffer, size);
    this.numBytesUsed += size;
    return buffer;
  }

  /** Runs a function while the pool gives out buffers itself. */
  unlent<T>(run: () => T): T {
    const { lender } = this;
    this.lender = undefined;
    try {
      return run();
    } finally {
      this.lender = lender;
    }
  }

  /** The size of the buffers that serve a size. */
  sizeOf(size: number, usage: GPUBufferUsageFlags): number {
    return this.#roundedUp(size, usage);
  }

  /** Gives out a buffer that the host may write at once: no waiting command uses it. */
  acquireIdle(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    return this.acquireBuffer(size, usage, false, true, true);
  }

  /** Whether {@linkcode acquireIdle} would find a free buffer if all commands were submitted. */
  isBusy(size: number, usage: GPUBufferUsageFlags): boolean {
    const kind = keyOf(this.#roundedUp(size, usage), usage);
    const ofKind = this.#free.get(kind) ?? [];
    return ofKind.length > 0 &&
      ofKind.every((buffer) => this.#busy.has(buffer));
  }

  /** Like {@linkcode acquireIdle}, for a content that stays until {@linkcode letGo}. */
  hold(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const rounded = this.#roundedUp(size, usage);
    const buffer = this.#takeFree(rounded, usage, true) ??
      this.#create({ size: rounded, usage, mappedAtCreation: false });
    this.#held.set(buffer, 0);
    return buffer;
  }

  /** Gives out a buffer of which `users` tensors have parts; each must release it. */
  acquireCommon(
    size: number,
    usage: GPUBufferUsageFlags,
    users: number,
  ): GPUBuffer {
    const buffer = this.acquireBuffer(size, usage);
    this.#common.set(buffer, users);
    return buffer;
  }

  /** Whether the device has once had no memory left. */
  get isShort(): boolean {
    return this.#tooMuch < Infinity;
  }

  /** Makes a buffer that is in use one that is held. */
  holdUsed(buffer: GPUBuffer): void {
    const size = this.#used.get(buffer);
    if (size === undefined) return;
    this.#used.delete(buffer);
    this.numBytesUsed -= size;
    this.#held.set(buffer, 0);
  }

  /** Whether the content of a buffer stays, so that nobody may write it. */
  isHeld(buffer: GPUBuffer): boolean {
    return this.#held.has(buffer);
  }

  /** Gives a held buffer to a tensor, too, until it is released once more. */
  share(buffer: GPUBuffer): void {
    this.#held.set(buffer, this.#held.get(buffer)! + 1);
  }

  /** Ends the hold of a buffer; tensors that have it keep it. */
  letGo(buffer: GPUBuffer): void {
    const users = this.#held.get(buffer);
    if (users === undefined) return;
    if (users > 0) return void this.#unheld.add(buffer);
    this.#held.delete(buffer);
    this.#unheld.delete(buffer);
    this.#setFree(buffer);
  }

  /** Must be called when all recorded commands were submitted. */
  submitted(): void {
    this.commandsWait = false;
    this.submissions++;
    this.#busy.clear();
    const doomed = this.#doomed;
    this.#doomed = [];
    for (const buffer of doomed) buffer.destroy();
  }

  /**
   * Takes a buffer back, for its next use or to destroy it. After
   * {@linkcode dispose}, it does nothing.
   */
  releaseBuffer(buffer: GPUBuffer, reuse = true): void {
    if (this.lender?.release(buffer)) return;
    const users = this.#held.get(buffer);
    if (users) {
      this.#held.set(buffer, users - 1);
      if (users === 1 && this.#unheld.has(buffer)) this.letGo(buffer);
      return;
    }
    const parts = this.#common.get(buffer);
    if (parts !== undefined && parts > 1) {
      return void this.#common.set(buffer, parts - 1);
    }
    this.#common.delete(buffer);
    const size = this.#used.get(buffer);
    if (size === undefined) return;
    this.#used.delete(buffer);
    this.numBytesUsed -= size;
    this.#setFree(buffer, reuse);
  }

  #setFree(buffer: GPUBuffer, reuse = true): void {
    if (this.commandsWait) this.#busy.add(buffer);
    if (!reuse || this.#failed.has(buffer)) return this.#destroy(buffer);
    const key = keyOf(buffer.size, buffer.usage);
    const ofKind = this.#free.get(key);
    if (ofKind) ofKind.splice(placeOf(ofKind, buffer), 0, buffer);
    else this.#free.set(key, [buffer]);
    this.#waiting.add(buffer);
  }

  /** The number of buffers in use. */
  getNumUsedBuffers(): number {
    return this.#used.size;
  }

  getNumFreeBuffers(): number {
    return this.#waiting.size;
  }

  /** Returns a function to call when all that was submitted so far has succeeded. */
  beginCheck(): () => void {
    const checked = [...this.#suspect];
    return () => checked.forEach((buffer) => this.#suspect.delete(buffer));
  }

  /** Destroys the buffers that may be invalid: free ones now, those in use on their release. */
  condemn(): void {
    const { size } = this.#suspect;
    this.#suspect.forEach((buffer) => this.#failed.add(buffer));
    this.#suspect.clear();
    if (size > 0) this.#discard((buffer) => this.#failed.has(buffer));
  }

  /** Gives all free memory back, because the device has none left, and holds less from now on. */
  relieve(): void {
    // Without free buffers, the failure says nothing on how many bytes they may have.
    if (this.#waiting.size > 0) this.#tooMuch = this.numBytesAllocated;
    this.#discard(() => true);
  }

  /** Destroys all buffers. */
  dispose(): void {
    this.#discard(() => true);
    this.#used.forEach((_, buffer) => this.#destroy(buffer));
    this.#used.clear();
    this.#held.forEach((_, buffer) => this.#destroy(buffer));
    this.#held.clear();
    this.#unheld.clear();
    this.#common.clear();
    this.numBytesUsed = 0;
    this.submitted();
  }

  /** Counts a buffer that is about to be given out, after which `used` bytes are in use. */
  #expect(used: number): void {
    this.#peak = Math.max(this.#peak, used);
    if (++this.#givenOut % PEAK_LASTS > 0) return;
    this.#earlierPeak = this.#peak;
    this.#peak = used;
    this.#makeRoom(0);
  }

  /** The most bytes of a buffer that can be made, bound and copied. */
  #largest(usage: GPUBufferUsageFlags): number {
    return usage & GPUBufferUsage.STORAGE
      ? this.#largestBinding
      : this.#largestBuffer;
  }

  /** The size of the buffers that serve a size; it is over a limit only if the size is. */
  #roundedUp(size: number, usage: GPUBufferUsageFlags): number {
    return Math.max(size, Math.min(sizeClassOf(size), this.#largest(usage)));
  }

  /**
   * A free buffer of a size, or, where there is no room for a new one, of up to half
   * as much again.
   */
  #takeFree(
    rounded: number,
    usage: GPUBufferUsageFlags,
    mustBeIdle = false,
  ): GPUBuffer | undefined {
    const isFull = this.numBytesAllocated + rounded > this.#limit();
    const most = isFull
      ? Math.min(LARGEST_FIT * rounded, this.#largest(usage))
      : rounded;
    let size = rounded;
    do {
      const ofKind = this.#free.get(keyOf(size, usage)) ?? [];
      let place = ofKind.length - 1;
      while (mustBeIdle && place >= 0 && this.#busy.has(ofKind[place]!)) {
        place--;
      }
      if (place >= 0) {
        const [buffer] = ofKind.splice(place, 1);
        this.#waiting.delete(buffer!);
        return buffer;
      }
      size = this.#roundedUp(size + 1, usage);
    } while (size <= most);
    return undefined;
  }

  #create(descriptor: GPUBufferDescriptor): GPUBuffer {
    this.#makeRoom(descriptor.size);
    const buffer = this.#device.createBuffer(descriptor);
    numberOf(buffer);
    this.numBytesAllocated += descriptor.size;
    this.#suspect.add(buffer);
    return buffer;
  }

  /** The most bytes that buffers take, unless those in use take more. */
  #limit(): number {
    const peak = Math.max(this.#peak, this.#earlierPeak);
    return Math.min(
      Math.max(FREELY_HELD, HELD_PER_USED * peak),
      this.#tooMuch,
    );
  }

  /** Destroys the free buffers that have waited longest, until there is room for more bytes. */
  #makeRoom(bytes: number): void {
    const limit = this.#limit();
    for (const buffer of this.#waiting) {
      if (this.numBytesAllocated + bytes <= limit) return;
      this.#waiting.delete(buffer);
      const ofKind = this.#free.get(keyOf(buffer.size, buffer.usage))!;
      ofKind.splice(ofKind.indexOf(buffer), 1);
      this.#destroy(buffer);
    }
  }

  /** Destroys the free buffers that a condition holds for. */
  #discard(condition: (buffer: GPUBuffer) => boolean): void {
    for (const [key, buffers] of this.#free) {
      this.#free.set(key, buffers.filter((buffer) => !condition(buffer)));
      for (const buffer of buffers.filter(condition)) {
        this.#waiting.delete(buffer);
        this.#destroy(buffer);
      }
    }
  }

  #destroy(buffer: GPUBuffer): void {
    this.#suspect.delete(buffer);
    this.numBytesAllocated -= buffer.size;
    this.#destroyed(buffer);
    if (this.#busy.delete(buffer)) this.#doomed.push(buffer);
    else buffer.destroy();
  }
}

/** A kind's key; usages are below 1024. */
function keyOf(size: number, usage: GPUBufferUsageFlags): number {
  return 1024 * size + usage;
}

/** The place of a buffer among those of a kind, of which the oldest is the last. */
function placeOf(ofKind: readonly GPUBuffer[], buffer: GPUBuffer): number {
  const own = numberOf(buffer);
  let [first, end] = [0, ofKind.length];
  while (first < end) {
    const middle = (first + end) >> 1;
    if (numberOf(ofKind[middle]!) > own) first = middle + 1;
    else end = middle;
  }
  return first;
}

/** The least size with eight steps in each octave that is not below the given one. */
function sizeClassOf(size: number): number {
  if (size <= SMALLEST) return SMALLEST;
  const step = Math.max(SMALLEST, 2 ** (Math.floor(Math.log2(size - 1)) - 3));
  return Math.ceil(size / step) * step;
}
