/** The messages between a page or program and its image workers. @module */
import type { CodecAddress } from "../decoding/codecs.ts";
import type { ImageType } from "../decoding/image_file.ts";
import type { JobSettings } from "./image_job.ts";

/** The name by which a worker's script knows that it has been started, not imported. */
export const WORKER_NAME = "lion-image-worker";

/** The first message to a worker. */
export interface WorkerStart {
  readonly settings: JobSettings;
  /**
   * The codecs' addresses, which only a page knows, by its import map, and not
   * its workers.
   */
  readonly codecs: Partial<Record<ImageType, CodecAddress>>;
}

export interface WorkerJob {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** The text on which all of the image's random numbers depend. */
  readonly seed: string;
}

/** A worker's answer: the pixels of an image, or the reason of its failure. */
export type WorkerAnswer =
  | { readonly id: number; readonly pixels: Uint8Array<ArrayBuffer> }
  | {
    readonly id: number;
    readonly failure: string;
    /** Whether the image is at fault. */
    readonly isBad: boolean;
  };
