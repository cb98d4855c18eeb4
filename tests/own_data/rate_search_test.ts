/** The search for a learning rate: which are tried, and that it goes on. @module */
import { assertEquals } from "@std/assert";
import {
  bestOf,
  type TriedRate,
  tryRates,
} from "../../tools/own_data/rate_search.ts";

/** Tries rates whose loss is this function of their logarithm to the base 10. */
async function triedWith(
  lossOf: (logRate: number) => number | null,
): Promise<{ rates: number[]; best: TriedRate | undefined; told: number[] }> {
  const told: number[] = [];
  const tried = await tryRates(
    (rate) =>
      Promise.resolve({ rate, loss: lossOf(Math.log10(rate)), accuracy: 0 }),
    ({ length }) => void told.push(length),
  );
  return { rates: tried.map(({ rate }) => rate), best: bestOf(tried), told };
}

Deno.test("tryRates() ends where the best rate has a worse one on each side", async () => {
  const { rates, best, told } = await triedWith((x) => (x + 3) ** 2);
  assertEquals(rates, [3e-4, 1e-3, 3e-3]);
  assertEquals([best!.rate, told], [1e-3, [1, 2, 3]]);
  const high = await triedWith((x) => (x + 1.6) ** 2);
  assertEquals(high.rates, [3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]);
  assertEquals(high.best!.rate, 3e-2);
  const low = await triedWith((x) => x < -2.9 ? -x : null);
  assertEquals(low.rates, [3e-4, 1e-3, 3e-3]);
  assertEquals(low.best!.rate, 1e-3);
});

Deno.test("tryRates() ends at the ends of what there is", async () => {
  assertEquals((await triedWith((x) => -x)).rates.at(-1), 1e-1);
  assertEquals((await triedWith((x) => x)).rates[0], 3e-5);
  const none = await triedWith(() => null);
  assertEquals([none.rates[0], none.best], [3e-5, undefined]);
});
