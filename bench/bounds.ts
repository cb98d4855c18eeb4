/** What benches that have bounds tell, and how they end. @module */
import type { Measurement } from "./measure.ts";

/** Prints what was measured of some contenders. */
export function tellTimes(
  title: string,
  measurements: readonly Measurement[],
): void {
  console.log(`\n${title}: milliseconds, median`);
  const width = Math.max(24, ...measurements.map(({ name }) => name.length));
  for (const { name, median, p20, p80 } of measurements) {
    const range = `${p20.toFixed(2)} to ${p80.toFixed(2)}`;
    console.log(`  ${name.padEnd(width)} ${median.toFixed(2)} (${range})`);
  }
}

/** Ratios beside their bounds. */
export class Bounds {
  #exceeded = 0;

  /** Prints a ratio; with a bound, `Infinity` for none, it counts if it is above. */
  tell(what: string, ratio: number, bound: number): void {
    // A ratio of NaN keeps to no bound.
    const keeps = ratio <= bound;
    if (!keeps) this.#exceeded++;
    const told = Number.isFinite(bound) ? `, bound ${bound}` : "";
    console.log(
      `  ${what}: ${ratio.toFixed(2)}${told}${keeps ? "" : ": EXCEEDED"}`,
    );
  }

  /** Ends the program, with 1 if a bound was exceeded. Workers of a backend would keep it. */
  end(): never {
    Deno.exit(this.#exceeded > 0 ? 1 : 0);
  }
}

/** The median of a name. */
export function medianOf(
  measurements: readonly Measurement[],
  name: string,
): number {
  return measurements.find((one) => one.name === name)!.median;
}

/** The least median of those whose names begin so; `undefined` if there is none. */
export function leastMedian(
  measurements: readonly Measurement[],
  beginning: string,
): number | undefined {
  const medians = measurements
    .filter(({ name }) => name.startsWith(beginning))
    .map(({ median }) => median);
  return medians.length > 0 ? Math.min(...medians) : undefined;
}
