import type { CodecAddress } from "../decoding/codecs.ts";
import type { ImageType } from "../decoding/image_file.ts";
import type { JobSettings } from "./image_job.ts";

/** The name by which a worker's script knows that it has been started, not imported. */
export const WORKER_NAME = "lion-image-worker";

/** What a worker is told first. */
export interface WorkerStart {
  readonly settings: JobSettings;
  /** Where codecs lie, which a page knows by its import map and its workers do not. */
  readonly codecs: Partial<Record<ImageType, CodecAddress>>;
}

export interface WorkerJob {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** The text on which all of the image's random numbers depend. */
  readonly seed: string;
}

/** What a worker made of an image, or why it did not. */
export type WorkerAnswer =
  | { readonly id: number; readonly pixels: Uint8Array<ArrayBuffer> }
  | {
    readonly id: number;
    readonly failure: string;
    /** Whether the image is at fault. */
    readonly isBad: boolean;
  };
