import type { EncodedImage } from "../datasets/image_dataset.ts";
import { doJob, isBad, type JobSettings } from "./image_job.ts";
import { BadImageError, type Lanes, readImage, STOPPED } from "./lanes.ts";

/** Decodes in the caller, one image at a time. */
export function callersLane(settings: JobSettings): Lanes {
  let last: Promise<unknown> = Promise.resolve();
  let isStopped = false;
  const decode = async (image: EncodedImage, seed: string) => {
    if (isStopped) throw new Error(STOPPED);
    const bytes = await readImage(image);
    try {
      return await doJob(bytes, seed, settings);
    } catch (cause) {
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
