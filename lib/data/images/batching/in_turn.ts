import type { Batch } from "../../batches/stream.ts";
import type { Lanes } from "./lanes.ts";

/**
 * Decodes the images of steps ahead of time, and makes batches when they are
 * asked for, so that steps made ahead take no tensors.
 */
export async function* inTurn(
  { start, end, prefetch }: { start: number; end: number; prefetch: number },
  open: () => Lanes,
  make: (lanes: Lanes, step: number) => Promise<() => Batch>,
): AsyncGenerator<Batch> {
  const lanes = open();
  const coming: Promise<() => Batch>[] = [];
  try {
    for (let step = start, next = start; step < end; step++) {
      for (; next < end && next <= step + prefetch; next++) {
        const made = make(lanes, next);
        made.catch(() => {}); // reported when the step's batch is asked for
        coming.push(made);
      }
      const toBatch = await coming.shift()!;
      yield toBatch();
    }
  } finally {
    await lanes.stop();
  }
}
