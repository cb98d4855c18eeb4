/** How many threads a machine can use. @module */
import { nodeModule } from "./node_module.ts";
import { assertPositiveInteger } from "./values.ts";

/** The most threads for each processor; more have no use. */
const PER_PROCESSOR = 4;

/**
 * Threads that any machine may start, so that a program written for a larger
 * machine runs there too, only not faster.
 */
const ANYWHERE = 16;

/** This machine's number of logical processors; Node before 21 has no navigator to ask. */
export function processors(): number {
  return globalThis.navigator?.hardwareConcurrency ??
    nodeModule("node:os")?.availableParallelism() ?? 1;
}

/**
 * The most threads that may be requested: four for each processor, and at least 16
 * on any machine. A thread takes some megabytes and time to start, and threads beyond
 * the processors only wait for each other: on two processors, 64 of them took five
 * seconds to start, and a thousand did not start at all.
 */
export function mostThreads(available: number = processors()): number {
  return Math.max(ANYWHERE, PER_PROCESSOR * available);
}

/** Throws unless a machine can use the given number of threads. */
export function assertThreads(
  name: string,
  value: number,
  available: number = processors(),
): void {
  assertPositiveInteger(name, value);
  const most = mostThreads(available);
  if (value <= most) return;
  const here = `${available} processor${available === 1 ? "" : "s"}`;
  throw new RangeError(
    `${name} should be at most ${most} on a machine of ${here}, got ${value}: ` +
      "more only take memory, and time to start; leave it out for one " +
      "per processor",
  );
}
