/** Buffers whose content stays as it is, found by their content. @module */
import type { GpuBuffers } from "./gpu_buffers.ts";
import { RecentCache } from "./recent_cache.ts";

/** Contents that are held at least; the contents of a step's launches repeat in the next step. */
const HELD = 1024;

/** Contents that are remembered at least, to be held if they come again. */
const REMEMBERED = 4096;

/** The most bytes of a content that is held. */
const MOST_BYTES = 1024;

/**
 * The most launches between two uses of a content that comes in each step: more than a
 * step of 24 blocks has.
 */
const LONGEST_PAUSE = 2048;

/** The fewest launches between two uses that count. */
const LEAST_PAUSE = 512;

/** Uses before a content is held, each at least `LEAST_PAUSE` launches after the one before. */
const USES = 3;

/** The uses of a content. */
interface Seen {
  /** Launches before the last use that counts. */
  at: number;
  /** Uses that count, since the last long pause. */
  uses: number;
}

/**
 * Buffers for contents that come in step after step, such as the sizes in a launch's
 * uniforms, and constants: each is written once. So nobody may write them.
 *
 * Others must not fill the cache, lest memory grow with each step: numbers of one step,
 * such as its learning rate, come several times within it and then never again; labels
 * of small batches come again by chance. So a content is held once it has come often
 * without a long pause, and until such a pause.
 */
export class HeldValues {
  readonly #queue: Pick<GPUQueue, "writeBuffer">;
  readonly #buffers: GpuBuffers;
  readonly #usage: GPUBufferUsageFlags;
  readonly #launches: () => number;
  readonly #held = new RecentCache<GPUBuffer>(
    HELD,
    (buffer) => this.#buffers.letGo(buffer),
  );
  /** Launches when contents were last let go that had not come for long. */
  #agedAt = 0;
  readonly #seen = new RecentCache<Seen>(REMEMBERED, () => {});

  /**
   * Makes an empty cache.
   *
   * @param queue The queue by which buffers are written.
   * @param buffers Where buffers come from.
   * @param usage How they are used, besides being written.
   * @param launches The number of launches so far.
   */
  constructor(
    queue: Pick<GPUQueue, "writeBuffer">,
    buffers: GpuBuffers,
    usage: GPUBufferUsageFlags,
    launches: () => number,
  ) {
    this.#queue = queue;
    this.#buffers = buffers;
    this.#usage = usage | GPUBufferUsage.COPY_DST;
    this.#launches = launches;
  }

  /**
   * A buffer that begins with a content; `undefined` for one that is too long, or does
   * not come in step after step.
   *
   * @param content The content, which is read at once.
   */
  bufferOf(content: Uint16Array<ArrayBuffer>): GPUBuffer | undefined {
    if (content.length === 0 || content.byteLength > MOST_BYTES) {
      return undefined;
    }
    // A captured launch has buffers of its own, for as long as it is repeated.
    if (this.#buffers.lender) return undefined;
    // Spread into arguments, a typed array goes through its iterator.
    const key = String.fromCharCode.apply(null, content as unknown as number[]);
    const now = this.#launches();
    if (now - this.#agedAt > LONGEST_PAUSE) {
      this.#held.age();
      this.#agedAt = now;
    }
    const known = this.#held.get(key);
    if (known) return known;
    if (!this.#comesOften(key, now)) return undefined;
    const buffer = this.#buffers.hold(content.byteLength, this.#usage);
    this.#queue.writeBuffer(buffer, 0, content);
    this.#held.set(key, buffer);
    return buffer;
  }

  /** Whether a content, which has come once more, has done so often. */
  #comesOften(key: string, now: number): boolean {
    const seen = this.#seen.get(key);
    if (!seen) {
      this.#seen.set(key, { at: now, uses: 1 });
      return false;
    }
    const pause = now - seen.at;
    if (pause < LEAST_PAUSE) return false;
    seen.uses = pause > LONGEST_PAUSE ? 1 : seen.uses + 1;
    seen.at = now;
    return seen.uses >= USES;
  }

  /** Forgets all buffers; tensors that have one keep it. */
  clear(): void {
    this.#held.clear();
  }
}
