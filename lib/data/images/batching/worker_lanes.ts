import { codecAddresses } from "../decoding/codecs.ts";
import type { EncodedImage } from "../datasets/image_dataset.ts";
import type { JobSettings } from "./image_job.ts";
import { BadImageError, type Lanes, readImage, STOPPED } from "./lanes.ts";
import { type ImageWorker, startWorker } from "./start_worker.ts";
import type { WorkerAnswer } from "./worker_messages.ts";

/** Images that a worker has at once: one that it decodes, and the next. */
const AT_ONCE = 2;

/** An image that a worker decodes. */
interface Pending {
  readonly image: EncodedImage;
  readonly seed: string;
  resolve(pixels: Uint8Array): void;
  reject(error: Error): void;
}

interface Lane {
  worker: ImageWorker;
  /** Whether another worker has failed before this one. */
  isSecond: boolean;
  readonly pending: Map<number, Pending>;
  /** Called when it has none any more. */
  idle?: () => void;
}

export class WorkerLanes implements Lanes {
  readonly #lanes: Lane[];
  readonly #settings: JobSettings;
  readonly #path: string | URL | undefined;
  /** The callers that wait for a free place. */
  readonly #waiting: (() => void)[] = [];
  #ids = 0;
  #taken = 0;
  #failure: string | undefined;

  /** Starts workers. */
  constructor(
    count: number,
    settings: JobSettings,
    path: string | URL | undefined,
  ) {
    this.#settings = settings;
    this.#path = path;
    this.#lanes = Array.from({ length: count }, () => {
      const worker = this.#start(() => lane);
      const lane: Lane = { worker, isSecond: false, pending: new Map() };
      return lane;
    });
  }

  #start(lane: () => Lane): ImageWorker {
    const worker = startWorker(this.#path, {
      answered: (answer) => this.#answered(lane(), answer),
      failed: (reason) => this.#failed(lane(), reason),
    });
    worker.post({ settings: this.#settings, codecs: codecAddresses() });
    return worker;
  }

  async run(image: EncodedImage, seed: string): Promise<Uint8Array> {
    await this.#place();
    try {
      this.#assertRuns();
      const bytes = await ownBytes(image);
      this.#assertRuns();
      return await this.#send(image, bytes, seed);
    } finally {
      this.#taken--;
      this.#waiting.shift()?.();
    }
  }

  async stop(): Promise<void> {
    this.#failure ??= STOPPED;
    await Promise.all(this.#lanes.map(async (lane) => {
      // To end a worker while sharp decodes ends Deno by a segmentation fault.
      if (lane.pending.size > 0) {
        await new Promise<void>((resolve) => lane.idle = resolve);
      }
      await lane.worker.stop();
    }));
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
      pending.set(id, { image, seed, resolve, reject });
      worker.post({ id, bytes, seed }, [bytes.buffer]);
    });
  }

  #answered(lane: Lane, answer: WorkerAnswer): void {
    const job = lane.pending.get(answer.id);
    if (!job) return; // of a page's worker that has failed, and lives on
    lane.pending.delete(answer.id);
    if (lane.pending.size === 0) lane.idle?.();
    if ("pixels" in answer) return job.resolve(answer.pixels);
    const { failure, isBad } = answer;
    job.reject(
      isBad
        ? new BadImageError(failure)
        : new Error(`${job.image.name}: ${failure}`),
    );
  }

  /**
   * A worker has ended. Another one begins its images anew; if that one ends too,
   * they are named, and nothing goes on.
   */
  #failed(lane: Lane, reason: string): void {
    const { pending, idle, isSecond } = lane;
    if (!isSecond && this.#failure === undefined) {
      void lane.worker.stop();
      lane.isSecond = true;
      lane.worker = this.#start(() => lane);
      for (const [id, job] of pending) void this.#sendAgain(lane, id, job);
      return;
    }
    const jobs = [...pending.values()];
    const names = jobs.map(({ image }) => image.name).join(" or ");
    this.#failure ??= `a worker failed${isSecond ? " twice" : ""}${
      names && ` while it decoded ${names}`
    }: ${reason}`;
    for (const { reject } of jobs) reject(new Error(this.#failure));
    pending.clear();
    idle?.();
  }

  async #sendAgain(lane: Lane, id: number, job: Pending): Promise<void> {
    const { worker, pending } = lane;
    try {
      const bytes = await ownBytes(job.image);
      // The second worker may have ended meanwhile, and the image with it.
      if (!pending.has(id)) return;
      worker.post({ id, bytes, seed: job.seed }, [bytes.buffer]);
    } catch (error) {
      pending.delete(id);
      job.reject(error as Error);
      if (pending.size === 0) lane.idle?.();
    }
  }
}

/** A copy of an image's file, which can go to a worker. */
async function ownBytes(
  image: EncodedImage,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readImage(image));
}
