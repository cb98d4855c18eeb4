/** The pool of a WebGPU backend's buffers, in place of TensorFlow.js's own. @module */

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

/** What the pool needs of a device. */
type Device = Pick<GPUDevice, "createBuffer" | "limits">;

/**
 * A pool of buffers, with the interface of TensorFlow.js's own, which keeps every
 * buffer for one exact size, forever. Here sizes are rounded up to eighths of
 * octaves, and free buffers are destroyed, those first that have waited longest,
 * before the pool would hold more than {@linkcode HELD_PER_USED} times what was in use
 * at the worst moment.
 *
 * No command that waits for its submission uses a free buffer: TensorFlow.js releases
 * a tensor's buffer only after the submission of the commands that use it.
 *
 * A buffer for which there was no memory, or that is over a limit, is invalid for
 * good, and WebGPU says so only later. So each new buffer is suspect until a read has
 * shown that nothing had failed.
 */
export class GpuBuffers {
  /** The bytes that were asked for, of the buffers in use. */
  numBytesUsed = 0;
  /** The bytes of all buffers, in use or free. */
  numBytesAllocated = 0;
  readonly #device: Device;
  /** The buffers in use, and the bytes that were asked for. */
  readonly #used = new Map<GPUBuffer, number>();
  /** Free buffers by size and usage, in the order of their release. */
  readonly #free = new Map<string, GPUBuffer[]>();
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

  constructor(device: Device) {
    this.#device = device;
  }

  /** Gives out a buffer of at least the given size, with any content. */
  acquireBuffer(
    size: number,
    usage: GPUBufferUsageFlags,
    mappedAtCreation = false,
    reuse = true,
  ): GPUBuffer {
    this.#expect(this.numBytesUsed + size);
    const rounded = this.#roundedUp(size, usage);
    const buffer = (reuse && this.#takeFree(rounded, usage)) ||
      this.#create({ size: rounded, usage, mappedAtCreation });
    this.#used.set(buffer, size);
    this.numBytesUsed += size;
    return buffer;
  }

  /**
   * Takes a buffer back, for its next use or to destroy it. After
   * {@linkcode dispose}, it does nothing.
   */
  releaseBuffer(buffer: GPUBuffer, reuse = true): void {
    const size = this.#used.get(buffer);
    if (size === undefined) return;
    this.#used.delete(buffer);
    this.numBytesUsed -= size;
    if (!reuse || this.#failed.has(buffer)) return this.#destroy(buffer);
    const key = keyOf(buffer.size, buffer.usage);
    const ofKind = this.#free.get(key);
    if (ofKind) ofKind.push(buffer);
    else this.#free.set(key, [buffer]);
    this.#waiting.add(buffer);
  }

  /** The number of buffers in use. */
  getNumUsedBuffers(): number {
    return this.#used.size;
  }

  /** The number of free buffers. */
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
    // Without free buffers, the failure does not tell how much they may be.
    if (this.#waiting.size > 0) this.#tooMuch = this.numBytesAllocated;
    this.#discard(() => true);
  }

  /** Destroys all buffers. */
  dispose(): void {
    this.#discard(() => true);
    this.#used.forEach((_, buffer) => this.#destroy(buffer));
    this.#used.clear();
    this.numBytesUsed = 0;
  }

  /** Counts a buffer that is about to be given out, after which so many bytes are used. */
  #expect(used: number): void {
    this.#peak = Math.max(this.#peak, used);
    if (++this.#givenOut % PEAK_LASTS > 0) return;
    this.#earlierPeak = this.#peak;
    this.#peak = used;
    this.#makeRoom(0);
  }

  /** The most bytes of a buffer that can be made, bound and copied. */
  #largest(usage: GPUBufferUsageFlags): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    const limit = usage & GPUBufferUsage.STORAGE
      ? Math.min(maxBufferSize, maxStorageBufferBindingSize)
      : maxBufferSize;
    // wgpu's limits may be odd, and only words are bound and copied.
    return limit - limit % 4;
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
  ): GPUBuffer | undefined {
    const isFull = this.numBytesAllocated + rounded > this.#limit();
    const most = isFull
      ? Math.min(LARGEST_FIT * rounded, this.#largest(usage))
      : rounded;
    let size = rounded;
    do {
      const buffer = this.#free.get(keyOf(size, usage))?.pop();
      if (buffer) {
        this.#waiting.delete(buffer);
        return buffer;
      }
      size = this.#roundedUp(size + 1, usage);
    } while (size <= most);
    return undefined;
  }

  #create(descriptor: GPUBufferDescriptor): GPUBuffer {
    this.#makeRoom(descriptor.size);
    const buffer = this.#device.createBuffer(descriptor);
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
      // The buffers of a kind are in the order of their release, too.
      this.#free.get(keyOf(buffer.size, buffer.usage))!.shift();
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
    buffer.destroy();
  }
}

function keyOf(size: number, usage: GPUBufferUsageFlags): string {
  return `${size} ${usage}`;
}

/** The least size with eight steps in each octave that is not below the given one. */
function sizeClassOf(size: number): number {
  if (size <= SMALLEST) return SMALLEST;
  const step = Math.max(SMALLEST, 2 ** (Math.floor(Math.log2(size - 1)) - 3));
  return Math.ceil(size / step) * step;
}
