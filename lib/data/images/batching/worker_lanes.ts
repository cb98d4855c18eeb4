/** The workers that make images, each with jobs in order. @module */
import { shown } from "@lionjs/base";
import { codecAddresses } from "../decoding/codecs.ts";
import type { EncodedImage } from "../datasets/image_dataset.ts";
import type { JobSettings } from "./image_job.ts";
import { BadImageError, type Lanes, readImage, STOPPED } from "./lanes.ts";
import { type ImageWorker, startWorker } from "./start_worker.ts";
import type { WorkerAnswer } from "./worker_messages.ts";

/** Images that a worker has at once: one that it decodes, and the next. */
const AT_ONCE = 2;

/**
 * Seconds without an answer after which a worker is given up: minutes more than any
 * image that is decoded takes, but a script that is not the workers' never answers.
 */
const PATIENCE = 300;

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
  /** Seconds for which the worker has had images and not answered. */
  quiet: number;
  /** Called when the worker has no images any more. */
  idle?: () => void;
}

export class WorkerLanes implements Lanes {
  readonly #lanes: Lane[];
  readonly #settings: JobSettings;
  readonly #path: string | URL | undefined;
  readonly #patience: number;
  /** Counts seconds while images are pending. */
  #watch: ReturnType<typeof setInterval> | undefined;
  /** The callers that wait for a free place. */
  readonly #waiting: (() => void)[] = [];
  #ids = 0;
  #taken = 0;
  #failure: string | undefined;

  /**
   * Starts workers.
   *
   * @param path The path of their script, if it is not the usual one.
   * @param patience Seconds for which a worker may be silent.
   */
  constructor(
    count: number,
    settings: JobSettings,
    path: string | URL | undefined,
    patience: number = PATIENCE,
  ) {
    this.#settings = settings;
    this.#path = path;
    this.#patience = patience;
    this.#lanes = Array.from({ length: count }, () => {
      const worker = this.#start(() => lane);
      const pending = new Map<number, Pending>();
      const lane: Lane = { worker, isSecond: false, pending, quiet: 0 };
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
      // A worker that is ended while sharp decodes crashes Deno by a
      // segmentation fault.
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
    const lane = this.#lanes.reduce((least, lane) =>
      lane.pending.size < least.pending.size ? lane : least
    );
    const { worker, pending } = lane;
    if (pending.size === 0) lane.quiet = 0;
    const id = this.#ids++;
    return new Promise((resolve, reject) => {
      pending.set(id, { image, seed, resolve, reject });
      this.#watch ??= setInterval(() => this.#count(), 1000);
      worker.post({ id, bytes, seed }, [bytes.buffer]);
    });
  }

  /**
   * Counts a second of each waiting lane; while this process is stopped, none
   * is counted.
   */
  #count(): void {
    for (const lane of this.#lanes) {
      if (lane.pending.size === 0 || ++lane.quiet < this.#patience) continue;
      this.#giveUp(
        lane,
        "failed",
        `it has not answered for ${lane.quiet} s; check that workerPath, if it is set, is the URL of a bundle of image_worker.ts`,
      );
    }
  }

  /** Called when a lane has fewer images than before. */
  #settled(lane: Lane): void {
    lane.quiet = 0;
    if (lane.pending.size > 0) return;
    lane.idle?.();
    if (this.#lanes.some(({ pending }) => pending.size > 0)) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  #answered(lane: Lane, answer: WorkerAnswer): void {
    const job = lane.pending.get(Object(answer).id);
    // The answer is of a worker that was replaced, or no answer of a worker's script.
    if (!job) return;
    if (!isAnswer(answer, this.#settings.side)) {
      return this.#giveUp(
        lane,
        "failed",
        `it has answered ${
          shown(answer)
        }, as image_worker.ts of this version does not; bundle it again`,
      );
    }
    lane.pending.delete(answer.id);
    this.#settled(lane);
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
    if (lane.isSecond || this.#failure !== undefined) {
      const how = lane.isSecond ? "failed twice" : "failed";
      return this.#giveUp(lane, how, reason);
    }
    void lane.worker.stop();
    lane.isSecond = true;
    lane.worker = this.#start(() => lane);
    for (const [id, job] of lane.pending) void this.#sendAgain(lane, id, job);
  }

  /**
   * Fails the images that a worker has, by an error that names them, and all
   * later ones.
   */
  #giveUp(lane: Lane, how: string, reason: string): void {
    const jobs = [...lane.pending.values()];
    const names = jobs.map(({ image }) => image.name).join(" or ");
    this.#failure ??= `a worker ${how}${
      names && ` while it decoded ${names}`
    }: ${reason}`;
    for (const { reject } of jobs) reject(new Error(this.#failure));
    lane.pending.clear();
    this.#settled(lane);
  }

  async #sendAgain(lane: Lane, id: number, job: Pending): Promise<void> {
    const { worker, pending } = lane;
    try {
      const bytes = await ownBytes(job.image);
      // The second worker may have failed meanwhile, and the image with it.
      if (!pending.has(id)) return;
      worker.post({ id, bytes, seed: job.seed }, [bytes.buffer]);
    } catch (error) {
      pending.delete(id);
      job.reject(error as Error);
      this.#settled(lane);
    }
  }
}

/** Whether an answer is one of this version's script. */
function isAnswer(answer: WorkerAnswer, side: number): boolean {
  return "pixels" in answer
    ? answer.pixels instanceof Uint8Array &&
      answer.pixels.length === 3 * side * side
    : typeof answer.failure === "string";
}

/** The bytes of an image's file in a buffer of their own, which can be transferred. */
async function ownBytes(
  image: EncodedImage,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readImage(image));
}
