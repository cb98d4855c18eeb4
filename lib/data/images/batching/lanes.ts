/** Where images are decoded: in workers, or in the caller. @module */
import { codecAddresses } from "../decoding/codecs.ts";
import type { EncodedImage } from "../datasets/image_dataset.ts";
import { doJob, isBad, type JobSettings } from "./image_job.ts";
import { type ImageWorker, startWorker } from "./start_worker.ts";
import type { WorkerAnswer } from "./worker_messages.ts";

/** An image that cannot be read, decoded or brought to its size. */
export class BadImageError extends Error {
  override name = "BadImageError";
}

/** Decodes images, so many at a time that few of their files are in memory. */
export interface Lanes {
  /**
   * Decodes an image.
   *
   * @param seed The text on which all of its random numbers depend.
   * @returns `[side, side, 3]`, 8 bits.
   * @throws {BadImageError} If the image is at fault.
   * @throws {Error} If a package or a worker is; the message names the image.
   */
  run(image: EncodedImage, seed: string): Promise<Uint8Array>;
  /** Ends all of it; images that are not done yet fail. */
  stop(): Promise<void>;
}

/** Reads the file of an image. */
async function read(image: EncodedImage): Promise<Uint8Array> {
  try {
    return await image.bytes();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BadImageError(`it cannot be read: ${reason}`, { cause });
  }
}

/** Decodes in the caller, one image at a time. */
export function callersLane(settings: JobSettings): Lanes {
  let last: Promise<unknown> = Promise.resolve();
  let isStopped = false;
  const decode = async (image: EncodedImage, seed: string) => {
    if (isStopped) throw new Error(STOPPED);
    try {
      return await doJob(await read(image), seed, settings);
    } catch (cause) {
      if (cause instanceof BadImageError) throw cause;
      const { message } = cause as Error;
      if (isBad(cause)) throw new BadImageError(message, { cause });
      throw new Error(`${image.name}: ${message}`, { cause });
    }
  };
  return {
    run(image, seed) {
      const result = last.then(() => decode(image, seed));
      last = result.catch(() => {});
      return result;
    },
    async stop() {
      isStopped = true;
      await last;
    },
  };
}

const STOPPED = "the batches are no longer asked for";

/** Images that a worker has at once: one that it decodes, and the next. */
const AT_ONCE = 2;

/** An image that a worker decodes. */
interface Pending {
  readonly image: EncodedImage;
  resolve(pixels: Uint8Array): void;
  reject(error: Error): void;
}

/** A worker, and the images that it has. */
interface Lane {
  readonly worker: ImageWorker;
  readonly pending: Map<number, Pending>;
}

/** Decodes in workers. */
export class WorkerLanes implements Lanes {
  readonly #lanes: Lane[];
  /** Who waits for a free place. */
  readonly #waiting: (() => void)[] = [];
  #ids = 0;
  #taken = 0;
  #failure: string | undefined;

  /**
   * Starts workers.
   *
   * @param path Where their script lies, if it has been said.
   */
  constructor(
    count: number,
    settings: JobSettings,
    path: string | URL | undefined,
  ) {
    this.#lanes = Array.from({ length: count }, () => {
      const pending = new Map<number, Pending>();
      const worker = startWorker(path, {
        answered: (answer) => this.#answered(pending, answer),
        failed: (reason) => this.#failed(pending, reason),
      });
      worker.post({ settings, codecs: codecAddresses() });
      return { worker, pending };
    });
  }

  async run(image: EncodedImage, seed: string): Promise<Uint8Array> {
    await this.#place();
    try {
      this.#assertRuns();
      // Its own copy, since it goes to the worker.
      const bytes = new Uint8Array(await read(image));
      this.#assertRuns();
      return await this.#send(image, bytes, seed);
    } finally {
      this.#taken--;
      this.#waiting.shift()?.();
    }
  }

  async stop(): Promise<void> {
    this.#failure ??= STOPPED;
    for (const { pending } of this.#lanes) {
      for (const { reject } of pending.values()) reject(new Error(STOPPED));
      pending.clear();
    }
    await Promise.all(this.#lanes.map(({ worker }) => worker.stop()));
  }

  /** Waits until one of all workers' places is free, and takes it. */
  async #place(): Promise<void> {
    while (this.#taken >= AT_ONCE * this.#lanes.length) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#taken++;
  }

  #assertRuns(): void {
    if (this.#failure !== undefined) throw new Error(this.#failure);
  }

  #send(
    image: EncodedImage,
    bytes: Uint8Array<ArrayBuffer>,
    seed: string,
  ): Promise<Uint8Array> {
    const { worker, pending } = this.#lanes.reduce((least, lane) =>
      lane.pending.size < least.pending.size ? lane : least
    );
    const id = this.#ids++;
    return new Promise((resolve, reject) => {
      pending.set(id, { image, resolve, reject });
      worker.post({ id, bytes, seed }, [bytes.buffer]);
    });
  }

  #answered(pending: Map<number, Pending>, answer: WorkerAnswer): void {
    const job = pending.get(answer.id);
    pending.delete(answer.id);
    if (!job) return;
    if ("pixels" in answer) return job.resolve(answer.pixels);
    const { failure, isBad } = answer;
    job.reject(
      isBad
        ? new BadImageError(failure)
        : new Error(`${job.image.name}: ${failure}`),
    );
  }

  /** A worker has ended: the images that it had are named, and nothing goes on. */
  #failed(pending: Map<number, Pending>, reason: string): void {
    const jobs = [...pending.values()];
    const names = jobs.map(({ image }) => image.name).join(" or ");
    this.#failure ??= `a worker failed${
      names && ` while it decoded ${names}`
    }: ${reason}`;
    for (const { reject } of jobs) reject(new Error(this.#failure));
    pending.clear();
  }
}
