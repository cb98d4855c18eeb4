/** Memory that is held, without garbage. @module */
import { collectGarbage } from "../../collect_garbage.ts";

/** Bytes that JavaScript and its buffers hold. */
function held(): number {
  collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/**
 * The most bytes held while items are read, beyond those held before.
 *
 * @param items What is read.
 * @param count How many items to read.
 * @param use Uses an item.
 */
export async function mostHeld<T>(
  items: AsyncIterable<T>,
  count: number,
  use: (item: T) => unknown = () => {},
): Promise<number> {
  const before = held();
  let [most, read] = [0, 0];
  for await (const item of items) {
    await use(item);
    if (++read % Math.ceil(count / 8) === 0) {
      most = Math.max(most, held() - before);
    }
    if (read === count) return most;
  }
  throw new RangeError(`${count} items should be there, got ${read}`);
}
