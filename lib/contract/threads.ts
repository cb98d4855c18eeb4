/** How many threads a machine can have use of. @module */
import { nodeModule } from "./node_module.ts";
import { assertPositiveInteger } from "./values.ts";

/** More threads than that on each processor have no use. */
const PER_PROCESSOR = 4;

/**
 * Threads that every machine may start, so that what is written for a larger
 * one runs there too, only not faster.
 */
const ANYWHERE = 16;

/** This machine's logical processors, of which Node before 21 has no navigator to tell. */
export function processors(): number {
  return globalThis.navigator?.hardwareConcurrency ??
    nodeModule("node:os")?.availableParallelism() ?? 1;
}

/**
 * The most threads that may be asked for: four for each processor, and 16 on
 * any machine. A thread takes some megabytes and its part of a start, and those
 * beyond the processors only wait for each other: 64 of them took two processors
 * five seconds, and of a thousand they did not start.
 *
 * @param available Processors of the machine that is meant.
 * @default this machine's
 */
export function mostThreads(available: number = processors()): number {
  return Math.max(ANYWHERE, PER_PROCESSOR * available);
}

/**
 * Throws unless a machine can have use of so many threads.
 *
 * @param name The caller's name for the value.
 * @param value The value given.
 * @param available Processors of the machine that is meant.
 * @default this machine's
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is not a positive integer, or beyond
 * {@linkcode mostThreads}.
 */
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
      "more of them only take memory, and time to start; leave it out for one " +
      "each processor",
  );
}
