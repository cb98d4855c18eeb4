/** Buffers whose content stays as it is, found by their content. @module */
import type { GpuBuffers } from "./gpu_buffers.ts";
import { RecentCache } from "./recent_cache.ts";

/** Contents that are held at least; those of the launches of a step repeat in the next. */
const HELD = 1024;

/** Contents that are remembered at least, to be held if they come again. */
const REMEMBERED = 4096;

/** The most bytes of a content that is held. */
const MOST_BYTES = 1024;

/**
 * Buffers for contents that come again and again, such as the sizes that a launch is
 * told, and constants: each is written once. So nobody may write them.
 */
export class HeldValues {
  readonly #queue: Pick<GPUQueue, "writeBuffer">;
  readonly #buffers: GpuBuffers;
  readonly #usage: GPUBufferUsageFlags;
  readonly #held = new RecentCache<GPUBuffer>(
    HELD,
    (buffer) => this.#buffers.letGo(buffer),
  );
  /** The number of submissions before a content was first there. */
  readonly #seen = new RecentCache<number>(REMEMBERED, () => {});

  /**
   * Makes an empty cache.
   *
   * @param queue The queue by which buffers are written.
   * @param buffers Where buffers come from.
   * @param usage How they are used, besides being written.
   */
  constructor(
    queue: Pick<GPUQueue, "writeBuffer">,
    buffers: GpuBuffers,
    usage: GPUBufferUsageFlags,
  ) {
    this.#queue = queue;
    this.#buffers = buffers;
    this.#usage = usage | GPUBufferUsage.COPY_DST;
  }

  /**
   * A buffer that begins with a content; `undefined` for one that is too long, or was
   * not there before the last submission: some are those of a single step.
   *
   * @param content The content, which is read at once.
   */
  bufferOf(content: Uint16Array<ArrayBuffer>): GPUBuffer | undefined {
    if (content.length === 0 || content.byteLength > MOST_BYTES) {
      return undefined;
    }
    // What is captured has buffers of its own, for as long as it is repeated.
    if (this.#buffers.lender) return undefined;
    // Spread out, a typed array goes through its iterator.
    const key = String.fromCharCode.apply(null, content as unknown as number[]);
    const known = this.#held.get(key);
    if (known) return known;
    const { submissions } = this.#buffers;
    const seen = this.#seen.get(key);
    if (seen === undefined) return void this.#seen.set(key, submissions);
    if (seen === submissions) return undefined;
    const buffer = this.#buffers.hold(content.byteLength, this.#usage);
    this.#queue.writeBuffer(buffer, 0, content);
    this.#held.set(key, buffer);
    return buffer;
  }

  /** Forgets all buffers; tensors that have one keep it. */
  clear(): void {
    this.#held.clear();
  }
}
